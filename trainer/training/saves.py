"""Points to resume from: a folder a save, each process's shards as safetensors, renamed when all of it is on the disk.

    training/step-00000120/{rank-0-of-2.safetensors, rank-1-of-2.safetensors, state.json}

Holds fp32 weights and both moments of AdamW: 12 bytes a trained parameter. The number of processes may change between
saving and resuming. Knows tensors and files; what the numbers in state.json mean is the loop's.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trainer.errors import TrainError
from trainer.files import publish, read_json, write_json, writing
from trainer.training.engine import Engine


def save(folder: Path, engine: Engine, step: int, state: dict[str, Any]) -> Path:
    """Save the engine after `step` steps beside `state`, remove older saves, and return the save's path.

    Args:
        folder: holds one subfolder per save.
        engine: its weights and AdamW's moments are saved.
        step: steps taken so far.
        state: what else a resumed run needs.

    Raises TrainError, on every process, where one could not write; the save before stays.
    """
    from safetensors.torch import save_file

    processes = engine.processes
    last = latest(folder)
    part, final = folder / f".step-{step:08d}", folder / f"step-{step:08d}"
    problem = ""
    try:
        kept = f" (the last good save is {last})" if last else ""
        with writing(final, kept):
            part.mkdir(parents=True, exist_ok=True)
            save_file(engine.state(), part / f"rank-{processes.rank}-of-{processes.count}.safetensors")
    except TrainError as refused:
        problem = str(refused)
    problems = [each for each in processes.from_all(problem) if each]
    if processes.first and not problems:
        try:
            with writing(final, kept):
                write_json(part / "state.json", {"step": step, "processes": processes.count, **state})
                publish(part, final)
        except TrainError as refused:
            problems = [str(refused)]
    problems = processes.of_first(problems)
    if problems:
        shutil.rmtree(part, ignore_errors=True)
        raise TrainError(problems[0])
    if processes.first:
        for older in folder.glob("step-*"):
            if older != final:
                shutil.rmtree(older, ignore_errors=True)
    processes.wait()
    return final


def latest(folder: Path) -> Path | None:
    """The newest whole save in a folder."""
    return max((path for path in folder.glob("step-*") if (path / "state.json").is_file()), default=None)


def load(path: Path, engine: Engine) -> dict[str, Any]:
    """Restore the engine from a save and return its state. Raises TrainError if a part of it is missing."""
    from safetensors import SafetensorError, safe_open

    state = read_json(path / "state.json")
    count = state["processes"]
    try:
        files = [safe_open(path / f"rank-{rank}-of-{count}.safetensors", "pt") for rank in range(count)]
        shards = {name: _shard(files, name, engine) for name in files[0].keys()}  # noqa: SIM118 - no mapping
        engine.restore(shards, state["step"])
    except (OSError, SafetensorError, KeyError, RuntimeError) as problem:
        raise TrainError(f"{path} cannot be resumed from ({problem}); remove it to start anew") from problem
    return state


def _shard(files: list[Any], name: str, engine: Engine) -> Tensor:
    """This process's part of a tensor; FSDP cuts along the first dimension, the last parts perhaps empty."""
    rank, count = engine.processes.rank, engine.processes.count
    if len(files) == count:
        return files[rank].get_tensor(name)
    whole = torch.cat([file.get_tensor(name) for file in files])
    parts = whole.chunk(count)
    return parts[rank] if rank < len(parts) else whole[:0]
