"""The training files of parts, made from the errors and corrections that the main experiment makes; see `data`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spot_eval.core.record_files import read_lines
from spot_eval.posttrain.pair_files import write_pairs
from spot_eval.posttrain.proximity import Filter, filter_pairs
from spot_eval.reproduction.data import make_data
from spot_eval.reproduction.protocol import GAMMA

SMALL_GAMMA = 0.06
"""About the median of edited corrections."""
EQUAL_SIZE = 600

Rows = list[dict[str, Any]]


def rectified_and_direct(base: Path, folder: Path, checkpoints: Path, seed: int) -> Mapping[str, int]:
    """Write the same errors with the oracle's edit and with the teacher's own solution as y+.

    Args:
        base, folder, checkpoints, seed: see `parts.Stage.make`.
    """
    pairs = _pairs(base, folder, seed)
    taught = {row["id"]: row["chosen"] for row in _rows(folder / "made" / "taught.jsonl")}
    direct = [{**row, "chosen": taught[row["id"]], "change_ratio": None} for row in pairs]
    return _written(folder, {"rectified": pairs, "direct": direct})


def amounts(base: Path, folder: Path, checkpoints: Path, seed: int) -> Mapping[str, int]:
    """Write all pairs, the first half and the first quarter of them.

    Args:
        base, folder, checkpoints, seed: see `parts.Stage.make`.
    """
    pairs = _pairs(base, folder, seed)
    count = len(pairs)
    return _written(folder, {"all": pairs, "half": pairs[: count // 2], "quarter": pairs[: count // 4]})


def gammas(base: Path, folder: Path, checkpoints: Path, seed: int) -> Mapping[str, int]:
    """Write the corrections under gamma, all of them, and those under a tenth of it.

    Args:
        base, folder, checkpoints, seed: see `parts.Stage.make`.
    """
    mended = _made(base, folder, seed) / "mended.jsonl"
    return {
        name: filter_pairs(mended, folder / f"{name}.jsonl", Filter(tokenizer=str(base), most=most))["kept"]
        for name, most in {"gamma": GAMMA, "all": 1.0, "small": SMALL_GAMMA}.items()
    }


def proximities(base: Path, folder: Path, checkpoints: Path, seed: int) -> Mapping[str, int]:
    """Write the nearest corrections by each measure, as many by each, and as many without a filter.

    Args:
        base, folder, checkpoints, seed: see `parts.Stage.make`.
    """
    mended = _made(base, folder, seed) / "mended.jsonl"
    model = str(base)
    filters = {
        "lcs": Filter(tokenizer=model, keep=EQUAL_SIZE),
        "likelihood": Filter("likelihood", model, keep=EQUAL_SIZE),
        "edit": Filter("likelihood", model, span="edit", keep=EQUAL_SIZE),
        "embedding": Filter("embedding", model, model, keep=EQUAL_SIZE),
    }
    for name, one in filters.items():
        filter_pairs(mended, folder / f"{name}.jsonl", one)
    _written(folder, {"first": _rows(mended)[:EQUAL_SIZE]})
    counts = {}
    for name in (*filters, "first"):
        rows = _rows(folder / f"{name}.jsonl")
        counts[name] = len(rows)
        counts[f"{name}, written anew"] = sum(row["meta"].get("how") == "rewritten" for row in rows)
    return counts


def main_files(base: Path, folder: Path, checkpoints: Path, seed: int) -> Mapping[str, int]:
    """Write the files of the main experiment: pairs, the teacher's solutions, and what the base got right.

    Args:
        base, folder, checkpoints, seed: see `parts.Stage.make`.
    """
    made = _made(base, folder, seed)
    return _written(folder, {name: _rows(made / f"{name}.jsonl") for name in ("pairs", "taught", "right")})


def pairs_only(base: Path, folder: Path, checkpoints: Path, seed: int) -> Mapping[str, int]:
    """Write the pairs of the main experiment.

    Args:
        base, folder, checkpoints, seed: see `parts.Stage.make`.
    """
    return _written(folder, {"pairs": _pairs(base, folder, seed)})


def _pairs(base: Path, folder: Path, seed: int) -> Rows:
    return _rows(_made(base, folder, seed) / "pairs.jsonl")


def _made(base: Path, folder: Path, seed: int) -> Path:
    make_data(base, folder / "made", seed)
    return folder / "made"


def _rows(file: Path) -> Rows:
    return list(read_lines(file))


def _written(folder: Path, files: Mapping[str, Sequence[dict[str, Any]]]) -> dict[str, int]:
    for name, rows in files.items():
        write_pairs(folder / f"{name}.jsonl", list(rows))
    return {name: len(rows) for name, rows in files.items()}
