r"""Take off what only dresses an answer: colours, sizes, underlines, backticks, and words around the value.

    \color{red}{13}  ->  13        \text{The answer is } 5  ->  5        f(x)=2x \text{ for all real } x  ->  f(x)=2x

Strings in, strings out. Knows nothing of mathematics beyond balanced braces; every scan is linear in the length of the
text, which is bounded.
"""

from __future__ import annotations

import json
import re

_STYLE = re.compile(
    r"\\(?:displaystyle|textstyle|scriptstyle|large|Large|LARGE|huge|Huge|small|normalsize|bf|bfseries|rm|it|sf|tt"
    r"|nonumber|centering)(?![A-Za-z])\s?"
)
_WRAPPER = re.compile(  # (command with what is dropped)(the brace of what is kept)
    r"\\(?:underline|uline|emph|framebox(?:\[[^\[\]{}]{0,20}\]){0,2}|fbox|hl|enclose\{[^{}]{0,20}\}"
    r"|(?:text)?color\s?\{[^{}]{0,20}\}|colorbox\s?\{[^{}]{0,20}\}|fcolorbox\{[^{}]{0,20}\}\{[^{}]{0,20}\})\s?(?=\{)"
)
_COLOUR = re.compile(r"\\(?:text)?color\s?\{[^{}]{0,20}\}\s?")
_NOTHING = re.compile(
    r"\\(?:h?phantom|hspace|vspace|label|tag)\*?\s?\{[^{}]{0,60}\}"
    r"|(?<=[0-9}])\s?\\text\s?\{\s?\([a-z][a-z -]{1,40}\)\s?\}$"
    r"|\\(?:checkmark|blacksquare|qedsymbol|qed|Box)(?![A-Za-z])\s{0,3}$"
)
_FRACTION = re.compile(r"\\(?:nicefrac|sfrac|xfrac|flatfrac|ifrac)(?![A-Za-z])")
_ITALIC = re.compile(r"\\(?:textit|textsf|texttt|textsc|textsl|emph)(?=\s?\{)")
_BOLD_NUMBER = re.compile(
    r"\\(?:mathbf|boldsymbol|bm|textbf|pmb|mathrm|mathit|mathsf|mathtt|mbox)\s?\{\s?(-?[0-9][0-9.,]{0,30})\s?\}"
)
_NUMBER_GROUP = re.compile(r"^\{\s?([^{}]{1,60})\s?\}$")
_LABEL = re.compile(
    r"^\\(?:text|mbox|textbf|textrm|mathrm)\s?\{\s?(?:"
    r"[^{}]{0,40}?\b(?:answer|result|solution|value)\b[^{}]{0,30}?(?:\bis|\bare|:|=)\s?:?"
    r"|(?:case|part|step)\s?\(?\w{1,4}\)?\s?[:.]"
    r")\s?\}\s?(?=\S)",
    re.IGNORECASE,
)
_CASE = re.compile(r"^\$?[A-Za-z]\s?=\s?-?[0-9]{1,4}\$?:\s(?=\S)")
_NOT_BUT = re.compile(
    r"^\\text\s?\{\s?not\s?\}.{1,80}?\\text\s?\{\s?,?\s?but(?:\srather)?\s?\}\s?(?P<value>.{1,200})$", re.DOTALL
)
_FOR_ALL = re.compile(
    r"(?:\\q?quad|\\[,;: ]|[\s,~])*(?:\\text\s?\{[\s,]{0,3}for\s(?:all|any|every|each|arbitrary)\b[^{}]{0,60}\}"
    r"|\\forall(?![A-Za-z]))[^=]{0,80}$"
)
_TAG = re.compile(r"<(?P<tag>(?:final_?)?answer)>(?P<inner>[^<]{1,400})</(?P=tag)>", re.IGNORECASE)
_JSON = re.compile(
    r"(?P<before>[{,]\s{0,20})(?P<quote>[\"'])(?:final_?\s?|correct_?\s?)?answer(?P=quote)\s{0,9}:\s{0,9}"
    r"(?P<value>\"(?:[^\"\\\n]|\\.){0,400}\"|'[^'\n]{0,400}'|-?[0-9][0-9.,eE+-]{0,60}(?<![,])|\[[^\[\]\n]{0,200}\]|null)"
    r"[^\n]{0,400}",
    re.IGNORECASE,
)
_MAX = 20_000  # characters of an answer; longer ones are refused later
_MAX_ROUNDS = 40


def plain_answer(answer: str) -> str:
    r"""Return `answer` without formatting and without words around it; never empty if `answer` is not.

    >>> [plain_answer(text) for text in (r"\color{red}{13}", r"{\Large 13}", r"\nicefrac34", r"\text{Case 3: } 7")]
    ['13', '13', '\\frac34', '7']
    """
    if len(answer) > _MAX:
        return answer
    text = _without_quotes(answer.strip())
    if "\\" in text or text[:1] == "{":
        text = _FRACTION.sub(r"\\frac", _NOTHING.sub("", _STYLE.sub("", text)))
        text = _ITALIC.sub(r"\\text", _BOLD_NUMBER.sub(r"\1", text))
        text = _COLOUR.sub("", _unwrapped(text)).strip()
        while (inner := _NUMBER_GROUP.match(text)) and "," not in text:
            text = inner[1].strip()
        text = _FOR_ALL.sub("", _LABEL.sub("", text))
        if contrast := _NOT_BUT.match(text):
            text = contrast["value"]
    text = _CASE.sub("", text)
    return text.strip() or answer


def _without_quotes(text: str) -> str:
    for mark in ("**", "__", "`", '"', "''"):
        if len(text) > 2 * len(mark) and text.startswith(mark) and text.endswith(mark):
            text = text[len(mark) : -len(mark)].strip()
    if len(text) > 2 and text[0] in "“‘「『" and text[-1] in "”’」』":
        text = text[1:-1].strip()
    return text


def _unwrapped(text: str) -> str:
    """Replace each wrapper by its content; one that is not closed stays."""
    at = 0
    for _ in range(_MAX_ROUNDS):
        found = _WRAPPER.search(text, at)
        if not found:
            break
        close = _closing(text, found.end())
        if close is None:
            at = found.end()
            continue
        text = text[: found.start()] + text[found.end() + 1 : close].strip("$") + text[close + 1 :]
        at = found.start()
    return text


def _closing(text: str, opening: int) -> int | None:
    """Return where the brace at `opening` is closed, or None."""
    depth = 0
    for brace in re.finditer(r"\\.|[{}]", text[opening:], re.DOTALL):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return opening + brace.start()
    return None


def answers_in_lines(text: str) -> str:
    r"""Return `text` with tags and JSON fields that hold the answer written as lines "Answer: …".

    >>> answers_in_lines('{"steps": "6*7", "answer": 42}').strip().splitlines()[-1]
    'Answer: 42'
    """
    if "<" in text:
        text = _TAG.sub(lambda found: f"\nAnswer: {' '.join(found['inner'].split())}\n", text)
    return _JSON.sub(_json_line, text) if "answer" in text.lower() else text


def _json_line(found: re.Match[str]) -> str:
    value = found["value"]
    if value == "null":
        return "\n"
    if value[0] == '"':
        try:
            value = json.loads(value)
        except ValueError:  # LaTeX with single backslashes, which JSON does not allow
            value = value[1:-1]
        if re.search(r"[\x00-\x1f]", value):  # \frac and \theta read as escapes
            value = found["value"][1:-1]
    else:
        value = value.strip("'[]")
    return f"\nAnswer: {' '.join(value.split())}\n"
