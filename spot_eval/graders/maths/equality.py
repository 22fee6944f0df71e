r"""Decide if two maths answers are one, as a careful mathematician would.

A worked example: ``\frac{1}{2}`` equals ``0.5``, ``7`` equals ``seven``, ``k \ge 2`` equals ``[2,\infty)``; ``x=2=3``
equals neither 2 nor 3, and ``5 \text{ m}`` is not ``5 \text{ cm}``. Strings that are equal but for layout settle most
answers; else `reader` reads both, and this module compares what they are: formulas by `values`, sets of real numbers by
`sets`, tuples, lists and matrices part by part. What cannot be read equals nothing else.

Ambiguous notation is read as the gold allows: ``1,234`` as a number or a list, ``2e-2`` as 0.02 or by Euler's number,
``\log`` to base ten or e, a percent sign as a hundredth or as a name, letters after a number as a unit only if the gold
is a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from spot_eval.graders.maths import normalize, safety, stated
from spot_eval.graders.maths.comparison import Comparison, UnsafeError
from spot_eval.graders.maths.decimals import DECIMALS, ONE_NUMBER, SCIENTIFIC, equal_decimals
from spot_eval.graders.maths.exact import Reading, TooLargeError, UndefinedError
from spot_eval.graders.maths.extract import final_answer
from spot_eval.graders.maths.forms import EQUALITIES, has_bare_log, indexed_by_i, is_plain
from spot_eval.graders.maths.nodes import Node
from spot_eval.graders.maths.reader import read
from spot_eval.graders.maths.tokens import UnreadableError

_OPTION = re.compile(
    r"\s*(?:\\(?:text|mbox|mathrm|textbf|mathbf)\s?\{\s*(?:[Oo]ption|[Cc]hoice)?\s*\(?([A-E])\)?[\s.:~]*\}|\(([A-E])\))"
    r"(?:\s|~|\\[ ,;:!]|\\q?quad)*(?=\S)"
)
_OF_CLOCK = re.compile(r"([0-9]{1,2}):([0-5][0-9])(am|pm)?")
_MAX_QUANTITY = 40
_MEASURE = re.compile(  # two letters behind a number and a space are no product
    r"-?[0-9.,]{1,20}\s(?:mm|cm|dm|km|ft|in|yd|mi|kg|mg|lb|lbs|oz|hr|hrs|min|ms|kN|kJ|kW|Hz|kHz|MHz|Pa|kPa|mol|mL|eV)"
)
_GROUPS = re.compile(r"[0-9],[0-9]{3}|[0-9],[0-9]{2},")


def equal(gold: str, answer: str, *, tolerance: float | None = None, precision: int = DECIMALS) -> bool:
    """Return True if `answer` is `gold`. Raise UnsafeError if a gold that is no plain value cannot be compared with it.

    Args:
        gold: the right answer; a worked solution stands for its final answer.
        answer: the extracted answer.
        tolerance: an absolute error allowed between two numbers.
        precision: the decimals to which a decimal is compared with an exact value.
    """
    if normalize.plain(gold) == normalize.plain(answer):
        return True
    gold = _read_gold(gold)
    if normalize.plain(gold) == normalize.plain(answer):
        return True
    times = _OF_CLOCK.fullmatch(normalize.plain(gold)), _OF_CLOCK.fullmatch(normalize.plain(answer))
    if times[0] and times[1]:
        return _one_time(times[0], times[1])
    if _LOGIC.search(gold) and not _QUANTITY.search(gold):
        return _logic(gold) == _logic(answer)
    gold, answer = _of_option(gold, answer)
    by_digits = equal_decimals(gold, answer)
    if by_digits is not None:
        return by_digits
    return _Judge(gold, answer, tolerance, precision).verdict()


def _one_time(gold: re.Match[str], answer: re.Match[str]) -> bool:
    """Return True if two times of day are one; half of the day counts if both name it, 14:30 names the second."""
    (hour, half), (other, other_half) = (_of_day(time) for time in (gold, answer))
    halves = {half, other_half} - {None}
    return gold[2] == answer[2] and hour == other and len(halves) < 2


def _of_day(time: re.Match[str]) -> tuple[int, str | None]:
    hour = int(time[1])
    if time[3]:
        return hour % 12, time[3]
    return hour % 12, "pm" if 12 < hour < 24 else None


def _logic(text: str) -> str:
    r"""Return a statement of logic or of inclusion in one spelling; it is compared as it stands.

    >>> _logic(r"p \wedge q") == _logic(r"$p\land q$"), _logic(r"p \implies q") == _logic(r"q \implies p")
    (True, False)
    """
    for spelled, name in _LOGIC_NAMES:
        text = re.sub(spelled, rf"\\{name} ", text)
    return normalize.plain(text)


def holds(answer: str) -> bool:
    """Return True unless `answer` is a chain of equalities that breaks, as ``2 = 3`` does."""
    try:
        node = read(answer)
        if node[0] != "rel" or not set(node[2]) <= EQUALITIES:
            return True
        return Comparison(Reading(), None, DECIMALS).holds(node)
    except (UnreadableError, TooLargeError, UndefinedError):
        return True


def _read_gold(gold: str) -> str:
    """Return the final answer of a gold that is a worked solution, any other gold as it stands."""
    gold = gold.strip()
    if "\\boxed" not in gold and (stated.is_expression(gold) or _is_quantity(gold)):
        return stated.bare(gold)
    return final_answer(gold) or gold


def _is_quantity(gold: str) -> bool:
    """Return True for a number with its unit in words, which no search in prose may cut off: "3 hours"."""
    if len(gold) > _MAX_QUANTITY or "\n" in gold:
        return False
    try:
        return bool(read(normalize.tidy(gold), bare_units=True)[0] == "unit")
    except (UnreadableError, RecursionError):
        return False


def _of_option(gold: str, answer: str) -> tuple[str, str]:
    r"""Return both without option letters: of ``\textbf{(C)}\ 3`` the letter counts if the gold is one, else the 3."""
    letter = normalize.plain(gold).strip("()")
    if len(letter) == 1 and letter in "ABCDE":
        stripped = normalize.plain(answer).strip("().:")
        stripped = re.sub(r"^(?:option|choice|answer)", "", stripped, flags=re.IGNORECASE).strip("()")
        if stripped.upper() == letter:
            return letter, letter
    option = _OPTION.match(answer)
    if not option:
        return gold, answer
    given_letter = option[1] or option[2]
    if len(letter) == 1 and letter in "ABCDE":
        return letter, given_letter
    given = _OPTION.match(gold)
    if given:
        same = (given[1] or given[2]) == given_letter
        return (gold[given.end() :], answer[option.end() :]) if same else (gold, answer)
    return gold, answer[option.end() :]


class _Judge:
    """Try the readings of a gold and an answer against each other."""

    def __init__(self, gold: str, answer: str, tolerance: float | None, precision: int) -> None:
        self.gold, self.answer, self.tolerance, self.precision = gold, answer, tolerance, precision
        self.refusal = ""

    def verdict(self) -> bool:
        golds = list(self._readings(self.gold, [bool(_MEASURE.fullmatch(self.gold))]))
        number = bool(golds) and all(is_plain(node) for _, node in golds)
        refusal = safety.of_text(self.answer)
        if refusal:
            return self._beyond(refusal, number)
        refusal = safety.of_text(self.gold)
        if refusal:
            raise UnsafeError(refusal)
        answers = list(self._readings(self.answer, [True, False] if number else [False]))
        if not golds and not answers:
            return False
        for gold_sort, gold in golds:
            for answer_sort, answer in answers:
                if any(a is not None and b is not None and a != b for a, b in zip(gold_sort, answer_sort, strict=True)):
                    continue
                if self._same(gold, answer):
                    return True
        if self.refusal:
            return self._beyond(self.refusal, number)
        return False

    def _beyond(self, refusal: str, number: bool) -> bool:
        """Return False for an answer that is too large to evaluate if the gold is a plain value: it is not that one."""
        if number:
            return False
        raise UnsafeError(refusal)

    def _readings(self, text: str, bare: list[bool]) -> Iterator[tuple[tuple[bool | None, bool | None], Node]]:
        if safety.of_text(text):
            return
        text = normalize.tidy(text)
        seen = set()
        for grouped in _groupings(text):
            for scientific in (True, False) if SCIENTIFIC.search(text) else (None,):
                for bare_units in bare:
                    try:
                        node = read(text, bare_units=bare_units, grouped=grouped is not False,
                                    scientific=scientific is not False)  # fmt: skip
                    except (UnreadableError, RecursionError):
                        continue
                    if node not in seen:
                        seen.add(node)
                        yield (grouped, scientific), node

    def _same(self, gold: Node, answer: Node) -> bool:
        bare_log = any(has_bare_log(node) for node in (gold, answer))
        variable_i = any(indexed_by_i(node) for node in (gold, answer))
        for common_log in (False, True) if bare_log else (False,):
            reading = Reading(common_log=common_log, variable_i=variable_i)
            try:
                if Comparison(reading, self.tolerance, self.precision).same(gold, answer):
                    return True
            except TooLargeError as reason:
                self.refusal = str(reason)
            except (UndefinedError, RecursionError):
                pass
        return False


def _groupings(text: str) -> Sequence[bool | None]:
    if not _GROUPS.search(text):
        return (None,)
    return (True,) if ONE_NUMBER.search(text) else (True, False)


_LOGIC_NAMES = (
    (r"\\(?:implies|Rightarrow|Longrightarrow|rightarrow|longrightarrow|to)(?![A-Za-z])|[⇒→⟹]", "to"),
    (r"\\(?:iff|Leftrightarrow|Longleftrightarrow|leftrightarrow)(?![A-Za-z])|[⇔↔⟺]", "iff"),
    (r"\\(?:land|wedge)(?![A-Za-z])|∧", "land"),
    (r"\\(?:lor|vee)(?![A-Za-z])|∨", "lor"),
    (r"\\(?:neg|lnot)(?![A-Za-z])|¬", "neg"),
    (r"\\subseteq(?![A-Za-z])|⊆", "subseteq"),
    (r"\\supseteq(?![A-Za-z])|⊇", "supseteq"),
    (r"\\subset(?![A-Za-z])|⊂", "subset"),
    (r"\\supset(?![A-Za-z])|⊃", "supset"),
)
_QUANTITY = re.compile(r"[0-9=<>≤≥≠∞]|\\(?:leq?|geq?|neq?|lim|infty|in)(?![A-Za-z])")
_LOGIC = re.compile("|".join(spelled for spelled, _ in _LOGIC_NAMES))
