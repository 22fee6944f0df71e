"""A checkpoint on disk: where it is, what it is made of, how it wants to be prompted.

Knows files, hashes and the tokenizer; loads no weights (that is an engine's job).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.files import file_name
from spot_eval.core.keys import digest
from spot_eval.core.progress import progress
from spot_eval.miniature import BASE as MINIATURE

INDEX = "model.safetensors.index.json"
# Beside the weights: configuration, tokenizer, chat templates, and code that a checkpoint may bring along.
DECIDING_SUFFIXES = {".json", ".jinja", ".txt", ".model", ".tiktoken", ".py", ".spm", ".bpe"}


def locate(model: str) -> Path:
    """Return the folder of a checkpoint: a local path, `miniature`, or a hub id that is downloaded (safetensors only).

    Raises UserError if there is no such folder, or if it holds no config or no safetensors.
    """
    path = folder_of(model)
    _check(path)
    return path


def folder_of(model: str, option: str = "model") -> Path:
    """Return the folder that `model` names, whatever it holds; a hub id is downloaded. `option` is for the message."""
    try:
        path = Path(model).expanduser()
        if model == "miniature" and not path.exists():
            return MINIATURE
        if path.is_dir():
            return path
        looks_local = path.exists() or model.startswith((".", "/", "~")) or model.count("/") != 1
    except (OSError, ValueError, RuntimeError) as problem:  # too long, a null byte, nobody's home
        raise UserError(f"{option} {model[:80]!r} cannot be a folder: {problem}") from problem
    if looks_local:
        kind = "is a file, not a folder" if path.exists() else "does not exist"
        raise UserError(
            f"{option} {model!r} {kind}; give the folder that save_pretrained wrote, or a hub id such as org/name"
        )
    return _download(model)


def is_adapter(path: Path) -> bool:
    """Return True if the folder holds an adapter and no model of its own."""
    if not (path / "adapter_config.json").is_file():
        return False
    others = [file for file in path.glob("*.safetensors") if not file.name.startswith("adapter")]
    return not (path / "config.json").is_file() or not (others or (path / INDEX).is_file())


def _download(model: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        files = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "*.txt", "tokenizer.model"]
        return Path(snapshot_download(model, allow_patterns=files))
    except (HfHubHTTPError, LocalEntryNotFoundError, HFValidationError, OSError) as problem:
        reason = str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
        raise UserError(
            f"model {model!r} is neither a folder here nor to be had from the hub ({reason}); "
            "check the name, log in with `hf auth login`, or give a local folder"
        ) from problem


def _check(path: Path) -> None:
    if is_adapter(path):
        raise UserError(
            f"{path} holds a LoRA adapter, not a whole checkpoint: `spot-eval run` takes it as --model or --adapter; "
            "elsewhere merge it first (peft: model.merge_and_unload().save_pretrained(...))"
        )
    if (path / "adapter_config.json").is_file():
        raise UserError(
            f"{path} holds a checkpoint and an adapter beside it (adapter_config.json); move one of them to a folder "
            "of its own, so that it is clear which is meant"
        )
    if not (path / "config.json").is_file():
        raise UserError(f"{path} has no config.json, so it is not a checkpoint; give the folder save_pretrained wrote")
    read_config(path)
    read_config(path, "generation_config.json")
    missing = [file for file in weight_files(path) if not file.is_file()]
    if missing:
        raise UserError(f"{path} lacks {missing[0].name}, which its index names; copy the checkpoint again")


def weight_files(path: Path) -> list[Path]:
    """Return the safetensors files of a checkpoint, in name order.

    Raises UserError if there are none, or if the index names a file that is not safetensors in this very folder:
    libraries would load it as a pickle, which can run code.
    """
    index = path / INDEX
    if index.is_file():
        names = read_config(path, INDEX).get("weight_map")
        if not isinstance(names, dict) or not names or not all(isinstance(name, str) for name in names.values()):
            raise UserError(f"{index} is not a safetensors index: it has no `weight_map` from weights to files")
        for name in sorted(set(names.values())):
            if not name.endswith(".safetensors") or Path(name).name != name:
                raise UserError(f"{index} names {name!r}; every shard must be a .safetensors file in the same folder")
        single = path / "model.safetensors"
        if single.is_file() and single.name not in names.values():
            raise UserError(
                f"{path} holds model.safetensors and an index that names other files ({min(names.values())} first); "
                "libraries differ in which they load, so remove the one that is not meant"
            )
        return sorted(path / name for name in set(names.values()))
    found = sorted(path.glob("*.safetensors"))
    if not found:
        other = next(iter(sorted([*path.glob("*.bin"), *path.glob("*.pt"), *path.glob("*.pth")])), None)
        hint = f"; {other.name} is a pickle, which can run code: convert it to safetensors" if other else ""
        raise UserError(f"{path} has no .safetensors weights{hint}")
    return found


def fingerprint(path: Path, dtype: str, chat_template: str | None, hashed: Callable[[int], None] | None = None) -> str:
    """128 bits over weights, tokenizer, configuration, chat template and dtype.

    `hashed` is told of bytes as they are read. A checkpoint saved again with other shards has another fingerprint:
    that costs a run, never a wrong record.

    Args:
        path: folder of the checkpoint.
        dtype: the dtype its weights are read in.
        chat_template: the template in force; None for plain text.
        hashed: is told of bytes as they are read.
    """
    weights = weight_files(path)
    others = sorted(
        file
        for file in (*path.glob("*"), *path.glob("additional_chat_templates/*"))
        if file.suffix in DECIDING_SUFFIXES and file.is_file() and not file.name.startswith((".", "README", "LICENSE"))
    )
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as threads:
        sums = list(threads.map(lambda file: _sha256(file, hashed or _unheard), [*weights, *others]))
    # weights are told by their content in the order of their names; all else by name and content
    named = {str(file.relative_to(path)): total for file, total in zip(others, sums[len(weights) :], strict=True)}
    return digest("checkpoint", sums[: len(weights)], named, dtype, chat_template)


def shown_fingerprint(path: Path, dtype: str, chat_template: str | None) -> str:
    """Return `fingerprint`, under a progress bar: to read a large checkpoint takes a while."""
    size = sum(file.stat().st_size for file in weight_files(path))
    with progress("hashing the checkpoint (MB)", size >> 20) as advance:
        rest = 0

        def hashed(count: int) -> None:
            nonlocal rest
            rest += count
            advance(rest >> 20)
            rest &= (1 << 20) - 1

        return fingerprint(path, dtype, chat_template, hashed)


def _unheard(count: int) -> None:
    del count


def _sha256(file: Path, hashed: Callable[[int], None]) -> str:
    total = hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(1 << 22):
            total.update(block)
            hashed(len(block))
    return total.hexdigest()


def context_length(config: dict[str, Any]) -> int | None:
    """Tokens of prompt and answer together that the model was made for; None if the config does not say."""
    inner = config.get("text_config")
    for part in (config, inner if isinstance(inner, dict) else {}):
        for name in ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length"):
            if isinstance(value := part.get(name), int) and not isinstance(value, bool) and value > 0:
                return value
    return None


def read_config(path: Path, name: str = "config.json") -> dict[str, Any]:
    """A JSON file of the checkpoint; empty if it has none. Raises UserError where it holds no object."""
    file = path / name
    try:
        config = json.loads(file.read_bytes()) if file.is_file() else {}
    except RecursionError as problem:
        raise UserError(f"{file}: nested too deeply to be read") from problem
    except ValueError as problem:
        raise UserError(f"{file}: not JSON ({problem})") from problem
    if not isinstance(config, dict):
        raise UserError(f"{file}: expected an object, found {type(config).__name__}")
    return config


def readable_name(path: Path, model: str) -> str:
    """A checkpoint's folder, with its parent's where that says little (`checkpoint-500`, `base`)."""
    name = model if not Path(model).expanduser().is_dir() else path.resolve().name
    if re.fullmatch(r"(checkpoint|step)[-_]?\d+|base|final|last|best|model|ckpt|adapter|lora", name):
        name = f"{path.resolve().parent.name}-{name}"
    return file_name(name)
