r"""Answers stated in words: "the answer is 5", "#### 5", a last line in bold. Strings in, strings out.

A worked example: of ``2 + 2 is 4.`` and then ``A: 4`` the answer is ``4``. The tables say which words introduce, deny
or remark on an answer. Knows nothing of mathematics or equality (`maths` does) and never raises; every scan is linear
in the length of the text.
"""

from __future__ import annotations

import re

_STRONG = (  # a line or a phrase that can only introduce the final answer
    r"^[ \t>*_]{0,8}####[ \t]{0,8}",
    r"^[ \t>*_#]{0,8}(?:A|Ans|(?:The[ \t])?(?:Final[ \t])?Answer)[ \t*_]{0,8}[:\uff1a][ \t*_]{0,8}",
    r"\bfinal answer\b(?:[ \t*_\"']{0,4}(?:(?:is|are)\b|[:=])|[ \t*_]{0,4}$)",
    r"答案(?:是|为|：|:)",
)
_WEAK = (
    r"\banswer\b[^.\n$\\]{0,40}?(?:\b(?:is|are|equals)\b[ \t*_]{0,4}:?|[:=])"
    r"|\b(?:réponse|respuesta|risposta)\b[^.\n$]{0,20}?(?:est|es|è|:)"
)
_CORRECTION = re.compile(
    rf"{'|'.join(_STRONG)}|\bthe\s(?:(?:correct|right|actual|true)\s)?answer\s(?:is|equals)\b[ \t*_]{{0,4}}:?",
    re.IGNORECASE | re.MULTILINE,
)
_MARK = re.compile(rf"(?P<strong>{'|'.join(_STRONG)})|(?P<weak>{_WEAK})", re.IGNORECASE | re.MULTILINE)
_SPAN = (
    r"\$\$[^$]{1,400}\$\$|\$(?:[^$\n\\]|\\.){1,400}\$"
    r"|\\\((?:[^\\]|\\[^)]){1,400}?\\\)|\\\[(?:[^\\]|\\[^\]]){1,400}?\\\]"
)
_SPANS = re.compile(
    rf"(?:{_SPAN})(?:\s{{0,4}}(?:,|,?\s?and|,?\s?or)\s{{0,4}}(?:{_SPAN}))*(?:\s?(?:\\?%|percent\b|pct\b))?"
)
_LEAD = re.compile(r"(?:\s|\\?[*_\"'“”:]|(?:therefore|thus|simply|just|equal to|given by|either)\b)*", re.IGNORECASE)
_SENTENCE = re.compile(r"(?:[.!?。](?=\s|$|[\"'*_])|\n|\bI hope\b)")
_DELIMITER = re.compile(r"\$+|\\[()\[\]]")
_WORD = re.compile(r"\\[a-zA-Z]+|\\.|[^\W\d_]+")
_TEXT_GROUP = re.compile(r"\\(?:text|mbox|mathrm|textbf|textit|operatorname|begin|end)\s{0,3}\*?\{[^{}]{0,80}\}")
_SYMBOLS = re.compile(
    r"(?:arc)?(?:sin|cos|tan)h?|cot|sec|csc|log|ln|exp|sqrt|pi|abs|min|max|gcd|lcm|mod|det|and|or"
    r"|inf|infinity|oo|np|math|percent|percentage|pct"
)
_ENGLISH = re.compile(r"is|of|to|in|it|an|as|by|we|so|at|be|if|on|no|he|my|us|up|do|go|me|am|mr|ms|vs")
_NAMED = re.compile(r"\s*\(?[A-Za-z](?:_\{?\w{1,3}\}?)?(?:\(\w\))?\s*=")
_CONSTANT = re.compile(r"[0-9πφ∞∅]|\\(?:pi|infty|emptyset|varnothing)(?![A-Za-z])|(?<![A-Za-z\\])e(?![A-Za-z])")
_KNOWN = re.compile(
    r"\\(?!(?:alpha|beta|gamma|delta|theta|lambda|mu|omega|phi|rho|sigma|tau)(?![a-z]))[A-Za-z]+"
    r"|(?<=[0-9])\s[A-Za-z]{1,12}\s*$|[ei](?![A-Za-z])"
)
_CLOSES = re.compile(r"[\s*_\\\"'”,]{0,9}(?:[.!](?![0-9])|$)|[ \t*_\\\"'”,]{0,9}\n")
_VALUE = r"(?:\$[^$\n]{1,60}\$|\\\([^\n]{1,60}?\\\)|[-+]?[0-9][^\s;]{0,60})"
_DENIED = re.compile(
    r"(?:(?:\bnot|\Bn['’]t|\bcannot|\bnever)(?:\s{1,3}(?:be|equal|to|exactly|simply|just|necessarily)){0,3}"
    r"|\b(?:no\s{1,3})?(?:less|fewer|smaller|lower|more|greater|larger|bigger|higher)\s{1,3}than(?:\sor\sequal\sto)?"
    rf"|\bat\s{{1,3}}(?:least|most)|\b(?:above|below)|\bbetween\s{{1,3}}{_VALUE}\sand)\s{{1,3}}[*_\"']{{0,3}}{_VALUE}",
    re.IGNORECASE,
)
_MINUS = re.compile(
    r"((?:\b(?:is|are|be|equals)\s|[:=]\s?|^\s{0,8})[*_]{0,3})(?:minus|negative)\s(\$|\\\()?(?=[0-9])", re.IGNORECASE
)
_NAME = re.compile(r"[A-Z][\w'’-]{0,30}(?:\s[A-Z][\w'’-]{0,30}){0,2}|[a-z-]{2,30}")
_REMARK = re.compile(  # said about an answer, not as one
    r"correct|right|wrong|incorrect|clear|obvious|below|above|follows|simple|simplified|unique|known|unknown|found|given"
    r"|this|that|it|here|there|what|not|reasonable|consistent|valid|verified|complete|done|different|same|exact"
    r"|approximate|rounded|expected|easy|straightforward|now|then|thus|therefore|just|as|in|the|an|also|still"
)
_BOLD_LINE = re.compile(r"\*\*([^*\n]{1,60}?)[.!]?\*\*[.!]?")
_MAX_BARE = 500
_MAX_STATEMENT = 600
_MAX_MARKS = 20


