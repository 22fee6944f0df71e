"""certify as a user types it: tables, files, sentences."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from spot_eval.runs.baseline import save_baseline
from spot_eval.runs.finished import read_run
from tests.command_line import spot_eval
from tests.made_runs import write_run

POLICY = 'margin = 0.1\n[families]\n"gen[red]eral" = 0.1\n'
FAMILIES = {"in_domain": ["a"], "gen[red]eral": ["c"]}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a base of three repeats, a greedy one, and a policy that gates one family."""
    place = tmp_path_factory.mktemp("certify")
    rng = np.random.default_rng(0)
    right = {task: (rng.random((40, 3)) < rng.beta(0.5, 0.5, 40)[:, None]).astype(float).tolist() for task in "ac"}
    write_run(place / "base", right, "base", FAMILIES)
    write_run(place / "greedy", {task: [row[:1] * 2 for row in rows] for task, rows in right.items()}, "g", FAMILIES)
    save_baseline(read_run(place / "base"), place / "saved")
    (place / "gate.toml").write_text(POLICY)
    return place


def test_the_tables_and_the_file(place: Path) -> None:
    done = spot_eval("certify", "base", "--policy", "gate.toml", "--draws", 20, "-o", "certify.json", cwd=place)
    assert done.returncode == 0, done.stderr
    assert "tiny: harm caught (% of 20 draws that fail the gate)" in done.stdout
    assert "gen[red]eral" in done.stdout
    assert "nothing changed, redrawn from each doc's posterior (100 draws):" in done.stdout
    assert "written: certify.json" in done.stderr
    found = json.loads((place / "certify.json").read_text())
    names = [harm["name"] for harm in found["harms"]]
    assert names[:2] == ["wrong answers", "wrong in c"]
    assert all(name in done.stdout for name in names)
    saved = spot_eval("certify", "saved", "--policy", "gate.toml", "--draws", 20, "--json", cwd=place)
    assert json.loads(saved.stdout)["harms"] == found["harms"], "a saved baseline says the same"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("greedy",), "has answers that never vary"),
        (("qwen3-8b",), "is a published table"),
        (("nowhere",), "neither a run directory nor a published table"),
        (("base", "--by", "subject"), "--by subject: no task of base has two values"),
        (("base", "--draws", "3"), "draws is 3; fewer than 20"),
    ],
)
def test_bad_input_is_one_sentence(place: Path, arguments: tuple[str, ...], sentence: str) -> None:
    done = spot_eval("certify", *arguments, cwd=place)
    assert done.returncode == 2
    assert sentence in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
