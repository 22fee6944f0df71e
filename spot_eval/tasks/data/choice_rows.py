"""Adapters for benchmarks of choices: a row becomes a text, its choices and the numbers of the right ones.

    {"question": "2 + 2 = ?", "subject": "arithmetic", "choices": ["3", "4"], "answer": 1}
        ->  {"id": "1c2f…", "question": "2 + 2 = ?", "subject": "arithmetic", "choices": ["3", "4"], "gold": [1]}

Texts are kept as they stand, spaces included, because log-likelihoods depend on each of them. A gold that is none of
the choices is refused with file, line and field.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from spot_eval.tasks.data.adapters import DocFields, RawRow, literal

_BRACKETS = re.compile(r"\[.*?\]")


def mmlu(row: RawRow) -> DocFields:
    """Return an MMLU question: four choices, and the number of the right one counted from 0."""
    choices = _choices(row, "choices")
    if len(choices) != 4:
        raise row.wrong("choices", f"has {len(choices)} entries where 4 are expected")
    question, subject = _text(row, "question"), row.text("subject")
    return _doc([_number(row, "answer", len(choices))], choices, question=question, subject=subject)


def hellaswag(row: RawRow) -> DocFields:
    """Return a HellaSwag context and its endings, without the marks its WikiHow part carries."""
    endings = [_without_marks(ending) for ending in _choices(row, "endings")]
    if row.given("ctx_a"):
        rest = str(row.values.get("ctx_b") or "").capitalize()
        context = f"{row.text('activity_label')}: {row.values['ctx_a']} {rest}"
    else:
        context = _text(row, "ctx")
    return _doc([_number(row, "label", len(endings))], endings, question=_without_marks(context))


def winogrande(row: RawRow) -> DocFields:
    """Return a WinoGrande sentence: the choices are its beginnings with either option, `question` is its end."""
    before, blank, after = _text(row, "sentence").partition("_")
    if not blank or not after.strip():
        raise row.wrong("sentence", "has no blank (_) with text after it")
    answer = row.number_or_text("answer")
    if answer not in {"1", "2"}:
        raise row.wrong("answer", f"is {answer!r}; expected 1 or 2, the option that fills the blank")
    choices = [before + _text(row, option) for option in ("option1", "option2")]
    return _doc([int(answer) - 1], choices, question=after.strip())


def arc(row: RawRow) -> DocFields:
    """Return an ARC question; its answer key is one of the labels of its choices."""
    given = _mapping(row, "choices")
    inner = RawRow(given, f"{row.where}, field 'choices'")
    choices, labels = _choices(inner, "text"), [str(label) for label in inner.items("label", str)]
    key = row.number_or_text("answerKey")
    if len(labels) != len(choices):
        raise row.wrong("choices", f"has {len(labels)} labels for {len(choices)} texts")
    if key not in labels:
        raise row.wrong("answerKey", f"is {key!r}, which is none of its choices ({', '.join(labels)})")
    return _doc([labels.index(key)], choices, question=_text(row, "question"))


def truthfulqa_mc1(row: RawRow) -> DocFields:
    """Return a TruthfulQA question with one true answer among the choices."""
    doc = _truths(row, "mc1_targets")
    if len(doc["gold"]) != 1:
        raise row.wrong("mc1_targets", f"marks {len(doc['gold'])} choices as right where one is expected")
    return doc


def truthfulqa_mc2(row: RawRow) -> DocFields:
    """Return a TruthfulQA question with any number of true answers among the choices."""
    return _truths(row, "mc2_targets")


def _truths(row: RawRow, field: str) -> DocFields:
    given = _mapping(row, field)
    inner = RawRow(given, f"{row.where}, field {field!r}")
    choices, labels = _choices(inner, "choices"), inner.items("labels", int)
    if len(labels) != len(choices) or not set(labels) <= {0, 1}:
        raise row.wrong(field, "needs one label, 0 or 1, for each of its choices")
    if 1 not in labels:
        raise row.wrong(field, "marks none of its choices as right")
    return _doc([at for at, label in enumerate(labels) if label], choices, question=_text(row, "question"))


def _doc(gold: list[int], choices: list[str], question: str, **more: str) -> DocFields:
    name = hashlib.sha256("\x1f".join([question, *choices]).encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return {"id": name, "question": question, **more, "choices": choices, "gold": gold}


def _text(row: RawRow, field: str) -> str:
    row.text(field)
    return str(row.values[field])


def _choices(row: RawRow, field: str) -> list[str]:
    choices = row.items(field, str)
    if not all(choice.strip() for choice in choices):
        raise row.wrong(field, "holds an empty choice")
    return choices


def _mapping(row: RawRow, field: str) -> Mapping[str, Any]:
    _, value = row.get(field)
    value = literal(value) if isinstance(value, str) else value
    if not isinstance(value, dict):
        raise row.wrong(field, f"is {type(value).__name__} where a mapping is expected")
    return value


def _number(row: RawRow, field: str, count: int) -> int:
    text = row.number_or_text(field)
    if not text.isdecimal() or len(text) > 9 or int(text) >= count:
        raise row.wrong(field, f"is {text!r}, which is none of its {count} choices; expected 0 to {count - 1}")
    return int(text)


def _without_marks(text: str) -> str:
    return _BRACKETS.sub("", text.strip().replace(" [title]", ". ")).replace("  ", " ")
