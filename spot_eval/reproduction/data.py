"""The files that methods train on, made by the steps a user takes: elicit, rectify, filter."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from spot_eval.core.files import read_json, write_json
from spot_eval.core.options import RunOptions
from spot_eval.evaluation.run import run
from spot_eval.posttrain.oracles import Asking
from spot_eval.posttrain.pair_files import elicit_run
from spot_eval.posttrain.proximity import Filter, filter_pairs
from spot_eval.posttrain.rectify import rectify
from spot_eval.reproduction.protocol import FEW_PAIRS, GAMMA

FILES = ("taught", "right", "pairs", "few")
DONE = "counts.json"


def make_data(base: Path, folder: Path, seed: int) -> dict[str, int]:
    """Make the training files of one data seed in `folder`, once; return the number of rows of each.

    `pairs` are the base's errors, mended by the oracle, with a change ratio of at most gamma; `few` the first of them;
    `taught` the teacher's own solutions of the same items; `right` what the base got right.
    """
    if (folder / DONE).is_file():
        return {name: int(count) for name, count in read_json(folder / DONE).items()}
    work = folder.with_name(f"{folder.name}.{os.getpid()}")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    options = RunOptions(model=str(base), suite="miniature-elicit", out=work / "run", seed=seed, workers=1)
    path, _ = run(options, _silent)
    places = {name: work / f"{name}.jsonl" for name in ("errors", "mended", *FILES)}
    elicit_run(path, places["errors"], right=False, per_doc=None, keep_truncated=False)
    elicit_run(path, places["right"], right=True, per_doc=None, keep_truncated=False)
    rectify(places["errors"], places["mended"], "miniature", Asking(options, {}), say=_silent)
    rectify(places["errors"], places["taught"], "miniature", Asking(options, {}, direct=True), say=_silent)
    filter_pairs(places["mended"], places["pairs"], Filter(tokenizer=str(base), most=GAMMA))
    lines = places["pairs"].read_bytes().splitlines(keepends=True)
    places["few"].write_bytes(b"".join(lines[:FEW_PAIRS]))
    counts = {name: places[name].read_bytes().count(b"\n") for name in FILES}
    write_json(work / DONE, counts)
    shutil.rmtree(work / "run")
    shutil.rmtree(folder, ignore_errors=True)
    work.replace(folder)
    return counts


def _silent(sentence: str) -> None:
    del sentence
