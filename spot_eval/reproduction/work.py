"""Train and score one setting, and keep what came out: one file each, so that a killed experiment goes on."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spot_eval.core.files import read_json, write_json
from spot_eval.reproduction import exam
from spot_eval.reproduction.protocol import BATCH, DEV_SEED, METHODS, PARTS_SEED, REGIMES, TEST_SEED, Setting

if TYPE_CHECKING:
    from trainer.settings import Lora

EXAMS = {"dev": ("dev", DEV_SEED), "test": ("test", TEST_SEED), "parts": ("test", PARTS_SEED)}
"""Exam to (split, seed) of its items."""


@dataclass(frozen=True)
class Place:
    """The folder of an experiment, and the base it starts from."""

    folder: Path
    base: Path

    def data(self, seed: int) -> Path:
        """Return the folder of the training files of a data seed."""
        return self.folder / "data" / str(seed)

    def result(self, setting: Setting) -> Path:
        """Return the file of a setting's result."""
        return self.folder / "results" / f"{setting.name}.json"

    def base_answers(self, split: str, count: int) -> Path:
        """Return the file of the base's answers to an exam."""
        return self.folder / "results" / f"base-{split}-{count}.json"


@dataclass(frozen=True)
class Training:
    """A training run: objective, file of pairs, steps, checkpoint to start from; `keep` is where its own is kept.

    `lora` is the setting of adapters; None to train all weights.
    """

    objective: str
    pairs: Path
    steps: int
    start: Path
    keep: Path | None = None
    lora: Lora | None = None


def score_base(place: Place, split: str, count: int) -> dict[str, Any]:
    """Return the base's texts and verdicts on an exam, asked once."""
    file = place.base_answers(split, count)
    if file.is_file():
        return read_json(file)
    one_thread()
    asked = exam.questions(*EXAMS[split], count)
    texts = exam.answers(place.base, asked)
    found = {"right": _bits(exam.judged(asked, texts)), "texts": texts, "parts": [one.part for one in asked]}
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, found)
    return found


def run_setting(place: Place, setting: Setting) -> dict[str, Any]:
    """Return the result of a setting of the protocol's methods and regimes; see `measured`."""
    method, regime = METHODS[setting.method], REGIMES[setting.regime]
    pairs = place.data(setting.seed) / f"{'few' if regime.pairs else method.data}.jsonl"
    return measured(place, setting, Training(method.objective, pairs, regime.steps, place.base))


def measured(place: Place, setting: Setting, training: Training) -> dict[str, Any]:
    """Return the result of a setting: trained, scored and measured for drift, unless its file is there already.

    The result holds, for each question of the exam in order, if it was answered right and the KL of the base's answer.
    """
    file = place.result(setting)
    if file.is_file():
        return read_json(file)
    one_thread()
    base = score_base(place, setting.split, setting.items)
    asked = exam.questions(*EXAMS[setting.split], setting.items)
    out = Path(tempfile.mkdtemp(prefix="setting-", dir=place.folder))
    try:
        last = _train(place, setting, training, out)
        right = exam.judged(asked, exam.answers(out, asked))
        drift = exam.drift(place.base, out, asked, base["texts"])
        if training.keep:
            shutil.rmtree(training.keep, ignore_errors=True)
            training.keep.parent.mkdir(parents=True, exist_ok=True)
            out.replace(training.keep)
    finally:
        shutil.rmtree(out, ignore_errors=True)
    found = {
        "setting": setting.record(),
        "right": _bits(right),
        "kl": [float(f"{kl:.4g}") for kl, _ in drift],
        "tokens": [tokens for _, tokens in drift],
        "last": last,
    }
    write_json(file, found)
    return json.loads(json.dumps(found))


def _train(place: Place, setting: Setting, training: Training, out: Path) -> dict[str, Any]:
    """Train, and return the last step's metrics."""
    from transformers.utils import logging

    from trainer.settings import recipe_for, settings_from
    from trainer.training.job import Job
    from trainer.training.loop import run_training

    logging.disable_progress_bar()
    recipe = recipe_for(None, "spot-bce", miniature=True)  # all methods share its schedule and optimizer
    settings = settings_from(
        recipe,
        objective=training.objective,
        learning_rate=setting.rate,
        seed=setting.seed,
        steps=training.steps,
        batch_size=BATCH,
        lora=training.lora,
        **({} if setting.beta is None else {"beta": setting.beta}),
    )
    job = Job(training.start, training.pairs, out, settings, device="cpu", cache=place.folder / "reference")
    result = run_training(job)
    return {name: value for name, value in result["last"].items() if isinstance(value, (int, float))}


def _bits(right: list[bool]) -> str:
    return "".join("1" if one else "0" for one in right)


def one_thread() -> None:
    """Compute on one thread, so that processes do not disturb each other."""
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    torch.set_num_threads(1)
