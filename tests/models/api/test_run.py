"""`spot-eval run` against an endpoint, as a user runs it: a subprocess, signals, files on disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.likelihood_tasks import write_suite, write_tasks
from tests.models.api.endpoint import ID, Endpoint, Move, Say, good

KEY = "sk-never-to-be-written-anywhere"
SUITE = """
name: served
version: 1
sampling: {temperature: 0.7, top_p: 0.8, top_k: 20, max_new_tokens: 24}
families:
  in_domain: {mini_arithmetic: {repeats: 3}}
  general: {mini_instructions: {}}
"""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    made.key = KEY
    yield made
    made.stop()


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("suites") / "served.yaml"
    path.write_text(SUITE)
    return path


def command(endpoint: Endpoint, suite: Path, out: Path, *more: str) -> list[str]:
    return [
        sys.executable, "-m", "spot_eval", "run", "--model", endpoint.url, "--model-id", ID, "--suite", str(suite),
        "--limit", "20", "--out", str(out), "--engine-arg", "in_flight=4", "--engine-arg", "retries=3", *more,
    ]  # fmt: skip


def environment() -> dict[str, str]:
    return {**os.environ, "SPOT_EVAL_API_KEY": KEY, "OMP_NUM_THREADS": "1", "COLUMNS": "100"}


def run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, capture_output=True, text=True, env=environment(), timeout=120, check=False)


def lines(path: Path) -> list[dict[str, Any]]:
    """Records in an order of their own; torn lines are none."""
    whole = [line for line in path.read_bytes().splitlines() if line.endswith(b"}")] if path.exists() else []
    return sorted((json.loads(line) for line in whole), key=lambda record: record["key"])


@pytest.fixture(scope="module")
def whole(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run."""
    server = Endpoint()
    server.key = KEY
    out = tmp_path_factory.mktemp("whole") / "run"
    done = run(command(server, suite, out, "--engine-arg", "price_in=1000", "--engine-arg", "price_out=2000"))
    server.stop()
    assert done.returncode == 0, done.stderr
    assert "org-served on served v1, limit 20" in done.stdout
    return out


def test_a_run_says_who_answered_and_what_it_cost(whole: Path) -> None:
    manifest = json.loads((whole / "manifest.json").read_text())
    assert manifest["config"]["model"]["id"] == ID
    assert manifest["config"]["model"]["fingerprint"] is None
    board = json.loads((whole / "scoreboard.json").read_text())
    assert board["cost"]["generations"] == 80
    # three requests more ask whether seeds are honoured
    assert board["cost"]["paid"] == pytest.approx(83 * (7 * 1000 + 11 * 2000) / 1e6)
    assert "paid by the prices given: 2.41" in (whole / "scoreboard.md").read_text()
    session = json.loads((whole / "sessions" / "1.json").read_text())
    assert session["engine"]["seeds"] == "honoured"
    assert len({record["seed"] for record in lines(whole / "generations.jsonl")}) == 80


