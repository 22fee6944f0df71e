"""The one reader of finished runs: every surface shows the numbers of scoreboard.json."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from spot_eval.cli import app
from spot_eval.comparison.compare import compare_one
from spot_eval.core.errors import UserError
from spot_eval.core.files import read_json
from spot_eval.core.record_files import read_records
from spot_eval.core.records import Sample
from spot_eval.evaluation.score import score
from spot_eval.interchange.to_card import export_card
from spot_eval.interchange.to_inspect import export_inspect
from spot_eval.interchange.to_lm_eval import export_lm_eval
from spot_eval.posttrain.from_run import attempts
from spot_eval.report.content import load_content
from spot_eval.report.render import render
from spot_eval.report.scoreboard_rows import board_rows
from spot_eval.runs.baseline import load_base_run, save_baseline
from spot_eval.runs.directory import RunDirectory
from spot_eval.runs.finished import read_run
from spot_eval.runs.leaderboard import list_runs
from tests.report.made_up_runs import lines, write_run

CLUSTER = 6
SUITE = {"in_domain": {"sums": (24, 2)}, "general": {"orders": (5, 1)}}


def clustered_run(path: Path, right_clusters: set[int], base: Path | None = None) -> Path:
    """Write a run whose 24 sums are four clusters of six, each cluster right or wrong as one."""

    def answer(task: str, doc_id: int, repeat: int) -> dict[str, object]:
        wrong = task == "sums" and doc_id // CLUSTER not in right_clusters and doc_id % CLUSTER
        return {"text": f"{path.name}: no", "score": 0.0, "extracted": "0"} if wrong else {}

    write_run(path, answer, suite=SUITE, model=path.name)
    docs = lines(path / "docs.jsonl")
    for doc in docs:
        if doc["task"] == "sums":
            doc["row"]["cluster_id"] = doc["doc_id"] // CLUSTER
    (path / "docs.jsonl").write_text("".join(json.dumps(doc, separators=(",", ":")) + "\n" for doc in docs))
    samples = list(read_records(path / "samples.jsonl", Sample))
    score(RunDirectory.at(path), samples, load_base_run(str(base)) if base else None)
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("clustered")
    base = clustered_run(folder / "base", {0, 2, 3})
    return clustered_run(folder / "candidate", {0}, base), base


def test_clusters_widen_the_standard_error(runs: tuple[Path, Path]) -> None:
    """Docs that share a source count as one piece of evidence, so the case below can tell the readers apart."""
    entry = read_json(runs[0] / "scoreboard.json")["tasks"]["sums"]
    independent = (entry["mean"] * (1 - entry["mean"]) / 23) ** 0.5
    assert entry["stderr"] > 1.5 * independent


def test_every_surface_shows_the_error_of_the_scoreboard(runs: tuple[Path, Path], tmp_path: Path) -> None:
    run, base = runs
    entry = read_json(run / "scoreboard.json")["tasks"]["sums"]
    mean, stderr = entry["mean"], entry["stderr"]
    shown = f"{100 * mean:.1f} ± {100 * stderr:.1f}"
    assert shown in (run / "scoreboard.md").read_text()
    alone = load_content(run, [])
    assert shown in {str(row["score"]) for group in board_rows(alone) for row in group["rows"]}
    for form in ("html", "md", "model-card"):
        assert shown in plain(render(alone, form, 1_000_000)), form
    for against in (base, saved(base, tmp_path / "saved")):
        beside = load_content(run, [str(against)])
        entry_of_base = read_json(base / "scoreboard.json")["tasks"]["sums"]
        shown_base = f"{100 * entry_of_base['mean']:.1f} ± {100 * entry_of_base['stderr']:.1f}"
        for form in ("html", "md", "model-card"):
            assert shown in plain(render(beside, form, 1_000_000)), form
            assert shown_base in plain(render(beside, form, 1_000_000)), (form, against)
    results = json.loads(export_lm_eval(run, tmp_path / "lm-eval")[0].read_text())
    assert results["results"]["sums"]["score_stderr,none"] == stderr
    inspect = next(path for path in export_inspect(run, tmp_path / "inspect") if "_sums_" in path.name)
    (scored,) = json.loads(inspect.read_text())["results"]["scores"]
    assert scored["metrics"]["stderr"]["value"] == stderr
    card = yaml.safe_load(export_card(run, tmp_path / "card.md")[0].read_text().split("---\n")[1])
    metrics = {one["dataset"]["name"]: one["metrics"][0] for one in card["model-index"][0]["results"]}
    assert metrics["sums"]["args"]["stderr"] == round(100 * stderr, 2)
    (listed,) = (one for one in list_runs(run.parent).entries if one.path.name == "candidate")
    assert listed.families["in_domain"].stderr == pytest.approx(stderr)


def test_docs_that_all_differ_alike_have_one_exact_bound_on_every_surface(tmp_path: Path) -> None:
    base = clustered_run(tmp_path / "base", {0, 1, 2, 3})

    def other(task: str, doc_id: int, repeat: int) -> dict[str, object]:
        # the sums stay right with other words; the orders are lost as one
        return {"text": "new", "score": 0.0 if task == "orders" else 1.0}

    run = write_run(tmp_path / "run", other, suite=SUITE, model="run")
    first = lines(base / "samples.jsonl")
    assert {one["score"] for one in first} == {1.0}, "the base is right everywhere"
    samples = list(read_records(run / "samples.jsonl", Sample))
    board = score(RunDirectory.at(run), samples, load_base_run(str(base)))
    found = compare_one(read_run(run), read_run(base))
    for level in ("tasks", "families"):
        for name, entry in board["difference"][level].items():
            there = found[level][name]
            assert there["stderr"] is None, name
            assert there["exact"] == pytest.approx(entry["bounds"]), name
    low, high = board["difference"]["tasks"]["sums"]["bounds"]
    orders = board["difference"]["tasks"]["orders"]["bounds"]
    assert -low == pytest.approx(high) and orders[0] == -1
    for form in ("html", "md", "model-card"):
        page = plain(render(load_content(run, [str(base)]), form, 1_000_000))
        assert f"0.0 (±{100 * high:.1f})" in page, form
        assert f"−100.0 (≤−{-100 * orders[1]:.1f})" in page, form


def plain(page: str) -> str:
    """Return a page without its markup, as a reader sees a number with its error."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]{0,200}>", " ", page))


