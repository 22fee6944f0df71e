"""Adapters, one a source: from a raw row, in the hub's columns or the mirror's, to the doc its task uses.

    {"problem": "...", "answer": "025", "url": ...}  ->  {"id": "5f0c…", "problem": "...", "answer": "25"}

The same row gives the same doc wherever it came from: ids come from the text, not from the source's
numbering. Knows nothing of files and of the hub; a row says itself where it stands, for the error a bad field
raises.
"""

from __future__ import annotations

import ast
import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import permutations
from typing import Any

from spot_eval.core.errors import UserError

DocFields = dict[str, Any]
LETTERS = "ABCD"
_ORDERS = tuple(permutations(range(4)))


@dataclass(frozen=True)
class RawRow:
    """A row as read, and where it stands ("FILE, line 3"). Readers raise UserError naming place and field."""

    values: Mapping[str, Any]
    where: str

    def wrong(self, field: str, problem: str) -> UserError:
        """The error to raise for `field`."""
        return UserError(f"{self.where}: field {field!r} {problem}")

    def given(self, *names: str) -> str | None:
        """The first of `names` that is a column here and not None."""
        return next((name for name in names if self.values.get(name) is not None), None)

    def get(self, *names: str) -> tuple[str, Any]:
        """The first of `names` that is given, with its value."""
        name = self.given(*names)
        if name is None:
            raise self.wrong(names[0], f"is missing (the row has {', '.join(map(str, self.values)) or 'nothing'})")
        return name, self.values[name]

    def text(self, *names: str) -> str:
        """A text that is not empty, stripped."""
        name, value = self.get(*names)
        if not isinstance(value, str):
            raise self.wrong(name, f"is {type(value).__name__} where text is expected")
        if not value.strip():
            raise self.wrong(name, "is empty")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise self.wrong(name, "holds half a character (a lone surrogate)") from None
        return value.strip()

    def number_or_text(self, *names: str) -> str:
        """An answer, which some sources hold as a number."""
        name, value = self.get(*names)
        if isinstance(value, float) and not math.isfinite(value):
            raise self.wrong(name, f"is {value}")
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return str(value)
        return self.text(name)

    def items(self, name: str, of: type) -> list[Any]:
        """A list of `of` that is not empty; a CSV cell holds it as JSON or as Python writes it."""
        _, value = self.get(name)
        value = literal(value) if isinstance(value, str) else value
        if not isinstance(value, list) or not all(isinstance(item, of) for item in value):
            raise self.wrong(name, f"is not a list of {of.__name__}")
        if not value:
            raise self.wrong(name, "is empty")
        return value


def integer_answer(row: RawRow) -> DocFields:
    """AIME and AMC: the answer is a whole number, written 25 where a source has 025 or 25.0."""
    answer = row.number_or_text("answer")
    if re.fullmatch(r"[+-]?\d{1,99}(\.0*)?", answer):
        answer = str(int(answer.partition(".")[0]))
    return _maths(row, row.text("problem"), answer)


def boxed_answer(row: RawRow) -> DocFields:
    """MATH-500 and Minerva: the gold is the last box of the solution; `answer` where no solution has one."""
    solution = row.text("solution") if row.given("solution") else ""
    answer = _last_box(solution)
    if answer is None and not row.given("answer"):
        row.text("solution")
        raise row.wrong("solution", r"has no \boxed{...} and there is no field 'answer'")
    return _maths(row, row.text("problem"), answer or row.number_or_text("answer"))


def training_problem(row: RawRow) -> DocFields:
    """Return a problem to train on: a text and its right answer; of a worked solution, the content of its last box."""
    problem = row.text("problem", "question", "prompt")
    answer = row.number_or_text("answer", "ground_truth", "solution", "gold")
    return _maths(row, problem, _last_box(answer) or answer)


def olympiad(row: RawRow) -> DocFields:
    """OlympiadBench: the first final answer without outer dollars; unit and tolerance where there are any."""
    name, value = row.get("answer_raw", "answer", "final_answer")
    listed = literal(value) if isinstance(value, str) and value.lstrip().startswith("[") else value
    if isinstance(listed, list):
        if listed and all(isinstance(item, str) for item in listed):  # else an interval, such as [1, 2]
            value = listed[0]
        elif not isinstance(value, str):
            raise row.wrong(name, "is not a list of answers as text")
    answer = RawRow({name: value}, row.where).number_or_text(name)
    if len(answer) > 2 and answer[0] == answer[-1] == "$" and "$" not in answer[1:-1]:
        answer = answer[1:-1].strip()
    doc = _maths(row, row.text("question", "problem"), answer)
    doc["is_multiple_answer"] = str(row.values.get("is_multiple_answer")).lower() == "true"
    for field in ("unit", "error"):
        doc[field] = str(row.values.get(field) or "") or None
    return doc


