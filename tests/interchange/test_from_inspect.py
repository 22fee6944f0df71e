"""Inspect's own logs, made by Inspect, become runs with Inspect's numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spot_eval.core.errors import UserError
from spot_eval.core.files import read_json, write_json
from spot_eval.interchange.from_inspect import import_inspect
from spot_eval.interchange.imported_run import Import
from spot_eval.interchange.inspect_logs import looks_like_inspect, plain_messages, score_of
from spot_eval.interchange.to_inspect import export_inspect
from spot_eval.runs.finished import read_run
from spot_eval.tasks.suite import load_suite
from tests.command_line import records, spot_eval

SUITE = load_suite("spot")


def silent(sentence: str) -> None:
    del sentence


def inspect_log(folder: Path, texts: list[str], form: str = "json", model: str = "mockllm/model") -> Path:
    """Have Inspect ask a mock model three questions in two epochs; return its log."""
    from inspect_ai import Task
    from inspect_ai import eval as inspect_eval
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import ModelOutput, ModelUsage, get_model
    from inspect_ai.scorer import includes, match
    from inspect_ai.solver import generate

    def output(text: str) -> ModelOutput:
        found = ModelOutput.from_content(model, text, stop_reason="max_tokens" if text == "" else "stop")
        found.usage = ModelUsage(
            input_tokens=3, output_tokens=2, total_tokens=5
        )  # else it asks the web for a tokenizer
        return found

    rows = [Sample(input="1+1?", target="2", id="a"), Sample(input="2+2?", target="4", id="b"),
            Sample(input="3+3?", target=["6", "six"], id="c", metadata={"subject": "x"})]  # fmt: skip
    task = Task(name="adds", dataset=MemoryDataset(rows, name="sums"), solver=generate(),
                scorer=[match(numeric=True), includes()], epochs=2)  # fmt: skip
    asked = get_model(model, memoize=False, custom_outputs=[output(text) for text in texts])
    (log,) = inspect_eval(task, model=asked, log_dir=str(folder), log_format=form, display="none", max_connections=1)
    assert log.status == "success", log.error
    return Path(urlsplit(log.location).path)


@pytest.fixture(scope="session")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return inspect_log(tmp_path_factory.mktemp("inspect"), ["2", "4", "six", "3", "4", ""])


def imported(path: Path, out: Path, **options: Any) -> tuple[Path, dict[str, Any], list[str]]:
    said: list[str] = []
    made, board = import_inspect(Import([path], out=out, **options), SUITE, said.append)
    return made, board, said


def test_scores_and_errors_are_inspects(log: Path, tmp_path: Path) -> None:
    path, board, said = imported(log, tmp_path / "run", families={"adds": "in_domain"})
    theirs = {one["name"]: one["metrics"] for one in read_json(log)["results"]["scores"]}["match"]
    task = board["tasks"]["adds"]
    assert task["mean"] == pytest.approx(theirs["accuracy"]["value"])
    assert task["stderr"] == pytest.approx(theirs["stderr"]["value"])
    assert (task["docs"], task["repeats"], task["family"], task["output_tokens"]) == (3, 2, "in_domain", 2.0)
    assert any("the score is that of match; --metric chooses another of match, includes" in one for one in said)
    samples = {(one["doc_id"], one["repeat"]): one for one in records(path, "samples.jsonl")}
    assert [samples[doc, 0]["score"] for doc in range(3)] == [1.0, 1.0, 1.0]
    assert [samples[doc, 1]["score"] for doc in range(3)] == [0.0, 1.0, 0.0]
    assert samples[2, 0]["extracted"] == "six"
    assert samples[2, 1]["truncated"] is True
    run = read_run(path)
    answers = list(run.answers("adds"))
    assert answers[2].texts == ["six", ""]
    assert answers[2].row["subject"] == "x"
    assert answers[0].messages == [{"role": "user", "content": "1+1?"}]


def test_an_eval_file_is_the_same_run(log: Path, tmp_path: Path) -> None:
    packed = inspect_log(tmp_path / "logs", ["2", "4", "six", "3", "4", ""], form="eval")
    assert packed.suffix == ".eval"
    one, two = imported(log, tmp_path / "one")[0], imported(packed, tmp_path / "two")[0]
    for name in ("docs.jsonl", "samples.jsonl"):
        first, second = ([{**row, "key": ""} for row in map(json.loads, (run / name).read_text().splitlines())]
                         for run in (one, two))  # fmt: skip
        assert first == second


def test_two_models_compare_gate_and_report(log: Path, tmp_path: Path) -> None:
    other = inspect_log(tmp_path / "logs", ["2", "4", "six", "2", "4", "6"])
    for source, name in ((log, "base"), (other, "new")):
        done = spot_eval("import", source, "--family", "adds=in_domain", "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
        assert "in-domain" in done.stdout
    done = spot_eval("compare", tmp_path / "new", "--baseline", tmp_path / "base", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["comparisons"][0]["tasks"]["adds"]["mean"] == pytest.approx(1 / 3)
    assert spot_eval("gate", tmp_path / "new", "--baseline", tmp_path / "base").returncode in {0, 3, 4}
    done = spot_eval("report", tmp_path / "new", "--baseline", tmp_path / "base", "-o", tmp_path / "page.html")
    assert done.returncode == 0, done.stderr


def test_our_own_export_comes_back_with_the_same_scores(run: Path, tmp_path: Path) -> None:
    export_inspect(run, tmp_path / "logs")
    path, board = import_inspect(Import([tmp_path / "logs"], out=tmp_path / "run"), SUITE, silent)
    kept = read_json(run / "scoreboard.json")
    assert board["tasks"].keys() == kept["tasks"].keys()
    for name, task in kept["tasks"].items():
        assert board["tasks"][name]["mean"] == pytest.approx(task["mean"])
        assert board["tasks"][name]["stderr"] == pytest.approx(task["stderr"])
    scores = [[one["score"] for one in sorted(records(place, "samples.jsonl"), key=_place)] for place in (run, path)]
    assert scores[0] == scores[1]


def _place(one: dict[str, Any]) -> tuple[str, int, int]:
    return one["task"], one["doc_id"], one["repeat"]


def test_samples_that_failed_or_lack_are_not_judged(log: Path, tmp_path: Path) -> None:
    content = read_json(log)
    content["status"] = "error"
    first = content["samples"][0]
    first |= {"error": {"message": "the server hung up"}, "scores": {}, "output": {"choices": []}}
    content["samples"] = [one for one in content["samples"] if (one["id"], one["epoch"]) != ("c", 2)]
    write_json(tmp_path / "log.json", content)
    path, board, said = imported(tmp_path / "log.json", tmp_path / "run")
    assert any("status is 'error'" in one for one in said)
    samples = {(one["doc_id"], one["repeat"]): one for one in records(path, "samples.jsonl")}
    assert (samples[0, 0]["score"], samples[0, 0]["why"]) == (None, "Inspect: the server hung up")
    assert samples[2, 1]["why"] == "Inspect's log has no epoch 2 of it"
    assert board["tasks"]["adds"]["not_judged"] == pytest.approx(2 / 6)
    assert len(records(path)) == 4
    read_run(path)  # holds as many samples as its manifest counts


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda log: log.update(version=9), "read in version 2, and this is version 9"),
        (lambda log: log.pop("eval"), "is not a log of Inspect"),
        (lambda log: log.pop("samples"), "holds no samples"),
        (lambda log: log["samples"].append(log["samples"][0]), "is there twice in epoch 1"),
        (lambda log: [one.update(scores={}) for one in log["samples"]], "has no scores"),
        (lambda log: log["samples"][0].pop("epoch"), "it has no id, or no epoch from 1"),
        (lambda log: log["samples"][0]["scores"]["match"].update(value="maybe"), "gives 'maybe', which is no score"),
        (lambda log: log["samples"][0]["scores"]["match"].update(value=7), "gives 7; scores here are fractions"),
        (lambda log: log["samples"][0]["scores"]["match"].update(value={"a": 1}), r"--metric SCORER\.NAME"),
        (lambda log: log["samples"][0]["scores"]["match"].update(value=[1]), "gives a list"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(log: Path, tmp_path: Path, change: Any, sentence: str) -> None:
    content = read_json(log)
    change(content)
    write_json(tmp_path / "log.json", content)
    with pytest.raises(UserError, match=sentence):
        imported(tmp_path / "log.json", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_other_wrong_input_is_one_sentence(log: Path, tmp_path: Path) -> None:
    for words, sentence in (
        ([log, "--metric", "mach"], "has the scorers match, includes; did you mean"),
        ([log, "--filter", "strict"], "--filter is for files of lm-eval"),
        ([log, "--family", "add=ood"], "there is no log of 'add'"),
        ([tmp_path / "none.eval"], "does not exist"),
    ):
        done = spot_eval("import", *words, "--out", tmp_path / "run")
        assert done.returncode == 2, words
        assert "Traceback" not in done.stderr
        assert sentence.split(";")[0] in done.stderr, done.stderr
    (tmp_path / "broken.eval").write_bytes(b"PK\x03\x04 not an archive")
    done = spot_eval("import", tmp_path / "broken.eval", "--out", tmp_path / "run")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert not (tmp_path / "run").exists()
    assert looks_like_inspect([log.parent])
    (tmp_path / "logs").mkdir()
    write_json(tmp_path / "logs" / "results_x.json", {"results": {}})
    assert not looks_like_inspect([tmp_path / "logs"])


@given(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.dictionaries(st.text(), st.text()))
)
def test_every_value_is_a_fraction_nothing_or_a_sentence(value: Any) -> None:
    try:
        found = score_of(value, "", "there")
    except UserError:
        with pytest.raises(UserError, match=r"^there gives"):
            score_of(value, "", "there")
    else:
        assert found is None or 0 <= found <= 1


def test_messages_of_parts_are_plain_text() -> None:
    parts = [{"type": "text", "text": "Look:"}, {"type": "image", "image": "x"}]
    given_parts = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": parts}]
    assert plain_messages(given_parts) == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Look:\n[image]"},
    ]
