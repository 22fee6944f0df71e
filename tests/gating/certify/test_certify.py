"""The whole certification: what it counts, what it refuses, and that the gate's false alarms are rare."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from spot_eval.core.errors import UserError
from spot_eval.gating.certify import harms
from spot_eval.gating.certify.certify import certify
from spot_eval.gating.policy import Policy
from spot_eval.runs.judged import JudgedRun
from tests.gating.certify.exams import base_run
from tests.made_runs import made

DRAWS = 20
ONE = Policy(families={"general": 0.03})
"""Gates one task, which is quick."""
SMALL = {"a": 2, "b": 2, "c": 40}


@pytest.fixture(scope="module", autouse=True)
def few_sizes() -> Iterator[None]:
    """Plant three sizes instead of eight."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(harms, "SHARES", (0.03, 0.2, 1.0))
        yield


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return certify(base_run(), Policy(), draws=DRAWS, seed=3)


def harm(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in found["harms"] if one["name"] == name)


def test_the_same_seed_gives_the_same_certificate() -> None:
    first, again, other = (certify(base_run(sizes=SMALL), ONE, draws=DRAWS, seed=seed) for seed in (3, 3, 4))
    assert first == again
    assert other["harms"] != first["harms"]


def test_cells_add_up_and_a_caught_harm_ends_its_row(found: dict[str, Any]) -> None:
    for one in found["harms"]:
        rates = [cell["fail"] for cell in one["cells"]]
        assert rates.count(1.0) <= 1
        assert 1.0 not in rates[:-1]
        for cell in one["cells"]:
            assert cell["draws"] == DRAWS
            assert 0 <= cell["pass"] <= 1 - cell["fail"]
            for family in cell["families"].values():
                assert max(family[rule] for rule in ("family", "guards", "limits")) <= family["fail"] <= cell["fail"]
        if one["smallest"] is not None:
            assert all(cell["fail"] >= 0.8 for cell in one["cells"] if cell["size"] >= one["smallest"])


def test_large_harm_is_caught_where_it_is_and_by_its_rule(found: dict[str, Any]) -> None:
    last = harm(found, "wrong in c")["cells"][-1]
    assert last["fail"] == 1
    assert last["families"]["general"]["family"] == 1
    assert last["families"]["general"]["points"] < -0.02
    assert last["families"]["in_domain"]["points"] == 0
    cut = harm(found, "truncated")["cells"][-1]
    assert cut["families"]["general"]["limits"] == 1
    assert cut["output_tokens"] > found["false_alarms"]["redrawn"]["output_tokens"]


def test_false_alarms_are_rare_and_counted_in_more_draws(found: dict[str, Any]) -> None:
    for cell in found["false_alarms"].values():
        assert cell["draws"] == 5 * DRAWS
        assert cell["fail"] <= 0.15  # 5 % with an error of 2.2: a gate that cannot tell noise from harm fails half
        assert all(family["points"] == 0 for family in cell["families"].values())


def test_a_copy_of_the_base_would_overstate_what_is_caught() -> None:
    # the share of unchanged pairs that pass is below 1, as that of two real runs is, and not that of a copy
    policy = Policy(families={"general": 0.05})
    found = certify(base_run(sizes={"a": 2, "b": 2, "c": 300}), policy, draws=DRAWS)
    assert 0 < found["false_alarms"]["redrawn"]["pass"] < 1


def test_another_number_of_repeats() -> None:
    few, more = (certify(base_run(sizes=SMALL), ONE, draws=DRAWS, repeats=repeats) for repeats in (None, 9))
    assert {task["repeats"] for task in more["tasks"].values()} == {9}
    assert {task["base_repeats"] for task in more["tasks"].values()} == {3}
    alone = more["false_alarms"]["redrawn"]["output_tokens"]
    assert alone == 3 * few["false_alarms"]["redrawn"]["output_tokens"]


def test_one_repeat_is_assumed_noise_and_has_no_split() -> None:
    found = certify(base_run(repeats=1, sizes=SMALL), ONE, draws=DRAWS)
    assert found["false_alarms"]["split"] is None
    assert "noise is assumed" in found["warnings"][0]


def never_varying(run: JudgedRun) -> JudgedRun:
    return made({task: [[1.0, 1.0] if doc.doc_id % 2 else [0.0, 0.0] for doc in docs.values()]
                 for task, docs in run.docs.items()})  # fmt: skip


def test_a_base_without_noise_is_refused_and_a_task_without_is_named() -> None:
    with pytest.raises(UserError, match="never vary"):
        certify(never_varying(base_run()), Policy(), draws=DRAWS)
    run = base_run()
    mixed = replace(run, docs={**run.docs, "b": never_varying(run).docs["b"]})
    two = Policy(families={"in_domain": 0.1})
    assert "b: the recorded answers of a doc never vary" in certify(mixed, two, draws=DRAWS)["warnings"][0]
    greedy = base_run(repeats=1)
    for settings in greedy.config["suite"]["tasks"].values():
        settings["sampling"]["temperature"] = 0.0
    with pytest.raises(UserError, match="temperature above 0"):
        certify(greedy, Policy(), draws=DRAWS)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"draws": 5}, "draws is 5"), ({"by": "subject"}, "--by subject")],
)
def test_bad_options_are_one_sentence(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        certify(base_run(), Policy(), **options)


def test_a_missing_task_is_one_sentence() -> None:
    run = base_run()
    less = replace(run, docs={task: docs for task, docs in run.docs.items() if task != "b"})
    with pytest.raises(UserError, match="no judged answer of task b"):
        certify(less, Policy())
    assert certify(less, ONE, draws=DRAWS)["families"].keys() == {"general"}