def gpqa(row: RawRow) -> DocFields:
    """GPQA: four options in an order drawn from the question's hash; `answer` is the right one's letter."""
    question = row.text("Question")
    options = [row.text("Correct Answer"), *(row.text(f"Incorrect Answer {i}") for i in (1, 2, 3))]
    if options[0] in options[1:]:
        raise row.wrong("Correct Answer", "is also one of the incorrect answers")
    digest = hashlib.sha256(question.encode()).digest()
    order = _ORDERS[int.from_bytes(digest[:8], "big") % len(_ORDERS)]
    choices = [options[i] for i in order]
    return {"id": _id(question), "question": question, "choices": choices, "answer": LETTERS[order.index(0)]}


def ifeval(row: RawRow) -> DocFields:
    """IFEval: the prompt as it stands; the hub's rows carry every checker's keywords, None if not used."""
    _, key = row.get("key")
    row.text("prompt")
    names = row.items("instruction_id_list", str)
    kwargs = row.items("kwargs", dict)
    if len(kwargs) != len(names):
        raise row.wrong("kwargs", f"has {len(kwargs)} entries for {len(names)} instructions")
    used = [{name: _whole(value) for name, value in each.items() if value is not None} for each in kwargs]
    prompt = row.values["prompt"]
    return {
        "id": str(_whole(key)),
        "key": _whole(key),
        "prompt": prompt,
        "instruction_id_list": names,
        "kwargs": used,
    }


def program(row: RawRow) -> DocFields:
    """HumanEval: code to complete, its entry point, its tests; indentation is kept as it stands."""
    task, entry_point = row.text("task_id"), row.text("entry_point")
    for field in ("prompt", "test"):
        row.text(field)
    solution = row.values.get("canonical_solution")
    return {
        "id": task,
        "prompt": row.values["prompt"],
        "entry_point": entry_point,
        "test": row.values["test"],
        "canonical_solution": solution if isinstance(solution, str) else "",
    }


def connect4(level: int) -> Callable[[RawRow], DocFields]:
    """Connect4 at one level: a board that must be legal, with the right answer; a wrong label is an error.

    Level 3's label takes a search and is believed here; `spot-eval connect4 check` works it out again.
    """
    return partial(_board, level)


def _board(level: int, row: RawRow) -> DocFields:
    from connect4 import STANDARD, read_row, truth
    from connect4.task.answers import to_answer

    row.text("state")
    values = {name: literal(value) if _from_csv(name, value) else value for name, value in row.values.items()}
    try:
        item = read_row(values)
    except ValueError as problem:
        raise UserError(f"{row.where}: {problem}") from problem
    if item.level != level:
        raise row.wrong("level", f"is {item.level}; this task asks level {level}")
    if level == 3:
        if item.known is None:
            row.get("answer")
        answer = values["answer"]
    else:
        answer = to_answer(level, truth(item.board, level))
        if item.known is not None and to_answer(level, item.known) != answer:
            raise row.wrong("answer", f"is {values['answer']}; on this board it is {answer}")
    state, game = item.board.to_state(), item.board.game
    size = {"rows": game.rows, "columns": game.columns, "connect": game.connect}
    name = state if game == STANDARD and level == 1 else json.dumps([level, size, state])
    return {"id": _id(name), "level": level, **size, "state": state, "answer": answer, "player": item.board.player}


def _from_csv(name: str, value: Any) -> bool:
    return isinstance(value, str) and name in {"level", "rows", "columns", "connect", "answer"}


def _maths(row: RawRow, problem: str, answer: str) -> DocFields:
    return {"id": _id(problem), "problem": problem, "answer": answer}


def _id(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _whole(value: Any) -> Any:
    """A whole number as int: some exports turn 3 into 3.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def literal(text: str) -> Any:
    """Return the value of a cell as JSON or as a Python literal; the text itself where it is neither."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        try:
            return ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return text


def _last_box(solution: str) -> str | None:
    r"""The content of the last brace-balanced \boxed{...}: a data set's own solution, not a model's reply."""
    for start in reversed([match.end() for match in re.finditer(r"\\f?boxed\s*\{", solution)]):
        depth = 1
        for at in range(start, len(solution)):
            depth += {"{": 1, "}": -1}.get(solution[at], 0)
            if depth == 0:
                return solution[start:at].strip() or None
    return None
