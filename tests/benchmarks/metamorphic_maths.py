r"""Judge every gold against rewrites that must be right and corruptions that must be wrong.

    SPOT_EVAL_DATA=... python -m tests.benchmarks.metamorphic_maths [--shard 1/4]

The golds are those of the six maths benchmarks and of the training pool. Rewrites and corruptions are made of the text
by rules that share nothing with the grader's reader, and are the same in every run. Prints each verdict that is not as
it must be, and exits with 1 if fewer than 99.8 % of either are as they must be.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from spot_eval.graders.maths.grader import judge

AT_LEAST = 0.998
BENCHMARKS = ("aime24", "aime25", "amc23", "math500", "minerva", "olympiadbench")
_NUMBER = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)")
_GROUPED = re.compile(r"-?[0-9]{1,3}(?:,(?:\\!)? ?[0-9]{3})+")
_FRACTION = re.compile(r"(-?)\\[dt]?frac\{([0-9]+)\}\{([0-9]+)\}")
_INTERVAL = re.compile(r"([\[(])\s*([^,\[\]()]+),([^,\[\]()]+)([\])])")
_WORDS = re.compile(r"\\text\{\(?([A-Za-z]+)\)?\}|[A-Za-z]{3,}")
_TUPLE = re.compile(r"\(([^()]*(?:,[^()]*)+)\)")
_BASE = re.compile(r"([0-9]+)_\{?([0-9]+)\}?")


def rewrites(gold: str) -> Iterator[tuple[str, str]]:
    """Yield (rule, answer) for answers that say what `gold` says."""
    yield "itself", gold
    yield "full stop", f"{gold}."
    yield "large fractions", gold.replace(r"\frac", r"\dfrac")
    yield "space around", f" {gold} "
    if "\\text" not in gold and "\\mbox" not in gold:
        yield "wide", re.sub(r"(?<=[0-9})])([+=<>])(?=[0-9A-Za-z\\(])", r" \1 ", gold)
    if _TUPLE.fullmatch(gold) and "left" not in gold:
        yield "large brackets", rf"\left({gold[1:-1]}\right)"
        yield "thin spaces", gold.replace(",", r",\,")
    bare = gold.replace("\\!", "").replace(", ", ",")
    if _NUMBER.fullmatch(bare) or (_GROUPED.fullmatch(bare) and bare.count(",") == 1 and not bare.startswith("0")):
        yield from _numbers(Fraction(bare.replace(",", "")), bare.replace(",", ""))
    fraction = _FRACTION.fullmatch(gold)
    if fraction:
        sign, top, bottom = fraction[1], int(fraction[2]), int(fraction[3])
        yield "slash", f"{sign}{top}/{bottom}"
        yield "not reduced", rf"{sign}\frac{{{3 * top}}}{{{3 * bottom}}}"
        yield "named", f"x = {gold}"
        yield "sign inside", rf"\frac{{{sign}{top}}}{{{bottom}}}"
        if top > bottom and top % bottom:
            yield "mixed", rf"{sign}{top // bottom}\frac{{{top % bottom}}}{{{bottom}}}"
        if not 10**12 % bottom:
            yield "decimal", f"{sign}{_decimal(Fraction(top, bottom))}"
    if _is_formula(gold):
        yield "times one", rf"1 \cdot \left({gold}\right)"
        yield "plus zero", f"{gold} + 0"
        yield "half of twice", rf"\frac{{2\left({gold}\right)}}{{2}}"
    parts = _list(gold)
    if parts:
        yield "other order", ", ".join(reversed(parts))
        yield "in words", r" \text{ and } ".join(parts)
        yield "as a set", rf"\{{{', '.join(parts)}\}}"
    interval = _INTERVAL.fullmatch(gold)
    if interval and (interval[1] == "[" or interval[4] == "]") and "infty" not in gold:
        low, high = (r"\le" if interval[1] == "[" else "<"), (r"\le" if interval[4] == "]" else "<")
        yield "inequality", f"{interval[2]} {low} x {high} {interval[3]}"
    word = _WORDS.fullmatch(gold)
    if word and word[1] and len(word[1]) > 2:
        yield "bare word", word[1]
        yield "capitals", word[1].upper()
    base = _BASE.fullmatch(gold)
    if base:
        yield "base in braces", f"{base[1]}_{{{base[2]}}}"
        yield "base in words", rf"{base[1]} \text{{ (base {base[2]})}}"
    if gold.count("=") == 1 and not re.search(r"[,<>\\]", gold):
        left, right = gold.split("=")
        yield "mirrored", f"{right.strip()} = {left.strip()}"


def _numbers(value: Fraction, text: str) -> Iterator[tuple[str, str]]:
    yield "named", f"x = {text}"
    yield "plus zero", f"{text}+0"
    yield "a sum", f"{text} = {text}"
    yield "unit", rf"{text} \text{{ cm}}"
    yield "noun", rf"{text} \text{{ apples}}"
    yield "one-element set", rf"\{{{text}\}}"
    yield "full width", text.translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    if value.denominator == 1:
        yield "as a decimal", f"{value}.0"
        yield "as a fraction", rf"\frac{{{2 * value}}}{{2}}"
        yield "scientific", f"{value}e0"
        if abs(value) >= 1000:
            yield "separators", f"{int(value):,}"
            yield "braced separators", f"{int(value):,}".replace(",", "{,}")
            yield "dollars", rf"\${int(value):,}" if value > 0 else str(value)
    else:
        yield "as a fraction", rf"\frac{{{value.numerator}}}{{{value.denominator}}}"
        yield "trailing zero", f"{text}0"
        yield "power of ten", rf"{_decimal(value * 1000)} \times 10^{{-3}}"


def corruptions(gold: str) -> Iterator[tuple[str, str]]:
    """Yield (rule, answer) for answers that say something else."""
    bare = gold.replace("\\!", "").replace(", ", ",")
    fraction = _FRACTION.fullmatch(gold)
    if _NUMBER.fullmatch(bare):
        value = Fraction(bare)
        yield "one more", _decimal(value + 1)
        yield "off by a thousandth", _decimal(value + Fraction(1, 1000))
        yield "a list", f"{bare}, {_decimal(value + 2)}"
        yield "a hedge", rf"{bare} \text{{ or }} {_decimal(value + 1)}"
        yield "a variable", f"{bare}x"
        yield "a broken chain", f"{bare} = {_decimal(value + 1)}"
        yield "a bound", rf"\ge {bare}"
        yield "a pair", f"({bare}, {_decimal(value + 1)})"
        if value:
            yield "negated", _decimal(-value)
            yield "ten times", _decimal(value * 10)
    elif fraction:
        sign, top, bottom = fraction[1], int(fraction[2]), int(fraction[3])
        yield "other top", rf"{sign}\frac{{{top + 1}}}{{{bottom}}}"
        yield "other bottom", rf"{sign}\frac{{{top}}}{{{bottom + 1}}}"
        yield "negated", rf"{'' if sign else '-'}\frac{{{top}}}{{{bottom}}}"
        if top != bottom:
            yield "upside down", rf"{sign}\frac{{{bottom}}}{{{top}}}"
    elif _is_formula(gold):
        yield "one more", f"{gold} + 1"
        yield "twice", rf"2 \cdot \left({gold}\right)"
        yield "negated", rf"-\left({gold}\right)"
        yield "a variable more", rf"\left({gold}\right) w"
        yield "squared", rf"\left({gold}\right)^2"
    parts = _list(gold)
    if parts and not _GROUPED.fullmatch(bare):
        yield "one missing", ", ".join(parts[:-1])
        yield "one more", ", ".join([*parts, "987"])
        yield "one other", ", ".join([*parts[:-1], "987"])
        if len(set(parts)) == len(parts):
            yield "as a sum", "+".join(parts)
    interval = _INTERVAL.fullmatch(gold)
    if interval and "infty" not in gold:
        yield "other bracket", f"{'(' if interval[1] == '[' else '['}{gold[1:]}"
    point = _TUPLE.fullmatch(gold)
    if point:
        entries = [entry.strip() for entry in point[1].split(",")]
        if entries[0] != entries[-1] and "infty" not in gold:
            yield "swapped", f"({', '.join([entries[-1], *entries[1:-1], entries[0]])})"
        yield "one missing", f"({', '.join(entries[:-1])})"
        yield "one other", f"({', '.join([*entries[:-1], '987'])})"
    word = _WORDS.fullmatch(gold)
    if word:
        yield "other word", r"\text{banana}"
        yield "a number", "7"
    base = _BASE.fullmatch(gold)
    if base:
        yield "other base", f"{base[1]}_{{{int(base[2]) + 1}}}"
        yield "other digits", f"1{base[1]}_{{{base[2]}}}"


def _decimal(value: Fraction) -> str:
    """`value`, whose denominator divides a power of ten, without an exponent."""
    places = 0
    while (value * 10**places).denominator != 1:
        places += 1
    digits = f"{abs(int(value * 10**places)):0{places + 1}d}"
    text = f"{digits[: len(digits) - places]}.{digits[len(digits) - places :]}" if places else digits
    return f"-{text}" if value < 0 else text


def _is_formula(gold: str) -> bool:
    """True for one expression: no list, relation, set, words, unit, sign of plus or minus or percent."""
    return not re.search(
        r"[=<>,;:%$_!'\[\]~]|\\(?:text|mbox|pm|mp|in|cup|cap|[a-z]*circ|infty|ge|le|begin|\{|approx|mathrm|%|emptyset"
        r"|mathbb|exp|cdots|ldots|leq|geq|neq|quad|ddot|dot|geqslant)|[0-9]e-?[0-9]|np\.|[A-Za-z]{3}\(|\b[A-Za-z]{3,}\b(?<!\\)"
        r"|(?<!\\)\b(?:or|and)\b|[0-9] ?\\frac|exp",
        re.sub(r"\\[A-Za-z]+", lambda c: c[0] + " ", gold),
    )


def _list(gold: str) -> list[str]:
    parts = [part.strip() for part in gold.split(",")]
    if len(parts) < 2 or not all(re.fullmatch(r"-?[0-9]+|-?\\frac\{[0-9]+\}\{[0-9]+\}", part) for part in parts):
        return []
    return [] if any(re.fullmatch(r"[0-9]{3}", part) for part in parts[1:]) else parts


def golds(data: Path) -> list[tuple[str, str]]:
    """Return (name, gold) for every gold of the benchmarks and the training pool."""
    files = [data / name / f"{name}.jsonl" for name in BENCHMARKS] + sorted((data / "train_pool").glob("*.jsonl"))
    out = []
    for path in files:
        with path.open(encoding="utf-8") as lines:
            out += [(path.stem, str(json.loads(line)["answer"])) for line in lines]
    return out


def wrong_verdicts(given: list[tuple[str, str]]) -> tuple[Counter[str], list[str]]:
    """Return the counts of rewrites and corruptions, judged and as they must be, and a line for each other verdict."""
    counts: Counter[str] = Counter()
    lines = []
    for name, gold in given:
        for kind, made, must in (("rewrites", rewrites, 1.0), ("corruptions", corruptions, 0.0)):
            for rule, answer in made(gold):
                counts[kind] += 1
                verdict = judge({"answer": gold}, f"So the answer is $\\boxed{{{answer}}}$.")
                if verdict.score == must:
                    counts[f"{kind} as they must be"] += 1
                else:
                    lines.append(f"{kind}, {rule}: {name}: {gold!r} against {answer!r} is {verdict.score}")
    return counts, lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--shard", default="1/1", help="the part of the golds to judge, as 2/4")
    number, of = (int(part) for part in parser.parse_args().shard.split("/"))
    data = os.environ.get("SPOT_EVAL_DATA")
    if not data:
        sys.exit("SPOT_EVAL_DATA is not set: it names the folder with the benchmarks and train_pool/")
    given = sorted(set(golds(Path(data))))[number - 1 :: of]
    started = time.process_time()
    counts, lines = wrong_verdicts(given)
    print(*lines, sep="\n")
    missed = False
    for kind in ("rewrites", "corruptions"):
        share = counts[f"{kind} as they must be"] / counts[kind]
        missed |= share < AT_LEAST
        print(f"{kind}: {counts[f'{kind} as they must be']:,} of {counts[kind]:,} as they must be ({share:.2%})")
    print(f"{len(given):,} golds, {time.process_time() - started:.0f} s of CPU, wanted {AT_LEAST:.1%} of both")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
