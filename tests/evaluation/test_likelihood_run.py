"""A run of log-likelihood tasks as a user has it: records, resume, comparison, gate, report, exports, bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spot_eval.core.errors import UserError
from spot_eval.evaluation.scored import score_all
from tests.command_line import records, spot_eval
from tests.likelihood_tasks import TASKS, write_suite, write_tasks


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("made")


@pytest.fixture(scope="module")
def suite(made: Path) -> Path:
    return write_suite(write_tasks(made / "tasks"), made / "made.yaml")


@pytest.fixture(scope="module")
def whole(made: Path, suite: Path, tiny: Path) -> Path:
    done = spot_eval("run", "--model", tiny, "--suite", suite, "--out", made / "whole", "--engine-arg", "device=cpu")
    assert done.returncode == 0, done.stderr
    assert "byte_perplexity" in done.stdout
    return made / "whole"


def test_records_hold_each_choice(whole: Path) -> None:
    rows = {(row["task"], row["doc_id"]): row for row in records(whole)}
    assert len(rows) == 6 * len(TASKS)
    letters = rows["made_letters", 0]
    assert [one["tokens"] for one in letters["choices"]] == [2, 2, 2]  # the tiny tokenizer has no " A"
    assert letters["text"] in {" A", " B", " C"}
    assert (letters["kind"], letters["output_tokens"], letters["finish_reason"]) == ("likelihood", 0, "stop")
    assert all(one["logprob"] < 0 for row in rows.values() for one in row["choices"])
    board = json.loads((whole / "scoreboard.json").read_text())
    assert board["tasks"]["made_rolling"]["perplexities"]["word_perplexity"]["mean"] > 1
    assert 0 < board["tasks"]["made_rolling"]["mean"] < 1
    assert all(task["not_judged"] == 0 for task in board["tasks"].values())


def test_a_run_that_was_cut_off_goes_on(whole: Path, suite: Path, tiny: Path, tmp_path: Path) -> None:
    command = ["run", "--model", tiny, "--suite", suite, "--out", tmp_path / "run", "--engine-arg", "device=cpu"]
    assert spot_eval(*command).returncode == 0
    generations = tmp_path / "run" / "generations.jsonl"
    lines = generations.read_bytes().splitlines(keepends=True)
    generations.write_bytes(b"".join(lines[:10]) + lines[10][:30])
    again = spot_eval(*command)
    assert again.returncode == 0, again.stderr
    assert "26 of 36 generations to do" in again.stderr
    found = {row["key"]: [one["logprob"] for one in row["choices"]] for row in records(tmp_path / "run")}
    expected = {row["key"]: [one["logprob"] for one in row["choices"]] for row in records(whole)}
    assert found.keys() == expected.keys()
    assert all(found[key] == pytest.approx(expected[key], abs=1e-4) for key in found)
    boards = [json.loads((run / "scoreboard.json").read_text())["tasks"] for run in (whole, tmp_path / "run")]
    assert [one["mean"] for one in boards[0].values()] == pytest.approx([one["mean"] for one in boards[1].values()])


def test_compare_gate_report_and_exports(whole: Path, made: Path, tmp_path: Path) -> None:
    assert spot_eval("compare", whole, whole).returncode == 0
    gated = spot_eval("gate", whole, "--baseline", whole)
    assert gated.returncode == 0, gated.stdout + gated.stderr
    page = tmp_path / "page.html"
    assert spot_eval("report", whole, "-o", page).returncode == 0
    assert page.stat().st_size > 10_000
    done = spot_eval("export", whole, "--to", "lm-eval", "-o", tmp_path / "lm-eval")
    assert done.returncode == 0, done.stderr
    (file,) = (tmp_path / "lm-eval").rglob("samples_made_letters_*.jsonl")
    line = json.loads(file.read_text().splitlines()[0])
    assert line["arguments"]["gen_args_1"]["arg_1"] == " B"
    assert len(line["resps"]) == 3
    again = spot_eval("import", tmp_path / "lm-eval", "-o", tmp_path / "imported")
    assert again.returncode == 0, again.stderr


def test_repeats_of_what_cannot_differ_are_refused(suite: Path, tiny: Path, tmp_path: Path) -> None:
    done = spot_eval("run", "--model", tiny, "--suite", suite, "--repeats", "2", "--out", tmp_path / "run")
    assert done.returncode == 2
    assert "log-likelihoods are the same at every repeat" in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_gold_that_is_no_choice_is_named(made: Path, tiny: Path, tmp_path: Path) -> None:
    folder = write_tasks(tmp_path / "tasks")
    rows = [json.loads(line) for line in (folder / "made_letters_test.jsonl").read_text().splitlines()]
    rows[2]["answer"] = 7
    (folder / "made_letters_test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    suite = write_suite(folder, tmp_path / "made.yaml", ["made_letters"])
    done = spot_eval("run", "--model", tiny, "--suite", suite, "--out", tmp_path / "run")
    assert done.returncode == 2
    assert "task made_letters, doc 2: its gold 7 is none of its 3 choices" in done.stderr
    checked = spot_eval("tasks", "check", suite)
    assert checked.returncode != 0
    assert "its gold 7 is none of its 3 choices" in " ".join(checked.stdout.split())


def test_check_says_that_each_gold_is_right(suite: Path) -> None:
    done = spot_eval("tasks", "check", suite)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("3 of 3") + done.stdout.count("5 of 5") + done.stdout.count("6 of 6") >= 4


def test_an_engine_that_scores_nothing_is_one_sentence() -> None:
    with pytest.raises(UserError, match="this engine gives no log-probabilities of a prompt, which likelihood tasks"):
        score_all(object(), [], lambda one: None)  # type: ignore[arg-type]
