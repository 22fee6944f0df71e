"""NCCL with one process: a step under torchrun against the same step without it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from tests.gpu.models import SHAPES, random_model
from tests.gpu.part import Given, run_part
from tests.gpu.precision import steps_of

ROOT = Path(__file__).parent.parent.parent
FLAG = "SPOT_EVAL_GPU_STEPS"
"""Where a process of torchrun writes the metrics of its steps; its presence makes the module such a process."""


def bf16_steps(device: str) -> list[dict[str, Any]]:
    """Return the metrics of a few steps of SPoT-BCE in bf16."""
    return steps_of("spot-bce", random_model(SHAPES["tiny"], "cpu", torch.float32), device, "bfloat16")


def measure(given: Given) -> dict[str, Any]:
    """Return whether the steps are the same under torchrun, to the last bit."""
    plain = bf16_steps(given.device)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "steps.json"
        done = subprocess.run(
            [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "1",
             "-m", "tests.gpu.processes", given.device],
            cwd=ROOT, env={**os.environ, FLAG: str(file)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if not file.is_file():
            raise RuntimeError((done.stderr.strip().splitlines() or ["torchrun left nothing"])[-1])
        found = json.loads(file.read_text())
    same = found["steps"] == json.loads(json.dumps(plain))
    losses = [[one["loss"] for one in steps] for steps in (plain, found["steps"])]
    return {"verdict": f"{found['backend']}: {'the same steps' if same else 'other steps'}", "fine": same,
            "backend": found["backend"], "losses": losses}  # fmt: skip


def under_torchrun(device: str, file: Path) -> None:
    """Write the steps of this process, and the backend that its group uses on the device."""
    import torch.distributed as dist

    from trainer.training.processes import joined

    with joined(device):
        backend = str(dist.get_backend(dist.group.WORLD))
        steps = bf16_steps(device)
    file.write_text(json.dumps({"backend": "nccl" if device == "cuda" else backend, "steps": steps}))


if __name__ == "__main__":
    if FLAG in os.environ:
        under_torchrun(sys.argv[1], Path(os.environ[FLAG]))
    else:
        run_part(measure)
