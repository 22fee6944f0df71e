"""The verdicts of `certify` are those of the gate on the same records."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spot_eval.gating.certify.harms import Harm, harms_of
from spot_eval.gating.certify.sides import Sides, redrawn_pair
from spot_eval.gating.certify.verdicts import Exam, ExamVerdict, gather, verdict
from spot_eval.gating.policy import Policy
from spot_eval.gating.rules import gate
from spot_eval.runs.judged import JudgedRun
from tests.gating.certify.exams import as_run, base_run, exam_of


def of_the_gate(run: JudgedRun, exam: Exam, base: Sides, candidate: Sides) -> ExamVerdict:
    found, _ = gate(as_run(run, exam.tasks, candidate, "n"), as_run(run, exam.tasks, base, "b"), exam.policy)
    seen = ExamVerdict(
        {name: one["verdict"] for name, one in found["families"].items()},
        {name: one["verdict"] for name, one in found["guards"].items()},
        {(one["family"], one["flag"]): one["verdict"] for one in found["limits"]},
    )
    assert seen.gate == found["verdict"]
    return seen


def every_harm(exam: Exam) -> list[Harm]:
    return harms_of(exam.tasks, {}, {})


CLUSTERED = replace(base_run(3), docs={
    task: {name: replace(doc, cluster=f"{doc.doc_id // 2}") for name, doc in docs.items()}
    for task, docs in base_run(3).docs.items()
})  # fmt: skip
UNKNOWN_END = replace(base_run(4), docs={
    task: {name: replace(doc, truncated=(None,) * 3) for name, doc in docs.items()}
    for task, docs in base_run(4).docs.items()
})  # fmt: skip


@pytest.mark.parametrize(
    ("run", "policy"),
    [
        (base_run(0), Policy()),
        (base_run(1, missing=0.02), Policy(limits={"not_judged": 0.005})),
        (base_run(2, repeats=1), Policy(families={"in_domain": 0.1, "general": 0.08}, floors={"c": 0.45})),
        (CLUSTERED, Policy(alpha=0.2, margin=0.1)),
        (UNKNOWN_END, Policy(margin=0.08, guards={"drop": 0.02, "tasks": {"b": 0.1}})),
    ],
    ids=["plain", "not judged", "one repeat", "clusters", "unknown end"],
)
def test_the_verdicts_are_those_of_the_gate(run: JudgedRun, policy: Policy) -> None:
    exam = exam_of(run, policy)
    seen = set()
    for number in range(3):
        base, candidate = redrawn_pair(exam.tasks, np.random.default_rng(number))
        evidence = gather(exam, base, candidate)
        assert verdict(exam, evidence) == of_the_gate(run, exam, base, candidate)
        harms = every_harm(exam)
        for at, size in enumerate((0.02, 0.05, 0.15, 0.4)):
            harm = harms[(number + 2 * at) % len(harms)]
            planted, touched = harm.plant(exam.tasks, candidate, size, np.random.default_rng(number))
            found = verdict(exam, gather(exam, base, planted, evidence, touched))
            assert found == of_the_gate(run, exam, base, planted), (harm.name, size)
            seen |= {found.gate}
    assert "fail" in seen


def test_one_draw_in_which_nothing_differs_passes_by_identity() -> None:
    exam = exam_of(base_run())
    base, _ = redrawn_pair(exam.tasks, np.random.default_rng(0))
    found = verdict(exam, gather(exam, base, base))
    assert found.gate == "pass"
    assert found == of_the_gate(base_run(), exam, base, base)
    assert found.caught_by(exam, "general") == (False, False, False)
