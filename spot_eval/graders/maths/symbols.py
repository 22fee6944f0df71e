"""Tables of what signs and commands mean, however they are written: LaTeX, ASCII, Unicode. Knows no grammar."""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction

_VULGAR = {c: unicodedata.numeric(c) for c in "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅐⅛⅜⅝⅞⅑⅒"}
_REPLACED = {
    "−": "-", "–": "-", "—": "-", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "∙": r"\cdot ", "÷": r"\div ",
    "π": r"\pi ", "∞": r"\infty ", "≤": r"\le ", "≥": r"\ge ", "⩽": r"\le ", "⩾": r"\ge ", "≠": r"\ne ",
    "≈": r"\approx ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "±": r"\pm ", "∓": r"\mp ", "°": r"^\circ ",
    "⁄": "/", "∕": "/", "∅": r"\emptyset ", "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℕ": r"\mathbb{N}",
    "ℚ": r"\mathbb{Q}", "∖": r"\setminus ", "∨": r"\lor ", "∧": r"\land ", "√": r"\sqrt ", "∛": r"\sqrt[3]",
    "…": r"\ldots ", "⟨": r"\langle ", "⟩": r"\rangle ", "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ",
    "⌉": r"\rceil ", "′": "'", "’": "'", "∠": r"\angle ", "Ω": r"\Omega ", "∀": r"\forall ", "、": ",",
    "，": ",", "；": ";", "（": "(", "）": ")", "：": ":", "％": "%", "＝": "=", "－": "-", "＋": "+",
    "₋": "-", "∣": "|", "≡": r"\equiv ", "￥": "¥", "µ": r"\mu ", "𝑖": "i",
}  # fmt: skip
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
    "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi",
    "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Σ": "Sigma",
    "Φ": "Phi", "Ψ": "Psi", "ϕ": "phi",
}  # fmt: skip
GREEK = frozenset(_GREEK.values()) | {
    "upsilon", "Upsilon", "Xi", "Pi", "Omega", "ell", "hbar", "varsigma", "iota",
    "partial", "nabla", "odot", "oplus", "star", "mho", "wp",
}  # fmt: skip
FUNCTIONS = frozenset(
    [
        "sin",
        "cos",
        "tan",
        "cot",
        "sec",
        "csc",
        "sinh",
        "cosh",
        "tanh",
        "coth",
        "arcsin",
        "arccos",
        "arctan",
        "arccot",
        "arcsec",
        "arccsc",
        "asin",
        "acos",
        "atan",
        "ln",
        "log",
        "lg",
        "exp",
        "sqrt",
        "gcd",
        "lcm",
        "min",
        "max",
        "cis",
        "Re",
        "Im",
        "abs",
        "floor",
        "ceil",
        "sgn",
    ]
)
_SUPER = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n")
_SUB = str.maketrans("₀₁₂₃₄₅₆₇₈₉₊₋", "0123456789+-")
_SUPERS = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ]+")
_SUBS = re.compile("[₀₁₂₃₄₅₆₇₈₉₊₋]+")
_SPACED = re.compile(r"\s*([-+]?\s?\\?\$?)([0-9]{1,3}(?: [0-9]{3})+)((?:\.[0-9]+)?)\s*")
STYLE = frozenset(
    [
        "mathbf",
        "boldsymbol",
        "bm",
        "mathcal",
        "mathsf",
        "mathtt",
        "mathit",
        "mathfrak",
        "mathscr",
        "underline",
        "boxed",
        "fbox",
        "framebox",
        "ensuremath",
        "emph",
        "phantom",
        "hphantom",
        "uline",
        "mathstrut",
        "overbrace",
        "underbrace",
    ]
)
PROSE = frozenset(
    ["text", "mbox", "mathrm", "textbf", "textit", "textrm", "textsf", "texttt", "hbox", "textnormal", "operatorname"]
)
ACCENTS = frozenset(
    [
        "vec",
        "hat",
        "overrightarrow",
        "overline",
        "bar",
        "tilde",
        "widehat",
        "widetilde",
        "overleftarrow",
        "dot",
        "ddot",
        "angle",
        "triangle",
    ]
)
RELATIONS = {
    "=": "=", "<": "<", ">": ">", "le": "<=", "leq": "<=", "leqslant": "<=", "leqq": "<=", "ge": ">=", "geq": ">=",
    "geqslant": ">=", "geqq": ">=", "lt": "<", "gt": ">", "ne": "!=", "neq": "!=", "approx": "~", "simeq": "~",
    "sim": "~", "thickapprox": "~", "doteq": "~", "equiv": "=", "in": "in", "notin": "notin", "to": "=",
    "rightarrow": "=", "Rightarrow": "=", "mapsto": "=", "implies": "=", "longrightarrow": "=", "ni": "in",
    "leftrightarrow": "~~", "iff": "~~", "Leftrightarrow": "~~", "mid": "|", "cong": "~", "subset": "sub",
    "subseteq": "sub", "coloneqq": "=",
}  # fmt: skip
ALIASES = {
    "dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "nicefrac": "frac", "sfrac": "frac", "dbinom": "binom",
    "tbinom": "binom", "lbrace": "{", "rbrace": "}", "lbrack": "[", "rbrack": "]", "lparen": "(", "rparen": ")",
    "lvert": "|", "rvert": "|", "vert": "|", "lVert": "||", "rVert": "||", "Vert": "||", "varnothing": "emptyset",
    "varpi": "pi", "smallsetminus": "setminus", "backslash": "setminus", "vee": "lor", "wedge": "land", "colon": ":",
    "ast": "*", "star": "star", "times": "*", "cdot": "*", "bullet": "*", "div": "/", "mathbin": "", "degree": "circ",
    "cup": "cup", "cap": "cap", "dots": "ldots", "cdots": "ldots", "dotsc": "ldots", "vdots": "ldots", "infin": "infty",
    "newline": "\\\\", "arccosine": "arccos", "slash": "/", "prime": "'", "lcm": "lcm", "euro": "€", "pounds": "£",
    "iota": "iota", "imath": "i", "vartheta": "theta", "varphi": "phi", "varepsilon": "epsilon", "varrho": "rho",
    "varkappa": "kappa",
}  # fmt: skip
MODULES = re.compile(r"(?:np|numpy|math|sympy|sp)\.(?=[a-zA-Z])")
ASCII_NAMES = {"infinity": "infty", "inf": "infty", "oo": "infty", "Infinity": "infty", "union": "cup", "pm": "pm"}


