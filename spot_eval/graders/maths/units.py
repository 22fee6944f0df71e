r"""Units after a number: which words are one, how they convert, and when two contradict each other.

A worked example: ``5 \text{ m}`` is ``500 \text{ cm}`` and not ``5 \text{ cm}``, while "5 apples" is 5 whatever the
gold counts: a noun that we do not know never contradicts. Knows nothing of values (`reader` and `equality` do).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from spot_eval.graders.maths.tokens import Token


class Unit(NamedTuple):
    """A product of base units: `size` in terms of them and the exponent of each (length, mass, time ...)."""

    size: Fraction
    powers: tuple[tuple[str, int], ...]


_BASE: dict[str, tuple[str, str, str]] = {
    # name of the dimension: (factor and spellings), one unit a line
    "length": (
        "1 m meter meters metre metres",
        "1/1000 mm millimeter millimeters millimetre millimetres;1/100 cm centimeter centimeters centimetre "
        "centimetres;1/10 dm decimeter decimeters;1000 km kilometer kilometers kilometre kilometres;1/1000000000 nm "
        "nanometer nanometers;1/1000000 um micron microns micrometer micrometers",
        "254/10000 inch inches;3048/10000 ft foot feet;9144/10000 yd yard yards;1609344/1000 mi mile miles;"
        "1/10000000000 angstrom angstroms",
    ),
    "mass": (
        "1 kg kilogram kilograms kilo kilos",
        "1/1000 g gram grams gramme grammes;1/1000000 mg milligram milligrams;1000 tonne tonnes",
        "45359237/100000000 lb lbs pound pounds;45359237/1600000000 oz ounce ounces",
    ),
    "time": (
        "1 s sec secs second seconds",
        "1/1000 ms millisecond milliseconds;60 min mins minute minutes;3600 h hr hrs hour hours;1/1000000 us "
        "microsecond microseconds;1/1000000000 ns nanosecond nanoseconds",
        "86400 day days;604800 week weeks;31557600 yr year years;2629800 month months",
    ),
    "money": ("1 dollar dollars usd bucks", "1/100 cent cents", ""),
    "euro": ("1 euro euros eur €", "", ""),
    "sterling": ("1 sterling gbp £ quid", "1/100 pence", ""),
    "yen": ("1 yen jpy ¥", "", ""),
    "rupee": ("1 rupee rupees inr rs ₹", "", ""),
    "yuan": ("1 yuan rmb", "", ""),
    "volume": (
        "1 L l liter liters litre litres",
        "1/1000 mL ml milliliter milliliters millilitre millilitres",
        "3785411784/1000000000 gallon gallons",
    ),
    "angle": ("1 degree degrees deg", "", ""),
    "radian": ("1 rad rads radian radians", "", ""),
    "current": ("1 A amp amps ampere amperes", "1/1000 mA milliamp milliamps", ""),
    "voltage": ("1 V volt volts", "1/1000 mV millivolt millivolts;1000 kV kilovolt kilovolts", ""),
    "energy": ("1 J joule joules", "1000 kJ kilojoule kilojoules;1000000 MJ", "1/1 wattsecond"),
    "eV": ("1 eV electronvolt electronvolts", "1000 keV;1000000 MeV", "1000000000 GeV"),
    "power": ("1 W watt watts", "1000 kW kilowatt kilowatts;1000000 MW megawatt megawatts", ""),
    "force": ("1 N newton newtons", "1000 kN kilonewton kilonewtons", ""),
    "pressure": ("1 Pa pascal pascals", "1000 kPa kilopascal kilopascals", "101325 atm"),
    "frequency": ("1 Hz hertz", "1000 kHz kilohertz;1000000 MHz megahertz", "1000000000 GHz"),
    "temperature": ("1 K kelvin kelvins", "", ""),
    "celsius": ("1 C celsius", "", ""),
    "fahrenheit": ("1 F fahrenheit", "", ""),
    "resistance": ("1 ohm ohms Omega", "1000 kohm kilohms", ""),
    "charge": ("1 coulomb coulombs", "", ""),
    "amount": ("1 mol mole moles", "1/1000 mmol millimoles", ""),
    "concentration": ("1 M molar", "1/1000 mM", ""),
    "parsec": ("1 pc parsec parsecs", "1000 kpc;1000000 Mpc", ""),
    "tesla": ("1 T tesla", "", ""),
}
_CURRENCIES = {"$": "dollar", "USD": "dollar", "€": "euro", "EUR": "euro", "£": "sterling", "GBP": "sterling",
               "¥": "yen", "₹": "rupee", "Rs": "rupee"}  # fmt: skip
_MULTIPLIERS = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12, "hundred": 100}
_REFUSED = frozenset((
    "if", "or", "and", "when", "less", "more", "most", "least", "than", "fewer", "greater", "smaller", "larger",
    "not", "otherwise", "at", "below", "above", "half", "unless", "while", "but", "between", "from", "to",
    "out", "over", "i", "plus", "minus", "mod", "modulo", "both", "either", "no", "nor", "except", "excluding",
    "cos", "sin", "tan", "log", "ln", "remainder", "base", "choose", "maximum", "minimum", "max", "up",
    "down", "as", "is", "are", "was", "factorial", "squared", "cubed", "undefined", "none",
))  # fmt: skip
_FILLERS = frozenset(["per", "of", "the", "a", "an", "in", "each", "every"])
_VOWEL = re.compile("[aeiouy]")
_MAX_TOKENS = 16


def _table() -> dict[str, Unit]:
    table = {}
    for dimension, lines in _BASE.items():
        for line in ";".join(lines).split(";"):
            size, _, names = line.partition(" ")
            for name in names.split():
                table[name] = Unit(Fraction(size), ((dimension, 1),))
    table["mph"] = Unit(Fraction(1609344, 3600000), (("length", 1), ("time", -1)))
    table["kph"] = table["kmph"] = Unit(Fraction(1000, 3600), (("length", 1), ("time", -1)))
    table["sq"] = table["square"] = table["cubic"] = Unit(Fraction(1), ())
    return table


_TABLE = _table()
_SINGLE = frozenset(["m", "s", "g", "h", "V", "A", "W", "J", "N", "K", "C", "F", "L", "l", "T", "M"])


def of_currency(sign: str) -> str:
    """Return the name of the currency of `sign`."""
    return _CURRENCIES.get(sign, sign)


def phrase(tokens: Sequence[Token], at: int, bare: bool) -> tuple[str, int]:
    """Return the unit that stands at `at` up to the end of the item, and that end; ("", at) if there is none.

    Args:
        tokens: the tokens of one side of a relation.
        at: where the unit would begin.
        bare: letters of mathematics may be a unit, as in ``24 V``.
    """
    parts: list[str] = []
    i = at
    while i < len(tokens) and i - at < _MAX_TOKENS:
        token = tokens[i]
        kind = token.kind
        if kind == "word" or (token.prose and kind in ("name", "letters")):
            if token.text.lower() in _REFUSED:
                return "", at
            parts.append(token.text)
        elif kind == "letters":
            word = token.text
            known = word in _TABLE or word.lower() in _TABLE or word in _FILLERS or word in _MULTIPLIERS
            noun = bare and len(word) >= 4 and word.islower() and _VOWEL.search(word) and (token.gap or i > at)
            if word.lower() in _REFUSED or not ((known and (bare or len(word) > 2)) or noun):
                return "", at
            parts.append(word)
        elif kind == "name":
            single = token.text in _SINGLE and (token.gap or i > at)
            if not bare or not (single or token.text in ("Omega", "mu")):
                return "", at
            parts.append(token.text)
        elif kind == "number":
            if token.decimals != 0 or not parts or parts[-1] not in ("^", "^-"):
                return "", at
            parts.append(token.text)
        elif kind == "-":
            if not parts or (parts[-1] != "^" and not token.prose):
                return "", at
            parts.append("-" if parts[-1] != "^" else "")
            if parts[-1] == "":
                parts[-2:] = ["^-"]
        elif kind in ("/", "*", "^"):
            parts.append(kind)
        elif kind in ("{", "}", "(", ")"):
            pass
        elif kind == "command" and token.text == "frac":
            parts.append("frac")
        elif kind in {"%", "'"}:
            return "", at
        else:
            return "", at
        i += 1
    if i < len(tokens) or not any(part[:1].isalpha() for part in parts if part != "frac"):
        return "", at
    if sum(t.kind in ("(", "{") for t in tokens[at:i]) != sum(t.kind in (")", "}") for t in tokens[at:i]):
        return "", at
    if parts and parts[0] == "frac":
        parts = ["/".join(part for part in parts[1:] if part)] if len(parts) == 3 else parts[1:]
    return " ".join(parts), i


def multiplier(unit: str) -> tuple[str, int]:
    """Return `unit` without a leading "million" or the like, and its factor.

    >>> multiplier("million dollars"), multiplier("apples")
    (('dollars', 1000000), ('apples', 1))
    """
    first, _, rest = unit.partition(" ")
    if first.lower() in _MULTIPLIERS:
        return rest, _MULTIPLIERS[first.lower()]
    return unit, 1


@lru_cache(maxsize=4096)
def known(unit: str) -> Unit | None:
    """Return `unit` in base units, or None if some word of it is not known (a noun that is counted).

    >>> known("km / h") == known("kph"), known("square cm") == known("cm ^ 2"), known("apples")
    (True, True, None)
    """
    size, sign, scale = Fraction(1), 1, 1
    powers: dict[str, int] = {}
    words = re.findall(r"[^\W\d_]+|€|£|¥|₹|\^-?\s*-?\s*[0-9]+|/|\*", unit.replace("^ -", "^-"))
    last: tuple[Unit, int] | None = None
    for word in words:
        if word in {"/", "per"}:
            sign, last = -1, None
            continue
        if word == "*" or word in _FILLERS:
            continue
        if word[0] == "^":
            if last is None:
                return None
            exponent = int(re.sub(r"[^0-9-]", "", word))
            if not 0 < abs(exponent) <= 4:
                return None
            for _ in range(1):
                extra = exponent - 1
                size *= last[0].size ** (last[1] * extra)
                for name, power in last[0].powers:
                    powers[name] = powers.get(name, 0) + power * last[1] * extra
            continue
        lower = word.lower()
        if lower in ("square", "sq", "squared"):
            scale = 2
            continue
        if lower in ("cubic", "cubed"):
            scale = 3
            continue
        entry = _TABLE.get(word) or _TABLE.get(lower)
        if entry is None:
            return None
        size *= entry.size ** (sign * scale)
        for name, power in entry.powers:
            powers[name] = powers.get(name, 0) + power * sign * scale
        last, scale = (entry, sign), 1
    if scale != 1 or not powers:  # "square units"
        return None
    return Unit(size, tuple(sorted((name, power) for name, power in powers.items() if power)))


def conversion(answer: str, gold: str) -> Fraction | None:
    """Return the factor that turns a value in `answer` into one in `gold`, or None if the units contradict.

    A missing or unknown unit contradicts nothing.

    >>> conversion("m", "cm"), conversion("m", "kg"), conversion("apples", "m")
    (Fraction(100, 1), None, Fraction(1, 1))
    """
    first, second = known(answer) if answer else None, known(gold) if gold else None
    if first is None or second is None:
        return Fraction(1)
    return first.size / second.size if first.powers == second.powers else None
