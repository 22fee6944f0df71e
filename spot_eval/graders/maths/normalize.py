r"""Give answers one spelling: ASCII and numpy maths, unicode, separators, clock times.

`to_latex` makes what Math-Verify reads right of what it reads wrong: it takes ``3.83e35`` for 3.83 * E * 35,
``2**(1/4)`` for 2 and ``1 000`` for 0. `plain` makes a string whose equality is equality without any
mathematics, which settles answers that are words. Pure string functions, linear in the text, never raising.
"""

from __future__ import annotations

import re
from decimal import Decimal

_UNICODE = str.maketrans(
    {
        "−": "-", "–": "-", "×": r"\times ", "·": r"\cdot ", "÷": r"\div ", "π": r"\pi ", "∞": r"\infty ",
        "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "∪": r"\cup ", "∩": r"\cap ",
        "∈": r"\in ", "±": r"\pm ", "°": r"^\circ ", "²": "^2", "³": "^3", "½": r"\frac{1}{2}", "⁄": "/",
        "\u00a0": " ", "\u202f": " ", "\u2009": " ", "θ": r"\theta ", "φ": r"\varphi ", "λ": r"\lambda ",
        "，": ",",
    }
)  # fmt: skip
_NUMBER = re.compile(
    r"([+-]?[0-9]+(?:\.[0-9]*)?|[+-]?\.[0-9]+)[eE]([+-]?[0-9]{1,5})(?=\s*(?:\\[a-z]+\{[^{}]*\}|[a-z%]{0,12})$)"
)
_POWER_OF_TEN = re.compile(
    r"(?<![0-9.^])([0-9]{1,40}(?:\.[0-9]{1,40})?)\s?(?:\\times|\\cdot|\*|x)\s?10\s?\^\s?(\{\s?[+-]?[0-9]{1,5}\s?\}|[+-]?[0-9](?![0-9]))"
)
_MODULE = re.compile(r"(?<![A-Za-z])(?:np|numpy|math|sympy)\.(?=[a-z])")
_FUNCTION = re.compile(
    r"(?<![\\A-Za-z{])(arcsin|arccos|arctan|sinh|cosh|tanh|sin|cos|tan|cot|sec|csc|ln|log|exp|pi|theta)(?![A-Za-z])"
)
_SQRT = re.compile(r"(?<![\\A-Za-z])(?:sqrt|√)\s?\(")
_RADICAL = re.compile(r"√\s?([0-9]+|[a-z])")
_GROUPED = re.compile(r"(?<![0-9.,])[0-9]{1,3}(?:(?:\\[,;:! ]|\{,\}|,\\!)\s?[0-9]{3})+(?![0-9])")
_SPACED = re.compile(r"[+-]?[0-9]{1,3}(?: [0-9]{3})+(?:\.[0-9]+)?")
_REVERSED = re.compile(r"^([-+]?[0-9.]{1,40})\s?=\s?([A-Za-z])$")
# Math-Verify's grammar has e, E and I for the constants alone: with a subscript they become letters nobody
# uses.
_RESERVED = re.compile(r"(?<![\\A-Za-z])[eEI](?=_)")
_UNUSED = {"e": r"\upsilon ", "E": r"\Upsilon ", "I": r"\Xi "}
_LABEL = re.compile(r"_\{?\s?\\(?:(?:text|mathrm|rm|mbox)\s?\{?\s?)?([A-Za-z]{1,12})\s?\}{0,2}(?![A-Za-z])")  # m_{\max}
_OPEN_DECIMAL = re.compile(r"([0-9])\.(?=\s*(?:[-+*/)}]|$))")
_ENDLESS = re.compile(r"(\.[0-9]{60})[0-9]+")
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})([ap])\.?m?\.*", re.IGNORECASE)

_HEAD = re.compile(r"\s*(?:(?:\\(?:approx|sim|simeq)(?![A-Za-z])|≈|~)\s*|(minus|negative)\s+(?=\S))", re.IGNORECASE)
_MIXED = re.compile(r"([+-]?[0-9]{1,9})\s+([0-9]{1,9})\s?/\s?([0-9]{1,9})")
_REPEATING = re.compile(
    r"(?<![0-9.])([0-9]{0,15})\.([0-9]{0,15})\\(?:overline|bar|dot)\s?(?:\{\s?([0-9]{1,15})\s?\}|([0-9]))"
)

