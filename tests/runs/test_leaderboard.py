"""The runs of a folder: the numbers of their scoreboards, sorted; what cannot be read is named and stops nothing."""

from __future__ import annotations

import csv
import io
import json
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from spot_eval.cli import app
from spot_eval.core.errors import UserError
from spot_eval.display.leaderboard import print_leaderboard
from spot_eval.runs.leaderboard import Entry, Score, list_runs, read_entry, sorted_entries
from tests.made_runs import write_run

GOOD = {"a": [[1.0], [1.0], [0.0]], "b": [[1.0], [0.0]], "c": [[1.0], [1.0]]}
BAD = {"a": [[0.0], [1.0], [0.0]], "b": [[1.0], [0.0]], "c": [[0.0], [1.0]]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "runs"
    write_run(place / "good", GOOD, "good", name="good")
    write_run(place / "bad", BAD, "bad", name="bad", changes={"limit": 3})
    write_run(place / "killed", GOOD, "killed", name="killed")
    (place / "killed" / "scoreboard.json").unlink()
    (place / "killed" / "generations.jsonl").write_text("{}\n" * 4)
    write_run(place / "partial", {"a": GOOD["a"], "c": GOOD["c"]}, "partial", name="partial")
    gated = CliRunner().invoke(app, ["gate", str(place / "bad"), "--baseline", str(place / "good")])
    assert gated.exit_code in (3, 4)
    saved = CliRunner().invoke(app, ["baseline", "save", str(place / "good"), "-o", str(place / "saved")])
    assert saved.exit_code == 0
    return place


def broken(place: Path) -> None:
    for name, files in {
        "torn": {"manifest.json": "{"},
        "old": {"manifest.json": '{"config": {"schema": 0}}'},
        "odd": {"manifest.json": '{"config": {"schema": 1, "suite": []}}'},
        "lost": {"samples.jsonl": ""},
        "notes": {"readme.txt": "nothing of a run"},
    }.items():
        (place / name).mkdir()
        for file, text in files.items():
            (place / name / file).write_text(text)
    write_run(place / "board", GOOD, name="board")
    (place / "board" / "scoreboard.json").write_text('{"families": {"general": {"mean": "x", "stderr": 1}}}')


def test_the_numbers_are_those_of_the_scoreboards(folder: Path) -> None:
    entries = {entry.path.name: entry for entry in list_runs(folder).entries}
    assert {name: entry.state for name, entry in entries.items()} == {
        "bad": "finished", "good": "finished", "killed": "unfinished", "partial": "finished", "saved": "saved",
    }  # fmt: skip
    board = json.loads((folder / "good" / "scoreboard.json").read_text())
    for name, score in entries["good"].families.items():
        assert (score.mean, score.stderr) == (board["families"][name]["mean"], board["families"][name]["stderr"])
    assert (
        entries["good"].overall
        == entries["saved"].overall
        == (board["overall"]["mean"], board["overall"]["stderr"], False, None)
    )
    assert (entries["killed"].done, entries["killed"].requests) == (4, 7)
    assert entries["partial"].overall == (None, None, True, None)
    gate = json.loads((folder / "bad" / "gate.json").read_text())
    assert entries["bad"].gate == (gate["verdict"], "good")


def test_broken_folders_are_named_and_not_fatal(folder: Path) -> None:
    broken(folder)
    found = list_runs(folder)
    assert {one.path.name for one in found.broken} == {"torn", "old", "odd", "lost", "board"}
    assert len(found.entries) == 5
    assert found.others == 1
    done = CliRunner().invoke(app, ["runs", str(folder)], env={"COLUMNS": "80"})
    assert done.exit_code == 0
    for name in ("torn", "old", "odd", "lost", "board"):
        assert f"{folder / name} cannot be read: " in done.stderr


def test_sorting(folder: Path) -> None:
    entries = list_runs(folder).entries

    def order(key: str, *, reverse: bool = False) -> list[str]:
        return [entry.path.name for entry in sorted_entries(entries, key, reverse=reverse)]

    assert order("overall") == ["good", "saved", "bad", "killed", "partial"]
    assert order("overall", reverse=True)[0] == "bad"
    assert order("overall", reverse=True)[-2:] == ["killed", "partial"]
    assert order("general")[-1] == "killed"
    assert order("model") == ["bad", "good", "saved", "killed", "partial"]
    assert order("path") == ["bad", "good", "killed", "partial", "saved"]
    assert order("verdict")[0] == "bad"
    with pytest.raises(UserError, match="--sort genral: no run has that column; the nearest: general"):
        order("genral")


def test_suites_are_never_mixed(tmp_path: Path) -> None:
    for name, suite, mean in (("x", "s2", 0.9), ("y", "s1", 0.1), ("z", "s2", 0.5)):
        write_run(tmp_path / name, GOOD, name, name=name)
        manifest = json.loads((tmp_path / name / "manifest.json").read_text())
        manifest["config"]["suite"]["name"] = suite
        (tmp_path / name / "manifest.json").write_text(json.dumps(manifest))
        board = json.loads((tmp_path / name / "scoreboard.json").read_text())
        board["overall"]["mean"] = mean
        (tmp_path / name / "scoreboard.json").write_text(json.dumps(board))
    assert [entry.path.name for entry in sorted_entries(list_runs(tmp_path).entries)] == ["y", "x", "z"]


@pytest.mark.parametrize("columns", [80, 60, 200])
def test_the_table_fits_the_terminal(folder: Path, columns: int) -> None:
    write_run(folder / "long", GOOD, name="a" * 70, families={"general": ["a", "b"], "家" * 12: ["c"]})
    done = CliRunner().invoke(app, ["runs", str(folder)], env={"COLUMNS": str(columns)})
    assert done.exit_code == 0
    from rich.cells import cell_len

    for line in done.stdout.splitlines():
        if not line.startswith("  ") and not line.startswith(("percent", "not shown")):
            assert cell_len(line) <= columns
    assert "unfinished: 4 of 7 generations" in done.stdout
    assert "gated against good" in done.stdout
    assert "limit 3" in done.stdout


def test_json_and_csv_hold_the_same(folder: Path) -> None:
    whole = json.loads(CliRunner().invoke(app, ["runs", str(folder), "--json"]).stdout)
    rows = list(csv.DictReader(io.StringIO(CliRunner().invoke(app, ["runs", str(folder), "--csv"]).stdout)))
    assert [row["path"] for row in rows] == [run["path"] for run in whole["runs"]]
    for row, run in zip(rows, whole["runs"], strict=True):
        mean = run["families"].get("general", {}).get("mean")
        assert row["general"] == ("" if mean is None else str(mean))
        assert (row["verdict"] or None) == (run["gate"] and run["gate"]["verdict"])
    done = CliRunner().invoke(app, ["runs", str(folder), "--json", "--csv"])
    assert isinstance(done.exception, UserError)


def test_one_run_or_none(folder: Path, tmp_path: Path) -> None:
    assert [entry.path for entry in list_runs(folder / "good").entries] == [folder / "good"]
    (tmp_path / "empty").mkdir()
    done = CliRunner().invoke(app, ["runs", str(tmp_path / "empty")])
    assert (done.exit_code, done.stdout) == (0, "")
    assert "no runs in" in done.stderr
    with pytest.raises(UserError, match="does not exist"):
        list_runs(tmp_path / "nowhere")


def test_names_cannot_steer_the_terminal(folder: Path) -> None:
    write_run(folder / "evil", GOOD, name="[red]\x1b[2Jx\nsecond line")
    text = StringIO()
    print_leaderboard([read_entry(folder / "evil").as_json()], Console(file=text, width=80))
    assert "\x1b" not in text.getvalue()
    assert "[red]" in text.getvalue()


entry = st.builds(
    Entry,
    path=st.text(min_size=1, max_size=5).map(Path), model=st.text(max_size=90), suite=st.sampled_from(["s", "t"]),
    suite_version=st.integers(1, 2), created=st.sampled_from(["", "2026-01-01T00:00:00Z"]),
    state=st.sampled_from(["finished", "saved"]),
    families=st.dictionaries(st.sampled_from(["in_domain", "ood", "general", "other family", "x" * 30]), st.builds(
        Score, st.none() | st.floats(0, 1), st.none() | st.floats(0, 1))),
    overall=st.builds(Score, st.none() | st.floats(0, 1), st.none() | st.floats(0, 1)),
)  # fmt: skip


@given(st.lists(entry, max_size=6), st.sampled_from(["overall", "when", "model", "verdict"]), st.booleans())
def test_sorting_keeps_every_run_and_printing_never_fails(entries: list[Entry], key: str, reverse: bool) -> None:
    ordered = sorted_entries(entries, key, reverse=reverse)
    assert sorted(map(id, ordered)) == sorted(map(id, entries))
    print_leaderboard([one.as_json() for one in ordered], Console(file=StringIO(), width=80))
