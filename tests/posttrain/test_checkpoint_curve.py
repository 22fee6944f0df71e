"""`train --score-suite`: checkpoints scored on the way, against the base, and a curve at the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spot_eval.cli import app
from spot_eval.core.errors import UserError
from spot_eval.posttrain.checkpoint_curve import Curve

SUITE = """
name: few
version: 1
sampling: {temperature: 0.0, max_new_tokens: 24}
families: {general: {mini_instructions: {}}}
"""


@pytest.mark.slow
def test_checkpoints_are_scored_against_the_base_while_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("few.yaml").write_text(SUITE)
    rows = [{"id": n, "prompt": f"Compute a: {n} + 7.", "rejected": "Answer: a 3.", "chosen": f"Answer: a {n + 7}."}
            for n in range(10, 26)]  # fmt: skip
    Path("pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = ["train", "--objective", "spot-bce", "--model", "miniature", "--pairs", "pairs.jsonl", "--out", "better",
             "--steps", "2", "--device", "cpu", "--score-suite", "few.yaml", "--score-every", "1",
             "--score-engine-arg", "device=cpu"]  # fmt: skip
    done = CliRunner().invoke(app, given, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "better, by step: difference to miniature-base (points)" in " ".join(done.stdout.split())
    comparison = json.loads(Path("better/training/comparison.json").read_text())
    (curve,) = comparison["curves"]
    assert [point["step"] for point in curve["points"]] == [1, 2]
    for step, entry in zip((1, 2), comparison["comparisons"], strict=True):
        samples = Path(f"better/training/scores/step-{step}/samples.jsonl").read_text().splitlines()
        assert len(samples) == entry["tasks"]["mini_instructions"]["docs"] == 200
    drifts = [point["drift"]["general"] for point in curve["points"]]
    assert 0 <= drifts[0]["mean"] < drifts[1]["mean"] < 1, drifts
    assert "better, by step: KL from miniature-base (1/1000 nat per token)" in " ".join(done.stdout.split())
    assert Path("better/step-1/model.safetensors").is_file()


def test_a_base_that_cannot_be_scored_stops_the_training_before_it_starts(tmp_path: Path) -> None:
    curve = Curve("better", "no-such-suite", tmp_path, tmp_path / "scores")
    with pytest.raises(UserError, match="the base cannot be scored on no-such-suite: .*no suite is called"):
        curve.score_base()


def test_a_checkpoint_that_cannot_be_scored_is_passed_over(tmp_path: Path) -> None:
    said: list[str] = []
    curve = Curve("better", "no-such-suite", tmp_path, tmp_path / "scores", say=said.append)
    curve.score(5, tmp_path)
    assert curve.points == []
    assert said[-1].startswith("step 5 could not be scored (")
    assert said[-1].endswith("; training goes on")
