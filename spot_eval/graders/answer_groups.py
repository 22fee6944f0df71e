"""Which of a doc's answers are the same answer, for maj@k: groups by the grader's equality.

Identical strings are one answer before anything is compared; then an answer joins the first group, in order
of appearance, whose first member it equals. An unparsed answer (None) belongs to no group.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

from spot_eval.graders.pool import Job, Pool

DocKey = TypeVar("DocKey", bound=Hashable)


def group_answers(
    pool: Pool, grader: str, answers: Mapping[DocKey, Sequence[str | None]]
) -> dict[DocKey, list[int | None]]:
    """The groups of many docs' answers at once, in the pool's workers: {doc: group of each answer, from 0 in order}.

    An unparsed answer (None) stays None; a pair that could not be judged counts as different. There are as many rounds
    as the doc with the most groups has: every doc's next group takes its members from those in no earlier one.
    """
    left = {doc: list(dict.fromkeys(a for a in given if a is not None)) for doc, given in answers.items()}
    groups: dict[DocKey, dict[str, int]] = {doc: {} for doc in answers}
    number = 0
    while any(left.values()):
        pairs = [(doc, given[0], other) for doc, given in left.items() if given for other in given[1:]]
        joined = {(doc, given[0]) for doc, given in left.items() if given}
        jobs = [Job(grader, "same", (first, other)) for _, first, other in pairs]
        joined |= {(pairs[i][0], pairs[i][2]) for i, verdict in pool.run(jobs) if verdict is True}
        for doc, answer in joined:
            groups[doc][answer] = number
        left = {doc: [a for a in given if (doc, a) not in joined] for doc, given in left.items()}
        number += 1
    return {
        doc: [None if answer is None else groups[doc][answer] for answer in given] for doc, given in answers.items()
    }
