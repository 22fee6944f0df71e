"""Log-likelihoods equal those of lm-eval's own model class, text by text, and so do the metrics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spot_eval.core.options import RunOptions
from spot_eval.evaluation.run import run
from spot_eval.tasks.loader import TaskLoader
from spot_eval.tasks.suite import load_suite
from tests.command_line import records
from tests.likelihood_tasks import TASKS, write_suite, write_tasks

CLOSE = 1e-4  # nats, fp32


def silent(text: str) -> None:
    del text


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    write_tasks(folder / "tasks")
    return write_suite(folder / "tasks", folder / "made.yaml")


def ours(tiny: Path, suite: Path | str, out: Path, **options: Any) -> Path:
    run(RunOptions(model=str(tiny), suite=str(suite), out=out, engine_args={"device": "cpu"}, **options), silent)
    return out


def theirs(tiny: Path, suite: Path | str, limit: int | None = None, **options: Any) -> dict[str, Any]:
    """lm-eval's own results and samples, of its HFLM and its loop."""
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM

    loaded = load_suite(str(suite))
    loader = TaskLoader(loaded)
    tasks = [loader._manager.load([name])["tasks"][name] for name in loaded.tasks]
    for task in tasks:
        if (shots := loaded.settings(task.config.task).num_fewshot) is not None:
            task.set_config("num_fewshot", shots)
    model = HFLM(pretrained=str(tiny), dtype="float32", batch_size=4, device="cpu", enable_thinking=False)
    found = simple_evaluate(model=model, tasks=tasks, limit=limit, bootstrap_iters=0, log_samples=True, **options)
    assert found is not None
    return found


def compare(path: Path, found: dict[str, Any], names: list[str]) -> None:
    """Hold every log-likelihood and every metric of a run against lm-eval's."""
    board = json.loads((path / "scoreboard.json").read_text())["tasks"]
    generations = {(row["task"], row["doc_id"]): row for row in records(path)}
    for name in names:
        assert found["samples"][name]
        for sample in found["samples"][name]:
            choices = generations[name, sample["doc_id"]]["choices"]
            answers = [one if isinstance(one, tuple | list) else (one, None) for one in sample["filtered_resps"]]
            theirs_of = [float(logprob) for logprob, _ in answers]  # summed in fp32, so long texts are rounded
            assert [one["logprob"] for one in choices] == pytest.approx(theirs_of, abs=CLOSE, rel=1e-7)
            if answers[0][1] is not None:
                assert [str(one["greedy"]) for one in choices] == [str(greedy) for _, greedy in answers]
        for metric, value in found["results"][name].items():
            shown, _, filtered = metric.partition(",")
            if filtered != "none" or shown.endswith("_stderr"):
                continue
            ours_of = {**board[name]["metrics"], **board[name].get("perplexities", {})}[shown]["mean"]
            assert ours_of == pytest.approx(value, rel=1e-4 if name.endswith(("rolling", "word", "truths")) else 0)


def test_every_kind_of_task(tiny: Path, made: Path, tmp_path: Path) -> None:
    path = ours(tiny, made, tmp_path / "run")
    compare(path, theirs(tiny, made), list(TASKS))


def test_with_a_chat_template(tiny: Path, tmp_path: Path) -> None:
    tasks = write_tasks(tmp_path / "tasks")
    names = [name for name in TASKS if name != "made_rolling"]
    suite = write_suite(tasks, tmp_path / "made.yaml", names, chat_template=True)
    path = ours(tiny, suite, tmp_path / "run")
    compare(path, theirs(tiny, suite, apply_chat_template=True, fewshot_as_multiturn=True), names)
    plain = ours(tiny, write_suite(tasks, tmp_path / "plain.yaml", names), tmp_path / "plain")
    assert not {row["key"] for row in records(path)} & {row["key"] for row in records(plain)}
