"""Decimals beside exact values: how far a rounded number may lie from what it stands for."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from spot_eval.graders.maths import safety
from spot_eval.graders.maths.exact import exact_or_none, parts
from spot_eval.graders.maths.nodes import Node

DECIMALS = 6
RELATIVE = Fraction(5, 10**7)
"""A decimal stands for an exact value that has no short decimal itself if it is this close, relatively."""
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
ONE_NUMBER = re.compile(r"[0-9],0[0-9]{2}(?![0-9])")  # 12,034 is no list of 12 and 034
SCIENTIFIC = re.compile(r"[0-9][eE][+-]?[0-9]")


def equal_decimals(gold: str, answer: str) -> bool | None:
    """Return the verdict on two decimal literals of which one is long; None for anything else."""
    gold, answer = gold.strip(), answer.strip()
    if max(len(gold), len(answer)) <= safety.MAX_DIGIT_RUN:
        return None
    if not (_DECIMAL.fullmatch(gold) and _DECIMAL.fullmatch(answer)):
        return None
    try:
        first, second = Decimal(gold), Decimal(answer)
    except InvalidOperation:
        return None
    return first == second


def decimals(node: Node) -> int | None:
    """The decimals of a formula that has a decimal fraction in it: those written if it is a literal, else 0."""
    if node[0] == "num":
        return node[2] if node[2] else None
    if node[0] in ("neg", "pct", "deg"):
        return decimals(node[1])
    found = [decimals(part) for part in parts(node)]
    if all(places is None for places in found):
        return None
    if node[0] == "mul" and node[2][0] == "pow" and node[1][0] == "num":
        exponent = exact_or_none(node[2][2])
        if node[2][1][:2] == ("num", Fraction(10)) and exponent is not None:
            return max(0, int((found[0] or 0) - exponent))
    return 0


def digits(node: Node) -> int:
    """Return the number of digits of a decimal as it is written; 0 if it is none."""
    return (
        len(str(abs(node[1].numerator))) if node[0] == "num" and node[2] else digits(node[1]) if node[0] == "neg" else 0
    )