def saved(run: Path, path: Path) -> Path:
    save_baseline(read_run(run), path)
    return path


def test_a_saved_baseline_without_a_scoreboard_gets_one_with_clusters(runs: tuple[Path, Path], tmp_path: Path) -> None:
    path = saved(runs[1], tmp_path / "saved")
    whole = read_json(path / "scoreboard.json")
    (path / "scoreboard.json").unlink()
    made = read_run(path).board
    for level in ("tasks", "families"):
        for name, entry in made[level].items():
            assert (entry["mean"], entry["stderr"]) == (whole[level][name]["mean"], whole[level][name]["stderr"])
    assert made["cost"]["generations"] == whole["cost"]["generations"]


def test_the_scoreboards_difference_is_the_comparisons(runs: tuple[Path, Path]) -> None:
    run, base = runs
    ours = read_json(run / "scoreboard.json")["difference"]["tasks"]["sums"]
    found = compare_one(read_run(run), read_run(base))["tasks"]["sums"]
    assert ours["mean"] == pytest.approx(found["mean"])
    assert ours["stderr"] == pytest.approx(found["stderr"])


def test_the_board_is_what_the_file_says_and_never_made_again(runs: tuple[Path, Path], tmp_path: Path) -> None:
    path = write_run(tmp_path / "run")
    board = read_json(path / "scoreboard.json")
    board["tasks"]["sums"] |= {"stderr": 0.123, "bounds": None}
    (path / "scoreboard.json").write_text(json.dumps(board))
    assert read_run(path).board["tasks"]["sums"]["stderr"] == 0.123
    assert "± 12.3" in render(load_content(path, []), "md", 0)


def test_a_run_without_a_fitting_scoreboard_is_compared_but_not_shown(tmp_path: Path) -> None:
    path, base = write_run(tmp_path / "run"), write_run(tmp_path / "base")
    board = read_json(path / "scoreboard.json")
    del board["tasks"]["sums"]
    (path / "scoreboard.json").write_text(json.dumps(board))
    for message in ("do not name the same tasks; grade the run again", re.escape(f"spot-eval grade {path}")):
        with pytest.raises(UserError, match=message):
            export_lm_eval(path, tmp_path / "out")
        assert not (tmp_path / "out").exists()
        assert compare_one(read_run(path), read_run(base))["overall"]["mean"] == 0
        (path / "scoreboard.json").unlink(missing_ok=True)


def test_a_run_of_other_tasks_than_its_manifest_is_refused(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run")
    text = (path / "samples.jsonl").read_text()
    (path / "samples.jsonl").write_text(text.replace('"task":"orders"', '"task":"other"'))
    with pytest.raises(UserError, match="task 'other' is not in the run's manifest"):
        load_content(path, [])
    (path / "samples.jsonl").write_text("")
    with pytest.raises(UserError, match="no judged sample"):
        load_content(path, [])


def test_pairs_and_exports_need_the_texts_a_saved_baseline_lacks(runs: tuple[Path, Path], tmp_path: Path) -> None:
    path = saved(runs[1], tmp_path / "saved")
    for use in (lambda: list(attempts(path)), lambda: export_inspect(path, tmp_path / "out")):
        with pytest.raises(UserError, match="is a saved baseline, without docs and texts"):
            use()
    done = CliRunner().invoke(app, ["export", str(path), "--to", "lm-eval", "-o", str(tmp_path / "out")])
    assert isinstance(done.exception, UserError)


def test_attempts_are_the_runs_answers_in_order(tmp_path: Path) -> None:
    def answer(task: str, doc_id: int, repeat: int) -> dict[str, object]:
        return {"text": None, "score": None, "why": "refused"} if (doc_id, repeat) == (1, 2) else {}

    path = write_run(tmp_path / "run", answer)
    found = list(attempts(path))
    assert [one.id for one in found[:7]] == [f"sums/{doc}/{repeat}" for doc in (0, 1) for repeat in range(4)
                                             if (doc, repeat) != (1, 2)]  # fmt: skip
    assert len(found) == 28
    assert (found[0].text, found[0].gold, found[0].meta["grader"]) == ("It is \\boxed{1}.", "1", "maths")