_LAYOUT = re.compile(r"\\(?:left|right|displaystyle|limits|[bB]igg?[lr]?|q?quad)(?![A-Za-z])|\\[,;:! ]|(?<!\\)\$|[\s~]")
_TEXT = re.compile(r"\\(?:text|mbox|mathrm|textbf|textit|textrm|mathbf|operatorname)\s?\{([^{}]*)\}")
_PERCENT = re.compile(
    r"\s*(?:\\?%|\\text\s?\{\s*(?:percent|percentage|pct)\s*\}|(?<![A-Za-z])(?:percent(?:age)?|pct)(?![A-Za-z]))"
)


def to_latex(text: str) -> str:
    r"""`text` as LaTeX that Math-Verify reads as meant.

    >>> to_latex("np.arcsin(10/13)"), to_latex("4.5e33"), to_latex("-1 + sqrt(3)"), to_latex(r"12\,345\,678")
    ('\\arcsin(10/13)', '4500000000000000000000000000000000', '-1 + \\sqrt{3}', '12345678')
    """
    text = re.sub(r"(?<!\\)\$|\\[()\[\]](?!pt)", " ", text.translate(_UNICODE))
    text = " ".join(text.replace(r"\varnothing", r"\emptyset").split())
    text = _REPEATING.sub(_as_fraction, _HEAD.sub(_sign, text, count=1) if _HEAD.match(text) else text)
    mixed = _MIXED.fullmatch(text)
    if mixed and int(mixed[2]) < int(mixed[3]):
        text = rf"{mixed[1]}\frac{{{mixed[2]}}}{{{mixed[3]}}}"
    text = _ENDLESS.sub(r"\1", text)
    text = _POWER_OF_TEN.sub(_written_out, text)
    text = _NUMBER.sub(_written_out, text) if _NUMBER.match(text) else text
    text = re.sub(r"\s(?=\d)", "", text) if _SPACED.fullmatch(text) else text
    text = _GROUPED.sub(lambda number: re.sub(r"[^0-9]", "", number[0]), text)
    text = _SQRT.sub(r"\\sqrt(", _RADICAL.sub(r"\\sqrt{\1}", text))
    text = _braces_for_parentheses(_FUNCTION.sub(r"\\\1", _MODULE.sub("", text)).replace("**", "^"))
    text = _OPEN_DECIMAL.sub(r"\1", text).rstrip(".,; ")
    text = _LABEL.sub(r"_{\1}", _RESERVED.sub(lambda letter: _UNUSED[letter[0]], text))
    return _REVERSED.sub(r"\2=\1", text)


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


def _written_out(number: re.Match[str]) -> str:
    """4.5e33 with all its zeros, the one form in which Math-Verify compares integers and decimals alike."""
    exponent = int(number[2].strip("{} "))
    if abs(exponent) > 60:
        return rf"{number[1]} \cdot 10^{{{exponent}}}"
    value = f"{Decimal(number[1]).scaleb(exponent):f}"
    return value.rstrip("0").rstrip(".") if "." in value else value


def _sign(head: re.Match[str]) -> str:
    return "-" if head[1] else ""


def _as_fraction(number: re.Match[str]) -> str:
    r"""``0.1\overline{6}`` as a fraction, (16 - 1) / 90; Math-Verify reads the bar as none or as a factor."""
    fixed, again = (number[1] or "0") + number[2], number[3] or number[4]
    below = 10 ** len(number[2]) * (10 ** len(again) - 1)
    return rf"\frac{{{int(fixed + again) - int(fixed)}}}{{{below}}}"


def _braces_for_parentheses(text: str) -> str:
    r"""``\sqrt(..)`` and ``^(..)`` with braces; Math-Verify's own repair stops at the first ``)``."""
    if "\\sqrt(" not in text and "^(" not in text:
        return text
    out, stack = list(text), []
    for i, c in enumerate(text):
        if c == "(":
            stack.append(i)
        elif c == ")" and stack:
            start = stack.pop()
            if text[:start].endswith(("\\sqrt", "^")):
                out[start], out[i] = "{", "}"
    return "".join(out)


def plain(text: str) -> str:
    r"""`text` without anything that is only layout: two answers with the same `plain` are the same answer.

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
    r"""`text` with every percent sign, or the word for it, taken out.

    >>> without_percent(r"62.5 \%"), without_percent("28 percent")
    ('62.5', '28')
    """
    return _PERCENT.sub("", text)
