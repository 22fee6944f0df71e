"""Exit codes tell the verdict: no encoding, closed pipe or closed stdout changes them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.command_line import COMMAND, environment, spot_eval
from tests.gating.test_rules import task
from tests.made_runs import write_run

CODES = {0: 0, 90: 3}
"""Docs lost to exit code."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs")
    for lost in CODES:
        candidate, base = task(400, lost=lost, wrong=100)
        write_run(place / str(lost), {"c": candidate}, f"n{lost}", families={"general": ["c"]}, name="modèle")
    write_run(place / "base", {"c": base}, "b", families={"general": ["c"]})
    return place


@pytest.mark.parametrize("lost", CODES)
@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_an_encoding_that_lacks_our_signs(encoding: str, lost: int, runs: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "gate", str(runs / str(lost)), "--baseline", str(runs / "base")],
        capture_output=True, env=environment(PYTHONIOENCODING=encoding), check=False,
    )  # fmt: skip
    assert done.returncode == CODES[lost], done.stderr
    if lost:  # docs that all differ alike have exact bounds instead of an error with its sign
        assert (b"+- " if encoding == "ascii" else b"\xb1 ") in done.stdout
    assert (b"mod?le" if encoding == "ascii" else b"mod\xe8le") in done.stdout


def test_json_in_ascii_is_the_same_json(runs: Path) -> None:
    plain, ascii_only = (
        spot_eval("gate", runs / "0", "--baseline", runs / "base", "--json", PYTHONIOENCODING=encoding).stdout
        for encoding in ("utf-8", "ascii")
    )
    assert json.loads(plain) == json.loads(ascii_only)
    assert json.loads(plain)["candidate"]["model"] == "modèle"


@pytest.mark.parametrize("lost", CODES)
@pytest.mark.parametrize("pipe", ["| true", "| head -n 1 >/dev/null", ">&-", "2>&-", ">/dev/null 2>&1 <&-"])
def test_a_reader_that_goes_away(pipe: str, lost: int, runs: Path) -> None:
    gate = subprocess.list2cmdline([*COMMAND, "gate", str(runs / str(lost)), "--baseline", str(runs / "base")])
    done = subprocess.run(
        ["bash", "-c", f"{gate} {pipe}; exit ${{PIPESTATUS[0]}}"],
        capture_output=True, text=True, env=environment(), check=False,
    )  # fmt: skip
    assert done.returncode == CODES[lost], done.stderr
    assert "Traceback" not in done.stderr
    assert "rror" not in done.stderr


def test_a_full_disk_behind_stdout_is_one_sentence(runs: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*COMMAND, "compare", str(runs / "0"), str(runs / "base"), "--json"],
            stdout=full, stderr=subprocess.PIPE, text=True, env=environment(), check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "No space left on device" in done.stderr
