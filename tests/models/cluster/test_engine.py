"""Runs on several Ray nodes of this machine: the records of one process, whatever dies."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import records
from tests.models.cluster.nodes import SUITE, cluster, kill_actor, kill_node, start, wait_for_records, words

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    with cluster(2) as made:
        yield made


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("suites") / "few.yaml"
    path.write_text(SUITE)
    return path


@pytest.fixture(scope="module")
def alone(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The records of one process without a cluster."""
    out = tmp_path_factory.mktemp("alone") / "run"
    subprocess.run(words(None, suite, out), check=True, capture_output=True)
    return records(out)


def test_an_engine_and_a_node_die_and_the_driver_too(
    nodes: Any, suite: Path, alone: list[dict[str, Any]], tmp_path: Path
) -> None:
    rng = random.Random(1)
    command = words(nodes, suite, tmp_path / "one" / "run")
    run = tmp_path / "one" / "run"
    first = start(command)
    wait_for_records(run, 50, first)
    first.kill()
    first.communicate()
    kept = len(records(run))
    assert 50 <= kept < len(alone)
    again = start(command)
    wait_for_records(run, kept + 50, again)
    assert kill_actor(rng)
    wait_for_records(run, kept + 150, again)
    kill_node(nodes, rng)
    _, said = again.communicate(timeout=300)
    assert again.returncode == 0, said
    assert records(run) == alone
    session = json.loads((run / "sessions" / "2.json").read_text())["engine"]
    assert session["cluster"] == "ray"
    assert session["engines_lost"] >= 1
    assert "of the cluster died" in said


def test_bad_input_is_one_sentence(nodes: Any, suite: Path, tmp_path: Path) -> None:
    for more, sentence in (
        (["--engine-arg", "device=cuda"], "has 3 nodes with 0 GPUs"),
        (["--engine-arg", "ray_address=localhost:1"], "no Ray cluster at 'localhost:1'"),
        (["--engine-arg", "batch_size=many"], "batch_size"),
    ):
        done = subprocess.run(
            words(nodes, suite, tmp_path / "bad", *more), capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 2, done.stderr
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "bad").exists()
