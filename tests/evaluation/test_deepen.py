"""A deep base: more repeats of the same questions, the first ones taken over, and what its candidates are asked."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest

from spot_eval.core.errors import UserError
from spot_eval.evaluation.deepen import Given, deepen, parse_times
from spot_eval.evaluation.defaults import run_options
from spot_eval.evaluation.run import run
from spot_eval.gating.certify.answers import recorded_tasks
from spot_eval.gating.decide import gate
from spot_eval.gating.policy import Policy
from spot_eval.gating.power import depth_words, power_of
from spot_eval.gating.task_plans import suite_of_run
from spot_eval.runs.baseline import save_baseline
from spot_eval.runs.finished import FinishedRun, read_run

TASKS = ("mini_arithmetic", "mini_instructions")


def silent(_: str) -> None:
    pass


def made(place: Path, suite: str = "miniature-sampled", **more: object) -> FinishedRun:
    options = run_options(suite=suite, limit=12, tasks=TASKS, repeats=2, out=place, workers=1, **more)
    return read_run(run(options, silent)[0])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    return made(tmp_path_factory.mktemp("deepen") / "base", seed=3)


@pytest.fixture(scope="module")
def deep(base: FinishedRun) -> FinishedRun:
    said: list[str] = []
    found = read_run(deepen(base, 3, Given(workers=1), said.append))
    assert any("48 generations of this checkpoint were finished by neighbouring runs" in line for line in said)
    return found


def test_the_first_repeats_are_the_bases_and_the_base_stays(base: FinishedRun, deep: FinishedRun) -> None:
    assert deep.path == base.path.with_name("base-x3")
    assert deep.seal is not None
    assert deep.seal.whole
    again = read_run(base.path)
    assert again.docs == base.docs
    for task, docs in deep.docs.items():
        for hashed, doc in docs.items():
            assert len(doc.scores) == 6
            assert doc.scores[:2] == base.docs[task][hashed].scores
            assert doc.text_hashes[:2] == base.docs[task][hashed].text_hashes
    assert deep.config["seed"] == 3
    assert deep.config["changes"]["limit"] == 12


def test_a_candidate_of_a_deep_base_has_the_repeats_of_the_suite(base: FinishedRun, deep: FinishedRun) -> None:
    assert (base.times, deep.times) == (1, 3)
    suite, _ = suite_of_run(deep)
    assert {task["repeats"] for task in suite["tasks"].values()} == {2}
    found = power_of(*suite_of_run(deep), Policy(families={"in_domain": 0.03}), deep)
    assert found["tasks"]["mini_arithmetic"]["repeats"] == 2
    assert found["tasks"]["mini_arithmetic"]["base_repeats"] == 6
    assert found["deep"] is None
    tasks = recorded_tasks(deep, Policy(families={"in_domain": 0.03}))
    assert {task.repeats for task in tasks.values()} == {2}
    verdict, _ = gate(base, deep, Policy(families={"in_domain": 0.03}))
    assert verdict["families"]["in_domain"]["mean"] is not None


def test_a_saved_deep_base_is_as_deep(deep: FinishedRun, tmp_path: Path) -> None:
    save_baseline(deep, tmp_path / "saved")
    saved = read_run(tmp_path / "saved")
    assert saved.times == 3
    assert saved.candidate_repeats("mini_arithmetic") == 2


def test_what_it_buys_is_said(base: FinishedRun, deep: FinishedRun) -> None:
    assert depth_words(base, deep, Policy(families={"in_domain": 0.2})).startswith("an unchanged checkpoint passes")
    assert depth_words(base, deep, Policy(families={"ood": 0.2})) == ""


def test_the_same_command_again_asks_nothing(base: FinishedRun, deep: FinishedRun) -> None:
    lines = (deep.path / "generations.jsonl").read_bytes()
    assert deepen(base, 3, Given(workers=1), silent) == deep.path
    assert (deep.path / "generations.jsonl").read_bytes() == lines


@pytest.mark.parametrize("text", ["4", "x1", "x0", "x-2", "4x", "x", "x2.5", "x٤"])
def test_malformed_depths_are_one_sentence(text: str) -> None:
    with pytest.raises(UserError, match="such as x4"):
        parse_times(text)


def test_a_base_that_cannot_be_deepened_is_one_sentence(base: FinishedRun, deep: FinishedRun, tmp_path: Path) -> None:
    save_baseline(base, tmp_path / "saved")
    with pytest.raises(UserError, match="deepen the run that it was saved from"):
        deepen(read_run(tmp_path / "saved"), 4, Given(), silent)
    with pytest.raises(UserError, match=r"is a deep base already \(x3\)"):
        deepen(deep, 4, Given(), silent)
    with pytest.raises(UserError, match="another repeat would be a copy"):
        deepen(made(tmp_path / "greedy", suite="miniature"), 4, Given(), silent)
    elsewhere = replace(base, manifest={**base.manifest, "model": {"name": "x"}})
    with pytest.raises(UserError, match="made elsewhere"):
        deepen(elsewhere, 4, Given(), silent)


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        (("engine",), {}, "names no engine"),
        (("changes", "limit"), "many", "changes.limit was 'many'"),
        (("changes", "limit"), [1], r"changes.limit was \[1\]"),
        (("skip_too_long",), "yes", "skip_too_long was 'yes'"),
        (("seed",), None, "seed was None"),
    ],
)
def test_a_damaged_manifest_is_one_sentence(
    base: FinishedRun, place: tuple[str, ...], value: object, sentence: str
) -> None:
    config = copy.deepcopy(dict(base.config))
    inner = config
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    with pytest.raises(UserError, match=sentence):
        deepen(replace(base, manifest={**base.manifest, "config": config}), 6, Given(), silent)


def test_another_configuration_is_refused_before_anything_is_asked(base: FinishedRun, tmp_path: Path) -> None:
    suite = tmp_path / "other.yaml"
    suite.write_text(json.dumps({
        "name": "miniature-sampled", "version": 1, "sampling": {"temperature": 0.9, "top_p": 0.8},
        "families": {"in_domain": {"mini_arithmetic": {"max_new_tokens": 96}},
                     "ood": {"mini_bags": {}, "mini_boards": {}},
                     "general": {"mini_instructions": {"max_new_tokens": 48}}},
    }))  # fmt: skip
    with pytest.raises(
        UserError, match=r"suite\.tasks\.mini_arithmetic\.sampling\.temperature was 0\.7, and would be 0\.9"
    ):
        deepen(base, 5, Given(suite=str(suite)), silent)
    assert not base.path.with_name("base-x5").exists()
