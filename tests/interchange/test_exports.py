"""What is exported, read by the programs it is for: lm-eval, Inspect, the hub's library."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from spot_eval.cli import app
from spot_eval.core.errors import UserError
from spot_eval.interchange.to_card import export_card
from spot_eval.interchange.to_eval_results import export_eval_results
from spot_eval.interchange.to_inspect import export_inspect
from spot_eval.interchange.to_lm_eval import export_lm_eval
from spot_eval.runs.finished import read_run
from tests.report.made_up_runs import write_run


def test_lm_eval_prints_the_exported_results(run: Path, tmp_path: Path) -> None:
    from lm_eval.utils import get_results_filenames, get_sample_results_filenames, make_table

    results, *logs = export_lm_eval(run, tmp_path)
    written = [str(path) for path in [results, *logs]]
    assert get_results_filenames(written) == [str(results)]
    assert get_sample_results_filenames(written) == [str(path) for path in logs]
    assert results.parent.name == "org__tiny sft"
    found = json.loads(results.read_text())
    table = make_table(found)
    board = read_run(run).board
    for task in ("sums", "orders"):
        mean, stderr = board["tasks"][task]["mean"], board["tasks"][task]["stderr"]
        assert found["results"][task]["score,none"] == mean
        assert f"{mean:.2f}" in table
        assert f"{stderr:.4f}" in table
        assert found["n-samples"][task] == {"original": board["tasks"][task]["docs"],
                                            "effective": board["tasks"][task]["docs_judged"]}  # fmt: skip


def test_the_exported_samples_have_lm_evals_fields_and_our_scores(run: Path, tmp_path: Path) -> None:
    from lm_eval.result_schema import SampleResult  # what lm-eval says a line holds

    _, sums, orders = export_lm_eval(run, tmp_path)
    lines = [json.loads(line) for line in sums.read_text().splitlines()]
    assert set(SampleResult.__required_keys__) <= set(lines[0])
    assert [line["score"] for line in lines] == [0.5, 1.0, 0.0, 1.0, 1.0, 1.0]
    assert len(lines[0]["resps"][0]) == 4
    assert lines[5]["resps"][0][0] == "half \ufffd of a pair"
    assert [json.loads(line)["doc_id"] for line in orders.read_text().splitlines()] == [0, 1, 2, 3]  # 4 is not judged


def test_an_inspect_log_is_json_as_one_dump_writes_it_epoch_by_epoch(run: Path, tmp_path: Path) -> None:
    for path in export_inspect(run, tmp_path):
        log = json.loads(path.read_text())
        assert path.read_text() == json.dumps(log, ensure_ascii=False, indent=1)
        places = [(sample["epoch"], sample["id"]) for sample in log["samples"]]
        assert places == sorted(places)
        assert len(places) == log["results"]["total_samples"] > 0


def test_inspect_reads_the_exported_logs(run: Path, tmp_path: Path) -> None:
    from inspect_ai.log import list_eval_logs, read_eval_log, write_eval_log

    paths = export_inspect(run, tmp_path / "logs")
    board = read_run(run).board
    assert {info.task for info in list_eval_logs(str(tmp_path / "logs"))} == {"sums", "orders"}
    logs = {log.eval.task: log for log in map(read_eval_log, map(str, paths))}
    for task, log in logs.items():
        assert log.status == "success"
        assert log.results is not None
        (score,) = log.results.scores
        assert score.metrics["mean"].value == board["tasks"][task]["mean"]
        assert log.samples is not None
        assert len(log.samples) == board["tasks"][task]["samples"]
    sums, orders = logs["sums"], logs["orders"]
    assert sums.eval.config.epochs == 4
    assert sums.plan.config.temperature == 0.7
    assert sums.plan.config.max_tokens == 4096
    by_place = {(sample.id, sample.epoch): sample for sample in sums.samples or []}
    wrong = by_place[0, 1]
    assert wrong.output.completion == "First I think of a number. It is \\boxed{7}."
    assert wrong.scores is not None
    assert (wrong.scores["maths"].value, wrong.scores["maths"].answer) == (0.0, "7")
    assert (wrong.target, wrong.input[0].text) == ("1", "sums: what is 0 + 1?")  # type: ignore[union-attr]
    assert by_place[2, 1].output.stop_reason == "max_tokens"
    unjudged = next(sample for sample in orders.samples or [] if sample.id == 4)
    assert not unjudged.scores
    assert unjudged.metadata["not_judged"] == "the engine gave up"
    assert orders.results is not None
    assert (orders.results.scores[0].scored_samples, orders.results.scores[0].unscored_samples) == (4, 1)
    write_eval_log(sums, str(tmp_path / "again.eval"))  # its own format takes it over whole
    assert len(read_eval_log(str(tmp_path / "again.eval")).samples or []) == 24


def test_the_hub_reads_the_exported_card(run: Path, tmp_path: Path) -> None:
    from huggingface_hub import ModelCard

    (path,) = export_card(run, tmp_path / "card" / "README.md")
    card = ModelCard(path.read_text())
    found = {result.dataset_name: result for result in card.data.eval_results}
    board = read_run(run).board
    assert found.keys() == {"sums", "orders"}
    assert found["sums"].metric_value == round(100 * board["tasks"]["sums"]["mean"], 2)
    assert found["sums"].metric_args["stderr"] == round(100 * board["tasks"]["sums"]["stderr"], 2)
    assert found["sums"].metric_args["samples_per_doc"] == 4
    assert found["sums"].metric_args["temperature"] == 0.7
    assert card.data.model_name == "org/tiny sft"


def test_the_hub_reads_the_exported_eval_results(tmp_path: Path) -> None:
    from huggingface_hub import parse_eval_result_entries

    made = write_run(tmp_path / "run", suite={"in_domain": {"aime24": (6, 4)}, "general": {"orders": (5, 1)}})
    (path,) = export_eval_results(made, tmp_path / ".eval_results")  # orders is on no hub
    assert path == tmp_path / ".eval_results" / "aime24.yaml"
    (entry,) = parse_eval_result_entries(yaml.safe_load(path.read_text()))
    board = read_run(made).board["tasks"]["aime24"]
    assert (entry.dataset_id, entry.task_id, entry.value) == (
        "HuggingFaceH4/aime_2024", "default", round(100 * board["mean"], 2),
    )  # fmt: skip
    assert entry.dataset_revision is None  # its rows did not come from the hub
    assert entry.notes is not None
    assert "6 docs, 4 samples each; temperature 0.7" in entry.notes


def test_a_run_without_a_hub_task_has_no_eval_results(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="none of its tasks has a score and a data set on the hub"):
        export_eval_results(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_same_run_is_exported_to_the_same_files(run: Path, tmp_path: Path) -> None:
    first = {path.name: path.read_bytes() for path in export_inspect(run, tmp_path / "a")}
    assert {path.name: path.read_bytes() for path in export_inspect(run, tmp_path / "b")} == first


def test_the_command(run: Path, base_run: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    done = runner.invoke(app, ["export", str(run), "--to", "lm-eval", "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert len(done.output.splitlines()) == 3
    done = runner.invoke(app, ["export", str(run), "--to", "model-card", "-o", str(tmp_path)])
    assert isinstance(done.exception, UserError)
    assert "is a folder" in str(done.exception)
    saved = tmp_path / "saved"
    assert runner.invoke(app, ["baseline", "save", str(base_run), str(saved)]).exit_code == 0
    done = runner.invoke(app, ["export", str(saved), "--to", "inspect"])
    assert isinstance(done.exception, UserError)
    assert "saved baseline" in str(done.exception)


@pytest.mark.parametrize("name", ["docs.jsonl", "samples.jsonl"])
def test_a_run_that_lost_a_file_is_refused(run: Path, tmp_path: Path, name: str) -> None:
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(run, broken)
    (broken / name).unlink()
    with pytest.raises(UserError, match=name):
        export_lm_eval(broken, tmp_path / "out")