def test_the_key_is_in_no_file_of_the_run(whole: Path) -> None:
    files = [path for path in whole.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


def test_a_likelihood_task_on_a_server_is_one_sentence(endpoint: Endpoint, tmp_path: Path) -> None:
    made = write_suite(write_tasks(tmp_path / "tasks"), tmp_path / "made.yaml", ["made_letters"])
    out = tmp_path / "run"
    done = run(command(endpoint, made, out))
    assert done.returncode == 2
    assert f"{endpoint.url}: likelihood tasks need the model's tokenizer here" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (out / "generations.jsonl").exists()


def slowly(asked: dict[str, Any], before: int) -> Move:
    return Say(200, good(asked), after_s=0.1)


def until_records(process: subprocess.Popen[str], out: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(lines(out / "generations.jsonl")) < count:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def start(arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(), start_new_session=True
    )


@pytest.mark.parametrize("what", ["kill -9", "Ctrl-C", "the server dies"])
def test_whatever_ends_it_the_same_command_goes_on_and_ends_as_if_nothing_had_been(
    whole: Path, endpoint: Endpoint, suite: Path, tmp_path: Path, what: str
) -> None:
    out = tmp_path / "run"
    endpoint.behave = slowly
    with start(command(endpoint, suite, out)) as process:
        until_records(process, out, 12)
        if what == "the server dies":
            endpoint.stop()
        else:
            process.send_signal(signal.SIGKILL if what == "kill -9" else signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == {"kill -9": -9, "Ctrl-C": 130, "the server dies": 1}[what]
    assert "Traceback" not in said
    finished = lines(out / "generations.jsonl")
    assert 12 <= len(finished) < 80
    assert not (out / "failures.jsonl").exists()
    if what == "the server dies":
        assert said.count("spot-eval: error:") == 1
        assert "no longer serves: no connection" in said
        assert "the same command goes on from there" in said

    again = Endpoint()  # another port: what is behind a URL is known by the name it is given
    again.key = KEY
    done = run(command(again, suite, out))
    again.stop()
    assert done.returncode == 0, done.stderr
    assert f"{80 - len(finished)} of 80 generations to do" in done.stderr
    assert len(again.asked) == 80 - len(finished) + 1 + 3  # a question beforehand, and three about seeds
    for name in ("generations.jsonl", "samples.jsonl"):
        assert lines(out / name) == lines(whole / name)


def test_a_second_ctrl_c_ends_it_without_a_word(endpoint: Endpoint, suite: Path, tmp_path: Path) -> None:
    late = "import atexit, time; atexit.register(time.sleep, 30); from spot_eval.cli import main; main()"
    endpoint.behave = slowly
    arguments = command(endpoint, suite, tmp_path / "run")
    with start([sys.executable, "-c", late, *arguments[3:]]) as process:
        until_records(process, tmp_path / "run", 4)
        process.send_signal(signal.SIGINT)
        said = ""
        while "stopped;" not in said:
            said = process.stderr.readline() if process.stderr else ""
        time.sleep(0.5)  # to where it would sleep
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=10)
    assert process.returncode == -signal.SIGINT
    assert said == ""


def test_failures_are_not_judged_and_tried_again(whole: Path, endpoint: Endpoint, suite: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    bad = {record["seed"] for record in lines(whole / "generations.jsonl")[::20]}
    endpoint.behave = lambda asked, before: (
        Say(400, {"error": {"message": "no"}}) if asked["seed"] in bad and before == 0 else None
    )
    done = run(command(endpoint, suite, out))
    assert done.returncode == 0, done.stderr
    board = json.loads((out / "scoreboard.json").read_text())
    assert sum(task["not_judged"] * task["samples"] for task in board["tasks"].values()) == pytest.approx(4)
    reasons = {sample["why"] for sample in lines(out / "samples.jsonl") if sample["not_judged"]}
    assert reasons == {"the server answered 400: no"}
    assert "4 generations gave no text and are not judged because the server answered 400: no;" in done.stderr
    assert run(command(endpoint, suite, out)).returncode == 0
    assert lines(out / "samples.jsonl") == lines(whole / "samples.jsonl")


def test_runs_of_served_models_never_share_records(endpoint: Endpoint, suite: Path, tmp_path: Path) -> None:
    for name in "ab":
        done = run(command(endpoint, suite, tmp_path / "runs" / name, "--limit", "2"))
        assert done.returncode == 0, done.stderr
        assert "taken over" not in done.stderr
    assert len(endpoint.asked) == 2 * (2 * 3 + 2 + 1 + 3)


def test_another_name_is_another_run(whole: Path, endpoint: Endpoint, suite: Path) -> None:
    endpoint.models = [{"id": "org/other"}]
    done = run([part if part != ID else "org/other" for part in command(endpoint, suite, whole)])
    assert done.returncode == 2
    assert "holds a run of another configuration" in done.stderr
    assert "org/served" in done.stderr


@pytest.mark.parametrize(
    ("models", "more", "message"),
    [
        ([{"id": "org/other"}], [], "serves no model 'org/served'; there are: org/other"),
        ([{"id": ID, "max_model_len": 30}], [], "20 prompts do not fit the model's context of 30 tokens"),
        ([{"id": ID}], ["--engine", "hf"], "the hf engine loads checkpoints"),
        ([{"id": ID}], ["--engine-arg", "timeout=soon"], "--engine-arg timeout=soon"),
        ([{"id": ID}], ["--engine-arg", "key_env=NO_SUCH_KEY"], "NO_SUCH_KEY: this environment variable is not set"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(
    endpoint: Endpoint, suite: Path, tmp_path: Path, models: list[dict[str, Any]], more: list[str], message: str
) -> None:
    endpoint.models = models
    endpoint.counts = lambda asked: 40
    done = run([*command(endpoint, suite, tmp_path / "run", "--tasks", "mini_instructions"), *more])
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "run").exists()
