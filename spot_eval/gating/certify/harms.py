"""The harms that an exam is certified with: what each does to the records of a run.

    harm.plant(exam_tasks, candidate, 0.05, rng)     # (the harmed sides, the tasks they belong to)

One draw of randomness picks what is hit at every size, so that a larger harm contains every smaller one. A harm hits
right and wrong answers alike, as a real one would: a wrong answer stays wrong. Answers that were not judged stay so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from spot_eval.gating.certify.answers import RecordedTask
from spot_eval.gating.certify.sides import Side, Sides

SHARES = (0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0)
TOPICS = (1, 2, 3, 5, 10, 20, 50)
DOCS, ANSWERS = "of docs in every task", "of answers in every task"
READS_WORDS = {"ifeval", "miniature"}
"""Graders that compare the words of an answer, so that another language makes it wrong."""
READS_RESULT = {"maths", "choice", "connect4", "code", "likelihood"}
"""Graders that read a number, a letter, a move, a program or probabilities, whatever the language around them."""
SMALLEST_SLICE = 10
"""A slice or topic has at least this many docs."""

Slices = Mapping[str, Mapping[str, np.ndarray]]
"""Task to value to the places of its docs."""


@dataclass(frozen=True)
class Harm:
    """A kind of harm.

    `ranks(task, rng)` gives each answer of a task a number, (docs, repeats) or (docs, 1); a harm of size x hits those
    whose number is below x. `hit(task, side, mask)` returns the side with the masked answers harmed.
    """

    name: str
    unit: str
    sizes: Sequence[float]
    tasks: Sequence[str]
    ranks: Callable[[Mapping[str, RecordedTask], np.random.Generator], dict[str, np.ndarray]]
    hit: Callable[[RecordedTask, Side, np.ndarray], Side]

    def plant(
        self, tasks: Mapping[str, RecordedTask], candidate: Sides, size: float, rng: np.random.Generator
    ) -> tuple[Sides, set[str]]:
        """Return the candidate with harm of this size, and the tasks in which it differs.

        Args:
            tasks: by name, with the answers that draws are made from.
            candidate: the side that is harmed.
            size: share of what can be hit, from 0 to 1.
            rng: decides what is hit; the same at every size.
        """
        planted, touched = dict(candidate), set()
        for name, ranks in self.ranks(tasks, rng).items():
            mask = np.broadcast_to(ranks < size, candidate[name].scores.shape)
            if mask.any():
                planted[name] = self.hit(tasks[name], candidate[name], mask)
                touched.add(name)
        return planted, touched


def harms_of(tasks: Mapping[str, RecordedTask], slices: Slices, topics: Slices) -> list[Harm]:
    """Return every harm that can be planted into these tasks.

    Args:
        tasks: by name, with the answers that draws are made from.
        slices: of tasks whose docs can be sliced, the docs of each value.
        topics: the same for tasks whose rows name a topic.
    """
    every = list(tasks)
    spoken = [name for name in every if tasks[name].truncated is not None and _generated(tasks[name])]
    found = [Harm("wrong answers", DOCS, SHARES, every, _docs(every), _wrong)]
    found += [Harm(f"wrong in {name}", "of its docs", SHARES, [name], _docs([name]), _wrong) for name in every]
    if slices:
        hit = sorted(slices)
        found.append(Harm("wrong in one slice", "of its docs", SHARES, hit, _one_slice(slices), _wrong))
    if topics:
        sizes = [size for size in TOPICS if size <= sum(map(len, topics.values()))]
        found.append(Harm("topics lost", "topics", sizes, sorted(topics), _topics(topics), _wrong))
    if spoken:
        found.append(Harm("truncated", "of answers in every task", SHARES, spoken, _answers(spoken), _truncated))
    generated = [name for name in every if _generated(tasks[name])]
    if generated:
        found.append(Harm("format lost", ANSWERS, SHARES, generated, _answers(generated), _unparsed))
    switched = [name for name in generated if name not in of_unknown_reading(tasks)]
    if switched:
        found.append(Harm("another language", DOCS, SHARES, switched, _docs(switched), _in_another))
    return found


def of_unknown_reading(tasks: Mapping[str, RecordedTask]) -> list[str]:
    """Return the tasks whose grader is of the user's own: nobody knows what another language does to its verdict."""
    known = READS_WORDS | READS_RESULT
    return [name for name, task in tasks.items() if task.grader.partition("/")[0] not in known]


