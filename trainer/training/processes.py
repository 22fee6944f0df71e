"""The processes that train together: one alone, or those that torchrun started. Knows nothing of models."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

PATIENCE = timedelta(hours=12)
"""How long processes wait for each other; the first may be scoring a checkpoint meanwhile."""


@dataclass(frozen=True)
class Processes:
    """This process (`rank`) among `count`, with the device that it computes on."""

    rank: int
    count: int
    device: torch.device

    @property
    def first(self) -> bool:
        """True if this is the process that writes and speaks for all."""
        return self.rank == 0

    def sums(self, values: Sequence[float]) -> list[float]:
        """Return each value summed over all processes, in fp64."""
        total = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(total)
        return total.tolist()

    def of_first(self, value: Any) -> Any:
        """Return the first process's value, on every process. Small objects of our own only."""
        held = [value]
        dist.broadcast_object_list(held, src=0, device=self.device)
        return held[0]

    def from_all(self, value: Any) -> list[Any]:
        """Return every process's value, on every process. Small objects of our own only."""
        held: list[Any] = [None] * self.count
        dist.all_gather_object(held, value)
        return held

    def wait(self) -> None:
        """Until every process is here."""
        dist.barrier()


@contextlib.contextmanager
def joined(device: str | None = None) -> Iterator[Processes]:
    """Join the processes that torchrun started, or make a group of this one alone; leave it at the end.

    The device is this process's GPU where there is one, else the CPU; `device` (cpu, cuda) decides otherwise.
    """
    kind = device or ("cuda" if torch.cuda.is_available() else "cpu")
    place = torch.device(kind, int(os.environ.get("LOCAL_RANK", "0"))) if kind == "cuda" else torch.device(kind)
    if kind == "cuda":
        torch.cuda.set_device(place)
    backend = "cpu:gloo,cuda:nccl" if kind == "cuda" else "gloo"
    mine = not dist.is_initialized()
    if mine and "RANK" in os.environ:
        dist.init_process_group(backend, timeout=PATIENCE)
    elif mine:
        dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)
    try:
        yield Processes(dist.get_rank(), dist.get_world_size(), place)
    finally:
        if mine:
            dist.destroy_process_group()