def is_expression(text: str) -> bool:
    r"""Whether `text` is nothing but mathematics: LaTeX commands, function names, symbols, no words.

    >>> [is_expression(text) for text in (r"x = \frac12 \text{ cm}", "3 or 4", "42 because it is")]
    [True, True, False]
    """
    if not text.strip() or len(text) > _MAX_BARE:
        return False
    for word in _WORD.findall(_TEXT_GROUP.sub(" ", text)):
        if word[0] == "\\" or _SYMBOLS.fullmatch(word):
            continue
        if (not word.isascii() and word not in "πθφλμσ∞") or _ENGLISH.fullmatch(word):
            return False
        if len(word) > (4 if word.isupper() else 2):
            return False
    return True


def without_denials(text: str) -> str:
    r"""`text` without the values it says an answer is not, or only bounds it with; "minus 7" becomes -7.

    >>> [without_denials(text) for text in ("It is not 2, but 5.", "x is at least $4$", "It is minus 7.")]
    ['It is   but 5.', 'x is  ', 'It is -7.']
    """
    return _DENIED.sub(" ", _MINUS.sub(lambda minus: f"{minus[1]}{minus[2] or ''}-", text))


def stated_answer(text: str) -> str | None:
    r"""What the last "the answer is ...", "A: ..." or "#### ..." of `text` states, or None.

    What is no expression comes back as it stands: words, or a sentence for Math-Verify to search.

    >>> [stated_answer(text) for text in ("2 + 2 is 4.\nA: 4", "the answer is $x=1$ or $x=2$.", "4")]
    ['4', 'x=1, x=2', None]
    """
    for mark in reversed(list(_MARK.finditer(text))[-_MAX_MARKS:]):
        tail = text[mark.end() : mark.end() + _MAX_STATEMENT]
        tail = tail[_LEAD.match(tail).end() :]  # type: ignore[union-attr]
        spans = _SPANS.match(tail)
        if spans and "boxed" not in spans[0]:
            return spans_content(spans[0])
        end = _SENTENCE.search(tail)
        sentence = (tail[: end.start()] if end else tail).strip().rstrip("*_\"' .,")
        if "boxed" in sentence:  # never closed, or it would have been found
            continue
        if is_expression(sentence):
            return bare(sentence)
        if any(c.isdigit() for c in sentence):
            return sentence
        introduced = mark["strong"] or mark[0].rstrip("*_ ").endswith(":")
        if introduced and 0 < len(sentence) <= 40 and sentence.count(" ") < 4:
            return sentence  # an answer in words
        if _NAME.fullmatch(sentence) and not _REMARK.fullmatch(sentence.lower()):
            return sentence
    return None


