"""`spot-eval drift` on the embedded model: zero from itself, resumable, the same by other batches; bad input."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from spot_eval.core.errors import NotComparableError, UserError
from spot_eval.core.options import RunOptions
from spot_eval.evaluation.drift import DriftOptions, measure_drift
from spot_eval.evaluation.run import run
from spot_eval.miniature import BASE
from tests.command_line import spot_eval


def quiet(sentence: str) -> None:
    del sentence


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "base"
    run(RunOptions(model=str(BASE), suite="miniature", limit=5, workers=1, out=out), quiet)
    return out


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded model with its last norm turned up a little."""
    folder = tmp_path_factory.mktemp("models") / "moved"
    shutil.copytree(BASE, folder)
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"] = weights["model.norm.weight"] * 1.2
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


def test_the_base_has_not_moved_from_itself(base: Path, tmp_path: Path) -> None:
    path, found = measure_drift(DriftOptions(str(BASE), base, out=tmp_path / "d"), quiet)
    assert found["overall"]["kl"] == {"mean": 0.0, "stderr": 0.0}
    assert found["most_changed"] == []
    assert json.loads((path / "drift.json").read_text())["overall"] == found["overall"]


def test_a_moved_model_is_seen_killed_and_resumed(base: Path, moved: Path, tmp_path: Path) -> None:
    options = DriftOptions(str(moved), base, run=base, out=tmp_path / "whole")
    path, whole = measure_drift(options, quiet)
    assert whole["overall"]["kl"]["mean"] > 1e-4
    assert whole["tasks"]["mini_arithmetic"]["gold"]["docs"] == 5
    assert {one["broke"] for one in whole["broke"].values()} == {0}  # the run is the base's own
    changed = json.loads((path / "changed.json").read_text())["answers"]
    assert len(changed[0]["pieces"]) == len(changed[0]["kls"]) == changed[0]["tokens"]
    assert changed[0]["kl"] == max(one["kl"] for one in changed)

    cut = tmp_path / "cut"  # as a kill leaves it: half of the lines, the last one torn
    shutil.copytree(path, cut)
    lines = (cut / "drift.jsonl").read_bytes().splitlines(keepends=True)
    (cut / "drift.jsonl").write_bytes(b"".join(lines[: len(lines) // 2]) + b'{"key": "to')
    for name in ("drift.json", "changed.json"):
        (cut / name).unlink()
    _, again = measure_drift(replace(options, out=cut, token_budget=64), quiet)
    assert again["overall"]["kl"]["mean"] == pytest.approx(whole["overall"]["kl"]["mean"], rel=1e-5)
    assert len((cut / "drift.jsonl").read_text().splitlines()) == len(lines)


def test_on_the_command_line(base: Path, moved: Path, tmp_path: Path) -> None:
    arguments = ("drift", moved, "--baseline", base, "--tasks", "mini_bags,mini_instructions", "-o", tmp_path / "d")
    done = spot_eval(*arguments, COLUMNS="80")
    assert done.returncode == 0, done.stderr
    assert "mini_bags" in done.stdout
    assert "never that it was harmed" in done.stdout
    table = done.stdout.partition("KL(base")[0]
    assert max(map(len, table.splitlines())) <= 80
    assert "…" not in table


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"candidate": "nowhere/at/all"}, UserError, "does not exist"),
        ({"tasks": ["aime24"]}, UserError, "has no task 'aime24'"),
        ({"base_model": "MOVED"}, NotComparableError, "is not the checkpoint that the base run was made with"),
        ({"candidate": "TINY"}, UserError, "has another tokenizer than the base"),
        ({"baseline": Path("nowhere")}, UserError, "nowhere does not exist"),
    ],
)
def test_bad_input_is_one_sentence(base, moved, tiny, tmp_path, change, error, words) -> None:
    places = {"MOVED": str(moved), "TINY": str(tiny)}
    named = {name: places.get(value, value) if isinstance(value, str) else value for name, value in change.items()}
    options = replace(DriftOptions(str(moved), base, out=tmp_path / "d"), **named)
    with pytest.raises(error, match=words):
        measure_drift(options, quiet)
    assert not (tmp_path / "d").exists()


def test_a_base_without_texts_and_a_folder_of_another_measurement_are_refused(base, moved, tmp_path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(base, bare)
    (bare / "generations.jsonl").unlink()
    with pytest.raises(UserError, match="holds no generated texts"):
        measure_drift(DriftOptions(str(moved), bare, out=tmp_path / "d"), quiet)
    measure_drift(DriftOptions(str(moved), base, limit=1, out=tmp_path / "d"), quiet)
    with pytest.raises(UserError, match="holds another measurement"):
        measure_drift(DriftOptions(str(moved), base, limit=2, out=tmp_path / "d"), quiet)
    with pytest.raises(UserError, match="a folder of something else"):
        measure_drift(DriftOptions(str(moved), base, out=base), quiet)


def test_a_run_measures_its_drift_too(base: Path, moved: Path, tmp_path: Path) -> None:
    out = tmp_path / "after"
    asked = ("run", "--model", moved, "--suite", "miniature", "--limit", "5", "--drift", base, "--out", out)
    done = spot_eval(*asked)
    assert done.returncode == 0, done.stderr
    assert "drift of" in done.stderr
    assert "docs that the base had right are now wrong" in done.stderr
    assert json.loads((out / "drift" / "drift.json").read_text())["overall"]["kl"]["mean"] > 0
    refused = spot_eval("run", "--model", moved, "--drift", tmp_path / "nowhere", "--out", tmp_path / "x")
    assert refused.returncode == 2
    assert not (tmp_path / "x").exists()
