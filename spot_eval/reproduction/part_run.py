"""Run one part, stage by stage: data per seed, then its arms; whatever is done already is kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.files import read_json, write_json
from spot_eval.miniature import BASE
from spot_eval.models.checkpoint import fingerprint
from spot_eval.posttrain.grid import claim_folder, do_all
from spot_eval.reproduction.claims import decide
from spot_eval.reproduction.parts import ALL, RANK, Arm, Part
from spot_eval.reproduction.protocol import Setting
from spot_eval.reproduction.run import parallel
from spot_eval.reproduction.table import claim_records, results_of, rows_from
from spot_eval.reproduction.work import Place, Training, measured, one_thread, score_base

EXAM = "parts"
BUILT = "miniature.json"
"""The file that a built base says its seed in."""


def run_part(part: Part, folder: Path, *, jobs: int = 2, base: Path = BASE) -> dict[str, Any]:
    """Run what is missing of a part in `folder`, and return everything that is shown of it, for a JSON file.

    Args:
        part: what to run.
        folder: holds data and results; a folder of something else is refused.
        jobs: processes at once, of one thread each.
        base: the checkpoint that it starts from.

    Raises UserError if `folder` holds something else.
    """
    # a base that this part builds has no weights yet; its seed stands for them
    named = _identity(base) if part.base_seed is None else f"built with seed {part.base_seed}"
    claim_folder(folder, "part.json", part.record(named), "part")
    if part.base_seed is not None:
        base = built(folder / "base", part.base_seed)
    identity = _identity(base)
    place = Place(folder, base)
    counts: dict[str, dict[str, int]] = {str(seed): {} for seed in part.seeds}
    finals: list[dict[str, Any]] = []
    with parallel(jobs) as pool:
        (asked,) = do_all(pool, "asking the base", score_base, [(place, EXAM, part.items)])
        for number, stage in enumerate(part.stages):
            made = do_all(pool, "making pairs", make, [(part.name, number, place, seed) for seed in part.seeds])
            for seed, rows in zip(part.seeds, made, strict=True):
                counts[str(seed)] |= rows
            calls = [
                (place, setting_of(part, arm, seed, identity), training_of(place, number, arm, seed))
                for arm in stage.arms
                for seed in part.seeds
            ]
            finals += do_all(pool, "training and scoring", measured, calls)
    return {
        "part": part.name,
        "question": part.question,
        "protocol": part.record(identity),
        "rows_of_data": counts,
        "rows": [asdict(row) for row in rows_from(finals, asked)],
        "claims": claim_records(decide(part.claims, results_of(finals), asked)),
    }


def _identity(base: Path) -> str:
    return fingerprint(base, "float32", None)[:16]


def built(folder: Path, seed: int) -> Path:
    """Return a base of the miniature trained from nothing with `seed`, built in `folder` once; nine minutes."""
    if not (folder / BUILT).is_file():
        from spot_eval.miniature.build import build

        work = folder.with_name(f"{folder.name}.{os.getpid()}")
        build(work, seed)
        shutil.rmtree(folder, ignore_errors=True)
        work.replace(folder)
    made = read_json(folder / BUILT)
    if made.get("seed") != seed:
        raise UserError(f"{folder} holds a base of seed {made.get('seed')}, not {seed}; give another folder (-o)")
    return folder


def make(name: str, number: int, place: Place, seed: int) -> Mapping[str, int]:
    """Make the training files of one stage, once, and return the number of rows by file.

    Args:
        name: name of the part.
        number: index of the stage, from 0.
        place: folder of the part, and its base.
        seed: seed of the data.
    """
    folder = stage_folder(place, number, seed)
    done = folder / "counts.json"
    if done.is_file():
        return read_json(done)
    one_thread()
    work = folder.with_name(f"{folder.name}.{os.getpid()}")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    counts = dict(ALL[name].stages[number].make(place.base, work, checkpoints(place), seed))
    write_json(work / "counts.json", counts)
    shutil.rmtree(folder, ignore_errors=True)
    work.replace(folder)
    return counts


def setting_of(part: Part, arm: Arm, seed: int, base: str) -> Setting:
    """Return the setting under which an arm's result is kept.

    Args:
        part: its name becomes the setting's regime.
        arm: its name becomes the setting's method.
        seed: seed of data and training.
        base: hash of the base's weights.
    """
    return Setting(arm.name, arm.rate, arm.beta, part.name, seed, EXAM, part.items, base)


def training_of(place: Place, number: int, arm: Arm, seed: int) -> Training:
    """Return the training run of an arm.

    Args:
        place: folder of the part, and its base.
        number: index of the arm's stage, from 0.
        arm: data, steps, rate and objective.
        seed: seed of data and training.
    """
    from trainer.settings import Lora

    kept = checkpoints(place)
    start = place.base if arm.start is None else kept / f"{arm.start}-{seed}"
    pairs = stage_folder(place, number, seed) / f"{arm.data}.jsonl"
    lora = Lora(RANK, 2.0 * RANK, arm.modules) if arm.adapter else None
    return Training(arm.objective, pairs, arm.steps, start, kept / f"{arm.name}-{seed}", lora)


def stage_folder(place: Place, number: int, seed: int) -> Path:
    """Return the folder of the files of a stage and seed."""
    return place.folder / "data" / f"{number}-{seed}"


def checkpoints(place: Place) -> Path:
    """Return the folder of the arms' checkpoints."""
    return place.folder / "checkpoints"
