"""A training run in a process of its own: `python training.py JOB.json`, also under torchrun.

JOB.json: a list of jobs {model, pairs, out, cache, settings, save_every, kill_after, copy_after, copy_to}.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from trainer.settings import settings_from
from trainer.training.job import Job
from trainer.training.loop import run_training
from trainer.training.processes import joined


def watch(given: dict[str, Any], step: int) -> None:
    if step == given.get("copy_after"):
        shutil.copytree(given["out"], given["copy_to"])
    if step == given.get("kill_after"):
        os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    # one group for all jobs: a second one under the same torchrun may read the first one's addresses and wait for ever
    with joined("cpu"):
        for given in json.loads(Path(sys.argv[1]).read_text()):
            run_training(
                Job(
                    Path(given["model"]),
                    Path(given["pairs"]),
                    Path(given["out"]),
                    settings_from(None, **given["settings"]),
                    cache=Path(given["cache"]),
                    device="cpu",
                    save_every=given.get("save_every"),
                    on_step=lambda step, metrics, given=given: watch(given, step),  # type: ignore[misc]
                )
            )


if __name__ == "__main__":
    main()
