r"""Give answers one spelling: what is only layout taken off, clock times, per cent.

`plain` makes a string whose equality is equality without any mathematics, which settles answers that are words. Pure
string functions, linear in the text, never raising.
"""

from __future__ import annotations

import re

_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})([ap])\.?m?\.*", re.IGNORECASE)

_HEAD = re.compile(r"\s*(?:(?:\\(?:approx|sim|simeq)(?![A-Za-z])|≈|~)\s*|(minus|negative)\s+(?=\S))", re.IGNORECASE)

_LAYOUT = re.compile(r"\\(?:left|right|displaystyle|limits|[bB]igg?[lr]?|q?quad)(?![A-Za-z])|\\[,;:! ]|(?<!\\)\$|[\s~]")
_TEXT = re.compile(r"\\(?:text|mbox|mathrm|textbf|textit|textrm|mathbf|operatorname)\s?\{([^{}]*)\}")
_PERCENT = re.compile(
    r"\s*(?:\\?%|\\text\s?\{\s*(?:percent|percentage|pct)\s*\}|(?<![A-Za-z])(?:percent(?:age)?|pct)(?![A-Za-z]))"
)


_LAYOUT_COMMAND = re.compile(r"\\(?:phantom|label|tag)\s?\{[^{}]*\}")
_COLOUR = re.compile(r"\\(?:color|textcolor)\s?\{[^{}]*\}")


def tidy(text: str) -> str:
    r"""Return `text` without markdown marks around it, colours, and a sentence's full stop.

    >>> tidy(r"`42`."), tidy(r"**7**"), tidy(r"\color{red}{13}")
    ('42', '7', '{13}')
    """
    text = _COLOUR.sub("", _LAYOUT_COMMAND.sub("", text)).strip()
    text = text.strip("`").strip() if "`" in text else text
    if text.startswith("**") and text.endswith("**"):
        text = text.strip("*")
    text = re.sub(r"`?\.\s*$", "", text) if not text.endswith("..") else text
    return text.strip("` ")


def _sign(head: re.Match[str]) -> str:
    return "-" if head[1] else ""


def plain(text: str) -> str:
    r"""Return `text` without layout: two answers with the same `plain` are the same answer.

    >>> plain(r"\left( 3, \dfrac{\pi}{2} \right)."), plain(r"\text{4:30 p.m.}"), plain(r"\text{ East}")
    ('(3,\\frac{\\pi}{2})', '4:30pm', 'east')
    """
    text = text.replace("dfrac", "frac").replace("tfrac", "frac").replace(r"\varnothing", r"\emptyset")
    text = _TEXT.sub(r"\1", text)
    text = _HEAD.sub(_sign, text, count=1) if _HEAD.match(text) else text
    text = _LAYOUT.sub("", text).rstrip(".,;")
    clock = _CLOCK.fullmatch(text)
    if clock:
        return f"{int(clock[1])}:{clock[2]}{clock[3].lower()}m"
    # Upper and lower case are two variables in a formula, and one word in prose.
    return text.lower() if text.isalpha() and len(text) > 2 else text


def without_percent(text: str) -> str:
    r"""Return `text` without percent signs and the word for them.

    >>> without_percent(r"62.5 \%"), without_percent("28 percent")
    ('62.5', '28')
    """
    return _PERCENT.sub("", text)
