"""The whole loop as a user types it: errors, corrections, training, a checkpoint that got better without forgetting."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from spot_eval.miniature import BASE
from tests.command_line import spot_eval


def done_well(folder: Path, *arguments: object) -> str:
    """Runs the command in `folder`; returns what it prints."""
    done = spot_eval(*arguments, cwd=folder)
    assert done.returncode == 0, f"{arguments}: {done.stdout[-1000:]}{done.stderr[-2000:]}"
    return done.stdout


@pytest.mark.slow
def test_from_errors_to_a_checkpoint_that_passes_the_gate(tmp_path: Path) -> None:
    done_well(tmp_path, "run", "--out", "base")
    done_well(tmp_path, "run", "--suite", "miniature-elicit", "--limit", 1200, "--out", "answers")
    done_well(tmp_path, "pairs", "elicit", "answers", "-o", "errors.jsonl")
    done_well(tmp_path, "pairs", "rectify", "errors.jsonl", "-o", "corrected.jsonl", "--oracle", "miniature")
    done_well(tmp_path, "pairs", "filter", "corrected.jsonl", "-o", "pairs.jsonl", "--tokenizer", BASE)
    said = done_well(
        tmp_path, "train", "--objective", "spot-bce", "--model", BASE, "--pairs", "pairs.jsonl", "--out", "better",
        "--steps", 60, "--device", "cpu",
    )  # fmt: skip
    hint = said.splitlines()[-1]  # works as typed, on the suite of the miniature
    assert hint.split()[:2] == ["score", "it"]
    assert hint.endswith("-m spot_eval run --model better --suite miniature")
    asked = done_well(tmp_path, *shlex.split(hint)[5:], "--limit", 2, "--json")
    assert json.loads(asked)["suite"]["name"] == "miniature"
    done_well(tmp_path, "run", "--model", "better", "--suite", "miniature", "--baseline", "base", "--out", "after")
    found = json.loads(done_well(tmp_path, "compare", "after", "base", "--json"))["comparisons"][0]["families"]
    assert found["in_domain"]["lower"] > 0.05
    assert found["in_domain"]["p_gain_holm"] < 0.001
    assert found["general"]["lower"] > -0.03
    said = done_well(tmp_path, "gate", "after", "--baseline", "base")
    assert said.startswith("PASS")
    gate = json.loads((tmp_path / "after" / "gate.json").read_text())
    assert gate["verdict"] == "pass"
    assert (tmp_path / "after" / "regressions.jsonl").is_file()
