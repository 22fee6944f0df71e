"""Ray nodes on this machine, the command that runs on them, and ways to kill what works there."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from tests.command_line import COMMAND, environment

STORE_BYTES = 80_000_000
SUITE = """
name: few
version: 1
sampling: {temperature: 0.7, top_p: 0.8, top_k: 20, max_new_tokens: 96}
families:
  in_domain:
    mini_arithmetic: {repeats: 3}
  ood:
    mini_bags: {repeats: 3}
"""


@contextmanager
def cluster(nodes: int) -> Iterator[Any]:
    """A cluster of so many nodes with one CPU each; only the head has none, so that it outlives all kills."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "object_store_memory": STORE_BYTES, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=head)
    try:
        for _ in range(nodes):
            add_node(made)
        yield made
    finally:
        made.shutdown()


def add_node(made: Any) -> None:
    made.add_node(num_cpus=1, object_store_memory=STORE_BYTES)


def words(made: Any, suite: Path, out: Path, *more: str) -> list[str]:
    on_cluster = ["--engine-arg", "cluster=ray", "--engine-arg", f"ray_address={made.address}"] if made else []
    return [*COMMAND, "run", "--model", "miniature", "--suite", str(suite), "--out", str(out),
            "--engine-arg", "device=cpu", *on_cluster, *more]  # fmt: skip


def start(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())


def wait_for_records(run: Path, least: int, process: subprocess.Popen[str]) -> None:
    """Wait until `run` has so many generations; return too if the process has ended."""
    file = run / "generations.jsonl"
    while process.poll() is None:
        if file.exists() and file.read_bytes().count(b"\n") >= least:
            return
        time.sleep(0.02)


def kill_actor(rng: random.Random) -> bool:
    """Kill a process that holds an engine; return False if there is none."""
    found = []
    for process in psutil.process_iter():
        try:
            title = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if title.startswith("ray::Worker"):
            found.append(process)
    if found:
        rng.choice(sorted(found, key=lambda one: one.pid)).kill()
    return bool(found)


def kill_node(made: Any, rng: random.Random) -> None:
    """Kill a node that is not the head, and start another in its place."""
    workers = sorted(made.worker_nodes, key=lambda node: node.unique_id)
    made.remove_node(rng.choice(workers), allow_graceful=False)
    add_node(made)
