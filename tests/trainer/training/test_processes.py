"""Two processes are as good as one: the same weights, the same running mean, and a save of theirs resumed by one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from trainer.settings import settings_from
from trainer.training.job import Job
from trainer.training.loop import run_training

SCRIPT = Path(__file__).parent / "training.py"
SETTINGS: dict[str, Any] = {
    "objective": "spot-bco", "beta": 0.3, "learning_rate": 3e-4, "warmup": 0.0, "steps": 4, "batch_size": 7,
    "token_budget": 100, "dtype": "float32",
}  # fmt: skip
LORA = {**SETTINGS, "lora": {"rank": 4, "alpha": 8.0}, "learning_rate": 1e-2}
# one pair a process and step, so that a micro-batch's mean is easily told from the metrics
SMALL = {**SETTINGS, "shift": "trl020", "batch_size": 2, "token_budget": 1}


def metrics(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "training" / "metrics.jsonl").read_text().splitlines()]


def apart(a: Path, b: Path) -> float:
    ours, theirs = (load_file(out / "model.safetensors") for out in (a, b))
    return max(float((ours[name] - theirs[name]).abs().max()) for name in ours)


@pytest.fixture(scope="module")
def runs(tiny: Path, pairs_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders trained by as many processes as their names say; cut-2 and lora-cut-2 are stopped half-way."""
    folder = tmp_path_factory.mktemp("processes")
    common = {"model": str(tiny), "pairs": str(pairs_file), "cache": str(folder / "cache")}
    jobs = [
        {**common, "settings": SETTINGS, "out": str(folder / "paper-2"), "save_every": 2, "copy_after": 3,
         "copy_to": str(folder / "cut-2")},
        {**common, "settings": SMALL, "out": str(folder / "trl020-2")},
        {**common, "settings": LORA, "out": str(folder / "lora-2"), "save_every": 2, "copy_after": 3,
         "copy_to": str(folder / "lora-cut-2")},
    ]  # fmt: skip
    (folder / "jobs.json").write_text(json.dumps(jobs))
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", SCRIPT,
         folder / "jobs.json"],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    one = Job(tiny, pairs_file, folder / "paper-1", settings_from(None, **SETTINGS), cache=folder / "cache")
    run_training(one)
    run_training(
        Job(tiny, pairs_file, folder / "lora-1", settings_from(None, **LORA), cache=folder / "cache", device="cpu")
    )
    return folder


@pytest.mark.slow
def test_two_processes_end_with_the_weights_of_one(runs: Path, tiny: Path) -> None:
    assert apart(runs / "paper-1", tiny) > 1e-4
    assert apart(runs / "paper-1", runs / "paper-2") <= 1e-5
    for one, two in zip(metrics(runs / "paper-1"), metrics(runs / "paper-2"), strict=True):
        assert one["loss"] == pytest.approx(two["loss"], rel=1e-5)
        assert one["gradient_norm"] == pytest.approx(two["gradient_norm"], rel=1e-4)
        assert one["pairs"] == two["pairs"]


@pytest.mark.slow
def test_what_two_processes_saved_one_resumes(runs: Path, tiny: Path, pairs_file: Path) -> None:
    assert (runs / "cut-2" / "training" / "step-00000002").is_dir()
    assert not (runs / "cut-2" / "model.safetensors").exists()
    run_training(Job(tiny, pairs_file, runs / "cut-2", settings_from(None, **SETTINGS), cache=runs / "cache"))
    assert apart(runs / "cut-2", runs / "paper-1") <= 1e-5
    assert [each["step"] for each in metrics(runs / "cut-2")] == [1, 2, 3, 4]


@pytest.mark.slow
def test_the_paper_s_shift_is_the_mean_of_all_rewards_before(runs: Path) -> None:
    for name in ("paper-1", "paper-2"):
        found = metrics(runs / name)
        totals = accumulate((m["reward_chosen"] + m["reward_rejected"]) * m["pairs"] for m in found)
        counts = accumulate(2 * m["pairs"] for m in found)
        # what a step reports is d as the next step will see it
        expected = [total / count for total, count in zip(totals, counts, strict=True)]
        assert [m["shift"] for m in found] == pytest.approx(expected, rel=1e-6)
        assert found[0]["loss"] == pytest.approx(2 * float(torch.log(torch.tensor(2.0))), rel=1e-6)


@pytest.mark.slow
def test_trl_020_s_shift_takes_in_both_processes_at_once(runs: Path) -> None:
    found = metrics(runs / "trl020-2")
    means = list(accumulate((m["reward_chosen"] + m["reward_rejected"]) / 2 for m in found))
    expected = [total / number for number, total in enumerate(means, 1)]
    assert [m["shift"] for m in found] == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_lora_on_two_processes_ends_with_the_adapter_of_one(runs: Path, tiny: Path, pairs_file: Path) -> None:
    assert apart(runs / "lora-1", tiny) > 1e-3
    assert apart(runs / "lora-1", runs / "lora-2") <= 1e-5
    one, two = (load_file(runs / name / "adapter" / "adapter_model.safetensors") for name in ("lora-1", "lora-2"))
    assert one.keys() == two.keys()
    assert max(float((one[name] - two[name]).abs().max()) for name in one) <= 1e-5
    settings = settings_from(None, **LORA)
    run_training(Job(tiny, pairs_file, runs / "lora-cut-2", settings, cache=runs / "cache", device="cpu"))
    assert apart(runs / "lora-cut-2", runs / "lora-1") <= 1e-5
