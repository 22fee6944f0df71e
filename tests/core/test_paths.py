"""Paths as others see them, on every file that is sent to others."""

from __future__ import annotations

from pathlib import Path

import pytest

from spot_eval.api import write_report
from spot_eval.core.files import read_json, write_json
from spot_eval.core.paths import shown_path
from spot_eval.interchange.to_card import export_card
from spot_eval.interchange.to_eval_results import export_eval_results
from spot_eval.interchange.to_inspect import export_inspect
from spot_eval.interchange.to_lm_eval import export_lm_eval
from tests.report.made_up_runs import write_run


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/srv/here/runs/a", "runs/a"),
        ("/home/ada/models/a", "~/models/a"),
        ("/mnt/team/secret/models/a", "…/models/a"),
        ("/mnt/a", "/mnt/a"),
        ("runs/a", "runs/a"),
        ("hub:org/name", "hub:org/name"),
        ("connect4 generator 2, level hard, seed 0", "connect4 generator 2, level hard, seed 0"),
    ],
)
def test_a_path_says_nothing_of_the_machine(path: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "cwd", lambda: Path("/srv/here"))
    monkeypatch.setattr(Path, "home", lambda: Path("/home/ada"))
    assert shown_path(path) == shown
    assert shown_path(Path(path)) == shown


def test_a_working_directory_that_holds_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "cwd", lambda: Path("/"))
    assert shown_path("/mnt/team/secret/a") == "…/secret/a"


def test_what_is_sent_to_others_names_no_folder_of_the_machine(tmp_path: Path) -> None:
    """Also for a run of a version that kept the whole path."""
    run = write_run(tmp_path / "run", suite={"in_domain": {"aime24": (4, 2)}})
    manifest = read_json(run / "manifest.json")
    manifest["model"]["path"] = "/mnt/private-team/users/ada/checkpoint"
    for data in manifest["data"].values():
        data["origin"] = "/mnt/private-team/data/rows/rows.jsonl"
    write_json(run / "manifest.json", manifest)
    out = tmp_path / "out"
    out.mkdir()
    write_report(run, out=out / "report.html")
    export_card(run, out / "card.md")
    export_lm_eval(run, out / "lm-eval")
    export_inspect(run, out / "inspect")
    export_eval_results(run, out / "results")
    files = [file for file in out.rglob("*") if file.is_file()]
    assert len(files) >= 5
    for file in files:
        assert b"private-team" not in file.read_bytes(), file
    assert "…/ada/checkpoint" in (out / "report.html").read_text()