def _generated(task: RecordedTask) -> bool:
    return task.grader.partition("/")[0] != "likelihood"


Ranks = Callable[[Mapping[str, RecordedTask], np.random.Generator], dict[str, np.ndarray]]


def _docs(names: Sequence[str]) -> Ranks:
    def ranks(tasks: Mapping[str, RecordedTask], rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {name: _shares(len(tasks[name].hashes), rng)[:, None] for name in names}

    return ranks


def _answers(names: Sequence[str]) -> Ranks:
    def ranks(tasks: Mapping[str, RecordedTask], rng: np.random.Generator) -> dict[str, np.ndarray]:
        shapes = {name: (len(tasks[name].hashes), tasks[name].repeats) for name in names}
        return {name: _shares(docs * repeats, rng).reshape(docs, repeats) for name, (docs, repeats) in shapes.items()}

    return ranks


def _shares(count: int, rng: np.random.Generator) -> np.ndarray:
    """Return 0, 1 / count, … in random order: the first x of all that are hit at size x."""
    return rng.permutation(count) / count


def _one_slice(slices: Slices) -> Ranks:
    places = [(task, value) for task, of in sorted(slices.items()) for value in sorted(of)]

    def ranks(tasks: Mapping[str, RecordedTask], rng: np.random.Generator) -> dict[str, np.ndarray]:
        task, value = places[int(rng.integers(len(places)))]
        docs = slices[task][value]
        found = np.full((len(tasks[task].hashes), 1), np.inf)
        found[docs, 0] = _shares(len(docs), rng)
        return {task: found}

    return ranks


def _topics(topics: Slices) -> Ranks:
    places = [(task, value) for task, of in sorted(topics.items()) for value in sorted(of)]

    def ranks(tasks: Mapping[str, RecordedTask], rng: np.random.Generator) -> dict[str, np.ndarray]:
        found = {task: np.full((len(tasks[task].hashes), 1), np.inf) for task in topics}
        for rank, at in enumerate(rng.permutation(len(places))):
            task, value = places[int(at)]
            docs = topics[task][value]
            found[task][docs, 0] = np.minimum(found[task][docs, 0], rank)
        return found

    return ranks


def _wrong(task: RecordedTask, side: Side, mask: np.ndarray) -> Side:
    del task
    return replace(side, scores=_lost(side, mask), texts=np.where(mask, np.nan, side.texts))


def _lost(side: Side, mask: np.ndarray) -> np.ndarray:
    return np.where(mask & ~np.isnan(side.scores), 0.0, side.scores)


def _truncated(task: RecordedTask, side: Side, mask: np.ndarray) -> Side:
    """Cut answers off before their end: no answer is found, and the whole budget is spent."""
    assert side.truncated is not None
    spent = np.nan if task.budget is None else task.budget
    return replace(
        _unparsed(task, side, mask), truncated=side.truncated | mask, tokens=np.where(mask, spent, side.tokens)
    )


def _unparsed(task: RecordedTask, side: Side, mask: np.ndarray) -> Side:
    return replace(_wrong(task, side, mask), unparsed=side.unparsed | mask)


def _in_another(task: RecordedTask, side: Side, mask: np.ndarray) -> Side:
    """Answer in another language: lost if the grader compares words, and only another text if it reads a result."""
    if task.grader.partition("/")[0] in READS_WORDS:
        return _wrong(task, side, mask)
    return replace(side, texts=np.where(mask, np.nan, side.texts))
