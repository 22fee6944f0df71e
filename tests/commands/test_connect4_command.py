"""`spot-eval connect4` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from spot_eval.cli import app
from spot_eval.core.errors import UserError


def spot_eval(*arguments: Any) -> Result:
    return CliRunner().invoke(app, ["connect4", *map(str, arguments)])


def refused(*arguments: Any) -> str:
    """The sentence a command is refused with."""
    done = spot_eval(*arguments)
    assert isinstance(done.exception, UserError), done.output
    assert done.exception.exit_code == 2
    return str(done.exception)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sets") / "a.jsonl"
    done = spot_eval("generate", "-n", 40, "--seed", 7, "-o", path)
    assert done.exit_code == 0, done.output
    assert "40 boards, level 1 (immediate wins of both sides), 6x7, connect 4, seed 7" in done.output
    assert "answering 'none': joint 5.0" in done.output
    return path


def test_a_seed_gives_the_same_two_files(made: Path, tmp_path: Path) -> None:
    again = tmp_path / "a.jsonl"
    assert spot_eval("generate", "-n", 40, "--seed", 7, "-o", again).exit_code == 0
    assert again.read_bytes() == made.read_bytes()
    assert again.with_suffix(".manifest.json").read_bytes() == made.with_suffix(".manifest.json").read_bytes()


def test_without_a_seed_one_is_drawn_and_recorded(tmp_path: Path) -> None:
    done = spot_eval("generate", "-n", 10, "-o", tmp_path / "a.jsonl", "--json")
    about = json.loads(done.stdout)
    assert about["seed_drawn"] is True
    assert spot_eval("generate", "-n", 10, "-o", tmp_path / "b.jsonl", "--seed", about["seed"]).exit_code == 0
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def test_excluded_sets_are_kept_out_and_named(made: Path, tmp_path: Path) -> None:
    done = spot_eval("generate", "-n", 40, "--seed", 7, "-o", tmp_path / "b.jsonl", "--exclude", made, "--json")
    assert [entry["file"] for entry in json.loads(done.stdout)["excluded"]] == ["a.jsonl"]
    states = [{json.loads(line)["state"] for line in path.open()} for path in (made, tmp_path / "b.jsonl")]
    assert not states[0] & states[1]


def test_a_sound_set_passes_and_a_changed_one_does_not(made: Path, tmp_path: Path) -> None:
    done = spot_eval("check", made)
    assert done.exit_code == 0, done.output
    assert "every label is right" in done.output
    assert json.loads(spot_eval("check", made, "--json").stdout)["problems"] == []
    broken = tmp_path / "b.jsonl"
    rows = [json.loads(line) for line in made.open()]
    rows[4]["answer"] = [[[5, 6]], []]
    broken.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert "line 5: the answer is" in refused("check", broken)


def test_bad_input_is_one_sentence(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "c.jsonl"
    assert "a.jsonl exists already" in refused("generate", "-n", 5, "-o", made)
    assert "must be a .jsonl file" in refused("generate", "-n", 5, "-o", tmp_path / "c.txt")
    assert "9 rows and 9 columns are too many" in refused("generate", "-o", out, "--rows", 9, "--columns", 9)
    assert "nobody can connect 8" in refused("generate", "-o", out, "--connect", 8)
    assert "nowhere.jsonl: cannot be read" in refused("generate", "-o", out, "--exclude", "nowhere.jsonl")
    assert "ask for fewer" in refused("generate", "-n", 900, "-o", out, "--rows", 3, "--columns", 3, "--connect", 3)
    assert "cannot write" in refused("generate", "-n", 5, "-o", tmp_path / "no" / "c.jsonl")
    assert "is too large" in refused("generate", "-n", 5, "-o", out, "--seed", 2**60)
    assert "cannot be read" in refused("check", tmp_path)
    floating = tmp_path / "d.jsonl"
    floating.write_text(json.dumps({"state": "(0,0):_ " * 2}) + "\n")
    assert f"{floating}, line 1: field 'state' is not a board: cell (0,0) is given twice" in refused("check", floating)
    assert spot_eval("generate", "-n", 0, "-o", out).exit_code == 2
    assert spot_eval("generate", "--level", 4, "-o", out).exit_code == 2
    assert not out.exists()
