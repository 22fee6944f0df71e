"""Files that are there whole or not at all, in folders that a killed or full machine leaves readable."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from trainer.errors import TrainError


@contextlib.contextmanager
def writing(path: Path, kept: str = "") -> Iterator[None]:
    """Turn a refusal to write `path` into one sentence, which ends with what is `kept`."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, SafetensorError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise TrainError(f"cannot write {path}: {reason}; make room, or choose another place{kept}") from problem


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a file to write; afterwards it takes the place of `path` at once, or is removed if something failed."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON, whole or not at all."""
    with writing(path), replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; TrainError where it is none."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError) as problem:
        raise TrainError(f"{path}: not readable as JSON ({problem})") from problem
    if not isinstance(value, dict):
        raise TrainError(f"{path}: expected an object, found {type(value).__name__}")
    return value


def publish(part: Path, final: Path) -> None:
    """Move a finished folder `part` to its name `final`, replacing an older one."""
    for file in part.iterdir():
        with file.open("rb+") as opened:
            os.fsync(opened.fileno())
    if final.exists():
        shutil.rmtree(final)
    os.replace(part, final)


def check_shards(path: Path) -> None:
    """Raise TrainError if the index of a checkpoint names a shard that is not safetensors in the same folder.

    Libraries would load such a shard as a pickle, which can run code.
    """
    index = path / "model.safetensors.index.json"
    if not index.is_file():
        return
    names = read_json(index).get("weight_map")
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise TrainError(f"{index} is not a safetensors index: it has no `weight_map` from weights to files")
    for name in sorted(set(names.values())):
        if not name.endswith(".safetensors") or Path(name).name != name:
            raise TrainError(f"{index} names {name!r}; every shard must be a .safetensors file in the same folder")


def digest_of_weights(path: Path) -> str:
    """128 bits over the safetensors files of a checkpoint, in the order of their names; TrainError without any."""
    files = sorted(path.glob("*.safetensors"))
    if not files:
        raise TrainError(f"{path} holds no .safetensors weights; give the folder that save_pretrained wrote")
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as threads:
        sums = list(threads.map(_sha256, files))
    return hashlib.sha256("".join(sums).encode()).hexdigest()[:32]


def _sha256(file: Path) -> str:
    total = hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(1 << 22):
            total.update(block)
    return total.hexdigest()
