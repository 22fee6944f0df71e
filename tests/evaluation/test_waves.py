"""`run --until-verdict` on the miniature: its looks, a kill at any of them, and going on to the full protocol."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spot_eval.core.errors import UserError
from spot_eval.evaluation.defaults import run_options
from spot_eval.evaluation.run import run
from spot_eval.gating.decide import gate
from spot_eval.gating.policy import Policy
from spot_eval.gating.stopped import UntilVerdict
from spot_eval.runs.baseline import save_baseline
from spot_eval.runs.finished import FinishedRun, read_run
from tests.command_line import records

POLICY = Policy(families={"in_domain": 0.17, "general": 0.25})


def silent(_: str) -> None:
    pass


def options(place: Path, seed: int, **more: Any) -> Any:
    given = {
        "suite": "miniature-sampled", "tasks": ("mini_arithmetic", "mini_instructions"), "limit": 20, "workers": 1,
        "seed": seed, "out": place, **more,
    }  # fmt: skip
    return run_options(**given)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    return read_run(run(options(tmp_path_factory.mktemp("waves") / "base", 0), silent)[0])


@pytest.fixture(scope="module")
def stopped(base: FinishedRun) -> tuple[FinishedRun, list[str]]:
    said: list[str] = []
    place = base.path.parent / "stopped" / "run"
    path, _ = run(options(place, 1, baseline=str(base.path)), said.append, UntilVerdict(POLICY, "default"))
    return read_run(path), said


def test_it_stops_early_with_the_verdict_of_its_gate(base: FinishedRun, stopped: tuple[FinishedRun, list[str]]) -> None:
    found, said = stopped
    assert found.looks is not None
    assert found.looks.stopped_early
    count = sum(len(doc.scores) for docs in found.docs.values() for doc in docs.values())
    assert 40 < count < 200, "more than one look, and fewer than all"
    assert said[-1] == f"{count} of the protocol's 200 answers were asked for"
    verdict, _ = gate(found, base, POLICY)
    recorded = {name: one["verdict"] for line in found.looks.lines for name, one in line["families"].items()}
    assert {name: one["verdict"] for name, one in verdict["families"].items()} == recorded
    assert verdict["looks"]["stopped_early"]


@pytest.mark.parametrize("dies_at", [1, 2])
def test_killed_at_a_look_it_takes_the_same_looks_again(
    base: FinishedRun, stopped: tuple[FinishedRun, list[str]], tmp_path: Path, dies_at: int
) -> None:
    class Dying(UntilVerdict):
        def look(self, *run_and_looks: Any) -> dict[str, Any]:
            if run_and_looks[-1].taken + 1 == dies_at:
                raise KeyboardInterrupt
            return super().look(*run_and_looks)

    asked = options(tmp_path / "run", 1, baseline=str(base.path))
    with pytest.raises(KeyboardInterrupt):
        run(asked, silent, Dying(POLICY, "default"))
    path, _ = run(asked, silent, UntilVerdict(POLICY, "default"))
    assert (path / "looks.jsonl").read_text() == (stopped[0].path / "looks.jsonl").read_text()
    assert records(path, "samples.jsonl") == records(stopped[0].path, "samples.jsonl")


def test_it_can_go_on_to_the_full_protocol(base: FinishedRun, tmp_path: Path) -> None:
    asked = options(tmp_path / "run", 1, baseline=str(base.path))
    path, _ = run(asked, silent, UntilVerdict(POLICY, "default"))
    before = read_run(path)
    run(asked, silent)
    whole, plain = read_run(path), read_run(run(options(tmp_path / "plain" / "run", 1), silent)[0])
    assert whole.looks is not None
    assert whole.looks.whole
    assert whole.docs == plain.docs, "the answers are those of a run that was never looked at"
    for task, docs in before.docs.items():
        for hashed, doc in docs.items():
            assert whole.docs[task][hashed].text_hashes[: len(doc.scores)] == doc.text_hashes
    verdict, _ = gate(whole, base, POLICY)
    stopped, _ = gate(before, base, POLICY)
    assert {name: one["verdict"] for name, one in verdict["families"].items()} == {
        name: one["verdict"] for name, one in stopped["families"].items()
    }, "a run that went on is still judged by its looks"


def test_bad_input_is_one_sentence(base: FinishedRun, tmp_path: Path) -> None:
    monitor = UntilVerdict(POLICY, "default")
    with pytest.raises(UserError, match="needs a base run"):
        run(options(tmp_path / "a", 1), silent, monitor)
    with pytest.raises(UserError, match="published table"):
        run(options(tmp_path / "b", 1, baseline="qwen3-8b"), silent, monitor)
    with pytest.raises(UserError, match="fewer than the 10 a look needs"):
        run(options(tmp_path / "c", 1, baseline=str(base.path), limit=4), silent, monitor)
    with pytest.raises(UserError, match="temperature is 0.7 there, 0.0 here"):
        run(options(tmp_path / "d", 1, baseline=str(base.path), suite="miniature"), silent, monitor)
    save_baseline(base, tmp_path / "saved")
    run(options(tmp_path / "run", 1, baseline=str(base.path)), silent, monitor)
    lines = (tmp_path / "saved" / "scores.jsonl").read_text().splitlines()
    row = json.loads(lines[0])
    row["scores"] = [1 - score for score in row["scores"]]
    (tmp_path / "saved" / "scores.jsonl").write_text("\n".join([json.dumps(row), *lines[1:]]) + "\n")
    begun = tmp_path / "run" / "looks.jsonl"
    begun.write_text("\n".join(begun.read_text().splitlines()[:1]) + "\n")
    with pytest.raises(UserError, match="against another base"):
        run(options(tmp_path / "run", 1, baseline=str(tmp_path / "saved")), silent, monitor)
    assert not any((tmp_path / name / "manifest.json").exists() for name in "abcd")