def correction(text: str, box: str) -> str | None:
    r"""The answer stated in `text`, which follows the last box, if it can stand against that box's content.

    That takes "the answer is", "final answer" or "Answer:" and, up to the end of the sentence, a closed value:
    no formula in free variables where the box has none.

    >>> [correction(text, "3") for text in ("No: the answer is 5.", "The answer is $a+b$ = 3.", "Answer key: B")]
    ['5', None, None]
    """
    for mark in reversed(list(_CORRECTION.finditer(text))[-_MAX_MARKS:]):
        tail = text[mark.end() : mark.end() + _MAX_STATEMENT]
        tail = tail[_LEAD.match(tail).end() :]  # type: ignore[union-attr]
        spans = _SPANS.match(tail)
        if spans:
            value = spans_content(spans[0]) if _CLOSES.match(tail, spans.end()) else ""
        else:
            end = _SENTENCE.search(tail)
            value = (tail[: end.start()] if end else tail).strip().rstrip("*_\"' .,")
            value = bare(value) if is_expression(value) and not (end and end[0] == "?") else ""
        if "boxed" not in value and _CONSTANT.search(value) and (not _has_variables(value) or _has_variables(box)):
            return value
    return None


def _has_variables(value: str) -> bool:
    value = _NAMED.sub("", _TEXT_GROUP.sub(" ", value), count=1)
    return any(not _SYMBOLS.fullmatch(word) for word in re.findall(r"\\?[A-Za-z]+", _KNOWN.sub(" ", value)))


def bold_line(text: str) -> str | None:
    """The last line of `text`, if it is bold and may be an answer: it has a digit, or few words.

    >>> bold_line("So it falls on\\n\\n**Tuesday**"), bold_line("**Final answer**")
    ('Tuesday', None)
    """
    bold = _BOLD_LINE.fullmatch(text.rstrip().rpartition("\n")[2].strip())
    if not bold or bold[1].endswith(":") or re.search(r"\b(?:answer|solution)\b", bold[1], re.IGNORECASE):
        return None
    return bold[1] if any(c.isdigit() for c in bold[1]) or bold[1].count(" ") < 3 else None


def spans_content(spans: str) -> str:
    """The mathematics of ``$1$ and $2$``, delimiters off, as one comma-separated answer."""
    parts = [_DELIMITER.sub("", part).strip() for part in re.findall(_SPAN, spans)]
    percent = re.search(r"(?:%|percent|pct)\s*$", re.sub(_SPAN, "", spans))
    return ", ".join(parts) + (r"\%" if percent else "")


def bare(text: str) -> str:
    """`text` without maths delimiters around or inside it, nor markdown stars or a full stop after it."""
    text = text.strip().strip("*").rstrip(".").strip()
    single = re.fullmatch(_SPAN, text)
    if not single and _SPANS.fullmatch(text):
        return spans_content(text)
    return re.sub(r"(?<!\\)\$+|\\[()\[\]](?![a-z0-9]*pt\])", " " if not single else "", text).strip()