_CHOOSE = re.compile(r"\{\}\s?[_^]\{?([0-9A-Za-z]{1,4})\}?\s?C\s?_\{?([0-9A-Za-z]{1,4})\}?")  # as calculators have it
_ORDINAL = re.compile(
    r"(?<![A-Za-z0-9.])([0-9]{1,6})(?:(?:st|nd|rd|th)(?![A-Za-z])|\^(?:\{(?:st|nd|rd|th)\}"
    r"|\{\\(?:text|mathrm)\{(?:st|nd|rd|th)\}\}|\\(?:text|mathrm)\{(?:st|nd|rd|th)\}))"
)
_ABBREVIATED = re.compile(
    r"(?<![A-Za-z\\])(sq|cu|hrs?|mins?|secs?|lbs?|oz|ft|in|yds?|mi|approx)\.(?=[\s}]|$)", re.IGNORECASE
)
_POINTS = re.compile(r"(?<![0-9.,])[0-9]{1,3}(?:\.[0-9]{3}){2,6}(?![0-9.])")  # 1.000.000, as much of Europe has it
_MONEY_LAST = re.compile(r"\s*([-+]?[0-9][0-9.,]{0,40})(?:\s|\\[,;: ]|~)*([€£¥₹])\s*")  # 29 €


def spell(text: str) -> str:
    """Return `text` with Unicode mathematics as LaTeX: full-width digits, super- and subscripts, vulgar fractions."""
    if not text.isascii():
        for c in set(text) & _VULGAR.keys():
            value = Fraction(_VULGAR[c]).limit_denominator(20)
            text = text.replace(c, rf"\frac{{{value.numerator}}}{{{value.denominator}}}")
        text = _SUPERS.sub(lambda digits: "^{" + digits[0].translate(_SUPER) + "}", text)
        text = _SUBS.sub(lambda digits: "_{" + digits[0].translate(_SUB) + "}", text)
        for c in {c for c in text if ord(c) > 127}:
            if c in _REPLACED:
                text = text.replace(c, _REPLACED[c])
            elif c in _GREEK:
                text = text.replace(c, rf"\{_GREEK[c]} ")
            elif "\uff00" < c < "\uff5f" or c.isspace():
                text = text.replace(c, unicodedata.normalize("NFKC", c))
    text = _CHOOSE.sub(r"\\binom{\1}{\2}", text)
    text = _ORDINAL.sub(r"\1", text)
    text = _ABBREVIATED.sub(r"\1", text)
    text = _POINTS.sub(lambda number: number[0].replace(".", ""), text)
    if money := _MONEY_LAST.fullmatch(text):
        text = money[2] + money[1]
    spaced = _SPACED.fullmatch(text)
    return spaced[1] + spaced[2].replace(" ", "") + spaced[3] if spaced else text
