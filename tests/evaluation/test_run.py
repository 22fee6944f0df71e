"""`spot-eval run` as a user runs it: a tiny checkpoint, a subprocess, files on disk."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.command_line import COMMAND, environment, records, spot_eval

SUITE = """
name: small
version: 1
sampling: {temperature: 0.7, top_p: 0.8, top_k: 20, max_new_tokens: 24}
families:
  ood:
    connect4: {repeats: 3}
    gpqa_diamond: {repeats: 2, max_new_tokens: 40}
"""


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("suites") / "small.yaml"
    path.write_text(SUITE)
    return path


@pytest.fixture(scope="session")
def command(tiny: Path, suite: Path, boards: Path, gpqa_file: Path) -> list[str]:
    """The command all of these tests build on."""
    files = ["--data", f"connect4={boards}", "--data", f"gpqa_diamond={gpqa_file}"]
    engine = ["--engine-arg", "device=cpu", "--engine-arg", "batch_size=16"]
    return ["run", "--model", str(tiny), "--suite", str(suite), *files, *engine]


def texts(run: Path) -> dict[tuple[str, int, int], str]:
    return {(r["task"], r["doc_id"], r["repeat"]): r["text"] for r in records(run)}


@pytest.fixture(scope="session")
def whole(command: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run."""
    out = tmp_path_factory.mktemp("whole") / "run"
    done = spot_eval(*command, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "out-of-domain" in done.stdout
    assert f"records: {out}" in done.stdout.replace("\n", "")
    return out


def test_a_run_leaves_the_documented_files(whole: Path) -> None:
    board = json.loads((whole / "scoreboard.json").read_text())
    assert board["tasks"].keys() == {"connect4", "gpqa_diamond"}
    task = board["tasks"]["connect4"]
    assert {
        "family",
        "mean",
        "stderr",
        "docs",
        "repeats",
        "truncated",
        "unparsed",
        "not_judged",
    } <= task.keys()
    assert (task["docs"], task["repeats"], task["family"]) == (24, 3, "ood")
    assert board["overall"].keys() >= {"mean", "stderr"}
    assert board["cost"]["generations"] == 24 * 3 + 6 * 2
    assert board["cost"]["wall_time_s"] > 0
    assert (whole / "scoreboard.md").read_text().startswith("# tiny on small v1")
    generations, samples = records(whole), records(whole, "samples.jsonl")
    assert [g["key"] for g in generations] == [s["key"] for s in samples]
    assert len({g["key"] for g in generations}) == 84
    for record in generations:
        assert record.keys() >= {
            "key", "task", "doc_id", "doc_hash", "repeat", "seed", "text", "finish_reason", "prompt_tokens",
            "output_tokens",
        }  # fmt: skip
        budget = 24 if record["task"] == "connect4" else 40
        # a model may end its turn with the last token it was given
        assert record["output_tokens"] == budget or record["finish_reason"] == "stop"
        assert record["output_tokens"] <= budget
    manifest = json.loads((whole / "manifest.json").read_text())
    assert manifest["versions"].keys() >= {"python", "torch", "transformers", "lm_eval"}
    assert manifest["config"]["suite"]["tasks"]["connect4"]["sampling"]["top_k"] == 20


def test_the_longest_budgets_come_first(whole: Path) -> None:
    order = [json.loads(line)["task"] for line in (whole / "generations.jsonl").read_text().splitlines()]
    # one batch of 16 holds all of them; within it the shorter budgets are done first
    assert "gpqa_diamond" not in order[16:]


def test_the_same_command_again_does_nothing_twice(whole: Path, command: list[str]) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in whole.glob("*.jsonl")}
    done = spot_eval(*command, "--out", whole, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tasks"]["connect4"]["docs"] == 24
    assert {path.name: path.stat().st_mtime_ns for path in whole.glob("*.jsonl")} == before


@pytest.mark.slow
def test_docs_that_were_lost_are_written_again_and_no_sample_goes_with_them(
    whole: Path, command: list[str], tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(whole, tmp_path / "run"))
    kept = (copy / "docs.jsonl").read_bytes().splitlines(keepends=True)
    (copy / "docs.jsonl").write_bytes(b"".join(kept[3:]))
    done = spot_eval(*command, "--out", copy)
    assert done.returncode == 0, done.stderr
    assert "docs.jsonl is written again: it was not as its data sets give it" in done.stderr.replace("\n", " ")
    for name in ("docs.jsonl", "generations.jsonl", "samples.jsonl"):
        assert (copy / name).read_bytes() == (whole / name).read_bytes(), name


def test_killed_at_ten_random_moments_nothing_is_lost_and_nothing_done_twice(
    whole: Path, command: list[str], tmp_path: Path
) -> None:
    moments = random.Random(20261123)
    out = tmp_path / "run"
    total = len(records(whole))
    # small batches, so that every kill finds the engine between and within batches
    killed = [*command, "--out", str(out), "--engine-arg", "batch_size=3"]
    file = out / "generations.jsonl"
    seen = 0
    for kill in range(10):
        wait_for = seen + moments.randint(1, max(1, (total - seen) // (10 - kill) - 2))
        delay = moments.uniform(0, 0.05)
        with subprocess.Popen([*COMMAND, *killed], stderr=subprocess.DEVNULL, env=environment()) as process:
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline and process.poll() is None:
                if file.exists() and file.read_bytes().count(b"\n") >= wait_for:
                    break
                time.sleep(0.002)
            time.sleep(delay)
            assert process.poll() is None, "the run ended before it could be killed"
            process.send_signal(signal.SIGKILL)
            process.wait()
        if kill % 3 == 0:  # what a kill within a write would leave
            file.write_bytes(file.read_bytes() + b'{"key": "torn')
        seen = len([line for line in file.read_bytes().split(b"\n") if line.endswith(b"}")])
    done = spot_eval(*killed)
    assert done.returncode == 0, done.stderr
    assert records(out) == records(whole)
    assert [(s["key"], s["score"]) for s in records(out, "samples.jsonl")] == [
        (s["key"], s["score"]) for s in records(whole, "samples.jsonl")
    ]
    cost = json.loads((out / "scoreboard.json").read_text())["cost"]
    assert cost["sessions"] == 11


def test_another_batch_size_task_order_or_limit_gives_the_same_texts(
    whole: Path, command: list[str], suite: Path, tmp_path: Path
) -> None:
    expected = texts(whole)
    turned = tmp_path / "turned.yaml"
    lines = SUITE.strip().splitlines()
    turned.write_text("\n".join([*lines[:-2], lines[-1], lines[-2]]))
    again = [str(turned) if part == str(suite) else part for part in command]
    done = spot_eval(*again, "--out", tmp_path / "a" / "run", "--engine-arg", "batch_size=5")
    assert done.returncode == 0, done.stderr
    assert texts(tmp_path / "a" / "run") == expected
    done = spot_eval(*command, "--out", tmp_path / "b" / "run", "--limit", 3)
    assert done.returncode == 0, done.stderr
    assert texts(tmp_path / "b" / "run") == {place: text for place, text in expected.items() if place[1] < 3}


def test_a_longer_run_takes_over_what_a_shorter_one_finished(whole: Path, command: list[str], tmp_path: Path) -> None:
    short = spot_eval(*command, "--out", tmp_path / "short", "--limit", 3, "--tasks", "connect4")
    assert short.returncode == 0, short.stderr
    done = spot_eval(*command, "--out", tmp_path / "long")
    assert "9 generations of this checkpoint were finished by neighbouring runs" in done.stderr
    assert records(tmp_path / "long") == records(whole)
    assert json.loads((tmp_path / "long" / "scoreboard.json").read_text())["cost"]["generations"] == 75


def changed_model(tiny: Path, copy: Path) -> Path:
    from tests.models.test_checkpoint import flip_one_weight

    shutil.copytree(tiny, copy)
    flip_one_weight(copy)
    return copy


@pytest.mark.parametrize("what", ["weight", "prompt", "sampling", "seed"])
def test_runs_that_differ_in_what_decides_a_text_share_no_record(
    whole: Path, command: list[str], tiny: Path, boards: Path, suite: Path, tmp_path: Path, what: str
) -> None:
    changed = list(command)
    match what:
        case "weight":
            changed[changed.index(str(tiny))] = str(changed_model(tiny, tmp_path / "tiny"))
        case "prompt":
            edited = tmp_path / "boards.jsonl"
            edited.write_text(boards.read_text().replace("please choose", "kindly choose"))
            changed[changed.index(f"connect4={boards}")] = f"connect4={edited}"
            changed += ["--chat-template", str(template(tiny, tmp_path))]
        case "sampling":
            other = tmp_path / "other.yaml"
            other.write_text(SUITE.replace("temperature: 0.7", "temperature: 0.71"))
            changed[changed.index(str(suite))] = str(other)
        case "seed":
            changed += ["--seed", "1"]
    beside = tmp_path / "runs" / "whole"
    shutil.copytree(whole, beside)
    done = spot_eval(*changed, "--out", tmp_path / "runs" / "other", "--limit", 2)
    assert done.returncode == 0, done.stderr
    assert "taken over" not in done.stderr
    keys = {record["key"] for record in records(whole)}
    assert keys.isdisjoint(record["key"] for record in records(tmp_path / "runs" / "other"))


def template(tiny: Path, folder: Path) -> Path:
    path = folder / "template.jinja"
    path.write_text((tiny / "chat_template.jinja").read_text().replace("assistant", "ASSISTANT"))
    return path


def test_a_baseline_is_paired_and_refused_where_it_cannot_be(
    whole: Path, command: list[str], suite: Path, tmp_path: Path
) -> None:
    done = spot_eval(*command, "--out", tmp_path / "run", "--limit", 4, "--seed", 1, "--baseline", whole, "--json")
    assert done.returncode == 0, done.stderr
    assert "different seeds" in done.stderr
    difference = json.loads(done.stdout)["difference"]
    assert difference["tasks"]["connect4"]["docs"] == 4
    assert difference["tasks"]["connect4"]["docs_unpaired"] == 20

    done = spot_eval(*command, "--out", tmp_path / "other", "--max-new-tokens", 3, "--baseline", whole)
    assert done.returncode == 5
    assert "max_new_tokens is 24 there, 3 here" in done.stderr
    assert not (tmp_path / "other").exists()

    done = spot_eval(*command, "--out", tmp_path / "run", "--limit", 4, "--seed", 1, "--baseline", "qwen3-8b")
    assert done.returncode == 0, done.stderr
    assert "display only" in done.stdout


def test_grading_again_needs_no_model_and_no_data(whole: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(whole, tmp_path / "copy"))
    (copy / "samples.jsonl").unlink()
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["model"]["path"] = "/gone"
    (copy / "manifest.json").write_text(json.dumps(manifest))
    done = spot_eval("grade", copy, SPOT_EVAL_DATA="")
    assert done.returncode == 0, done.stderr
    assert records(copy, "samples.jsonl") == records(whole, "samples.jsonl")


def test_grading_an_unfinished_run_counts_what_is_missing(whole: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(whole, tmp_path / "copy"))
    lines = (copy / "generations.jsonl").read_bytes().splitlines(keepends=True)
    (copy / "generations.jsonl").write_bytes(b"".join(lines[:-42]))
    done = spot_eval("grade", copy, "--json")
    assert done.returncode == 0, done.stderr
    board = json.loads(done.stdout)
    assert sum(task["not_judged"] * task["samples"] for task in board["tasks"].values()) == pytest.approx(42)
    assert {s["why"] for s in records(copy, "samples.jsonl") if s["not_judged"]} == {"not generated"}


def test_ctrl_c_keeps_what_is_finished_and_says_so(command: list[str], tmp_path: Path) -> None:
    out = tmp_path / "run"
    long = [*command, "--out", str(out), "--max-new-tokens", "2000", "--engine-arg", "batch_size=2"]
    with subprocess.Popen([*COMMAND, *long], stderr=subprocess.PIPE, text=True, env=environment()) as process:
        while not (out / "sessions").exists():
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "finished work is kept" in said
    assert "Traceback" not in said


BAD: list[tuple[str, list[str], str]] = [
    ("no checkpoint", ["run", "--model", "./nowhere"], "'./nowhere' does not exist"),
    ("unknown suite", ["run", "--model", "TINY", "--suite", "spott"], "the nearest: spot"),
    (
        "unknown task",
        ["run", "--model", "TINY", "--tasks", "math50"],
        "no task 'math50'; the nearest: math500",
    ),
    ("unknown engine", ["run", "--model", "TINY", "--engine", "hff"], "no engine 'hff'"),
    ("wrong engine argument", ["run", "--model", "TINY", "--engine-arg", "batch=2"], "takes dtype, device"),
    ("half an engine argument", ["run", "--model", "TINY", "--engine-arg", "batch"], "expected NAME=VALUE"),
    ("unknown option", ["run", "--modle", "x"], "--model"),
    ("limit 0", ["run", "--model", "TINY", "--limit", "0"], "--limit"),
    ("unknown baseline", ["run", "--model", "TINY", "--baseline", "qwen"], "neither a run directory nor"),
    (
        "no template file",
        ["run", "--model", "TINY", "--chat-template", "none.jinja"],
        "none.jinja: cannot be read",
    ),
    ("no run", ["grade", "nowhere"], "nowhere does not exist"),
    (
        "no data file",
        ["run", "--model", "TINY", "--tasks", "gpqa_diamond", "--data", "gpqa_diamond=x.csv"],
        "x.csv",
    ),
    ("no data dir", ["run", "--model", "TINY", "--tasks", "aime24", "--data-dir", "nowhere"], "nowhere"),
    ("a file of no task", ["run", "--model", "TINY", "--data", "gpqa=x.csv"], "--data gpqa"),
]


@pytest.mark.parametrize(("arguments", "message"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bad_input_is_one_sentence_and_exit_2(tiny: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    done = spot_eval(*(str(tiny) if part == "TINY" else part for part in arguments), cwd=tmp_path, SPOT_EVAL_DATA="")
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_malformed_data_names_file_line_and_field(command: list[str], boards: Path, tmp_path: Path) -> None:
    broken = tmp_path / "boards.jsonl"
    rows = boards.read_text().splitlines()
    row = json.loads(rows[4])
    del row["state"]
    rows[4] = json.dumps(row)
    broken.write_text("\n".join(rows))
    changed = [f"connect4={broken}" if part == f"connect4={boards}" else part for part in command]
    done = spot_eval(*changed, "--out", tmp_path / "run")
    assert done.returncode == 2
    assert f"{broken}, line 5" in done.stderr
    assert "state" in done.stderr
    rows[4] = '{"state": '
    broken.write_text("\n".join(rows))
    done = spot_eval(*changed, "--out", tmp_path / "run")
    assert done.returncode == 2
    assert f"{broken}, line 5" in done.stderr
    assert not (tmp_path / "run").exists()


def test_another_context_is_another_run_and_shares_no_cut_answer(command: list[str], tmp_path: Path) -> None:
    short = [*command, "--tasks", "gpqa_diamond", "--max-new-tokens", "300", "--limit", "1", "--repeats", "1"]
    done = spot_eval(*short, "--out", tmp_path / "a", "--engine-arg", "max_model_len=420")
    assert done.returncode == 0, done.stderr
    done = spot_eval(*short, "--out", tmp_path / "a")
    assert done.returncode == 2
    assert "context: there 420, here 8192" in done.stderr
    done = spot_eval(*short, "--out", tmp_path / "b")
    assert "taken over" not in done.stderr
    assert records(tmp_path / "b")[0]["max_new_tokens"] == 300


def test_another_gold_is_another_record(tiny: Path, tmp_path: Path) -> None:
    for name, gold in (("a", "2"), ("b", "3")):
        file = tmp_path / f"{name}.jsonl"
        file.write_text(json.dumps({"problem": "How many?", "answer": gold}) + "\n")
        done = spot_eval("run", "--model", tiny, "--tasks", "aime24", "--data", f"aime24={file}", "--repeats", 2,
                         "--max-new-tokens", 8, "--out", tmp_path / "runs" / name)  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "taken over" not in done.stderr
    keys = [{record["key"] for record in records(tmp_path / "runs" / name)} for name in "ab"]
    assert keys[0].isdisjoint(keys[1])


def test_a_checkpoint_that_cannot_be_loaded_leaves_nothing_behind(
    command: list[str], tiny: Path, tmp_path: Path
) -> None:
    broken = Path(shutil.copytree(tiny, tmp_path / "models" / "tiny"))
    (broken / "model.safetensors").write_bytes((tiny / "model.safetensors").read_bytes()[:100_000])
    changed = [str(broken) if part == str(tiny) else part for part in command]
    done = spot_eval(*changed, "--out", tmp_path / "runs" / "run")
    assert done.returncode == 2
    assert "is not a whole safetensors file" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs" / "run").exists()


OWN_TASK = """
task: own
dataset_path: json
dataset_kwargs: {data_files: {test: ROWS}}
test_split: test
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("ROWS", "/nowhere.jsonl"), "task own ("),
        (("test_split: test", "test_split: validation"), "task own ("),
        (('doc_to_text: "{{question}}"', "doc_to_text: !function shim.nope"), "task own ("),
        (('"{{question}}"', '"{{question"'), "task own ("),
        (("task: own\n", "task: [own\n"), "own.yaml, line"),
        (("task: own\n", "task: own\nmetadata: {grader: nosuch}\n"), "there is no grader 'nosuch'"),
        (("task: own\n", "task: own\nmetadata: {grader: connect4}\n"), "doc 0: grader connect4 reads 'state'"),
        (("task: own\n", "task: connect4\n"), "has the name of one of spot-eval's own"),
        (("generate_until", "generate_all"), "generate_all"),
    ],
)
def test_a_broken_task_of_the_users_own_is_one_sentence(
    tiny: Path, tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    (tasks / "rows.jsonl").write_text('{"question": "2+2?", "answer": "4"}\n')
    (tasks / "shim.py").write_text("")
    (tasks / "own.yaml").write_text(OWN_TASK.replace(*change).replace("ROWS", str(tasks / "rows.jsonl")))
    (tmp_path / "own.yaml").write_text("{name: own, version: 1, tasks_dir: tasks, families: {f: {own: {}}}}")
    done = spot_eval("run", "--model", tiny, "--suite", tmp_path / "own.yaml", "--out", tmp_path / "run",
                     HF_HOME=str(tmp_path / "hf"))  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_prompts_beyond_the_context_are_all_listed_before_anything_starts(command: list[str], tmp_path: Path) -> None:
    small = [*command, "--out", str(tmp_path / "run"), "--engine-arg", "max_model_len=100", "--limit", "3"]
    done = spot_eval(*small)
    assert done.returncode == 2
    for doc in ("connect4/0", "connect4/1", "connect4/2"):
        assert doc in done.stderr
    assert "--skip-too-long" in done.stderr
    assert not (tmp_path / "run").exists()

    done = spot_eval(*small, "--skip-too-long", "--json")
    assert done.returncode == 2
    assert "could be judged; the first reason: the prompt of" in done.stderr
    board = json.loads(done.stdout)
    assert board["tasks"]["connect4"]["not_judged"] == 1
    assert board["tasks"]["connect4"]["mean"] is None
    assert board["families"]["ood"]["partial"] is True


def test_budgets_beyond_the_context_are_cut_said_and_recorded(command: list[str], tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = spot_eval(*command, "--out", out, "--tasks", "gpqa_diamond", "--engine-arg", "max_model_len=420",
                     "--max-new-tokens", 400, "--limit", 2, "--skip-too-long")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("smaller token budget") == 1
    for record in records(out):
        assert record["max_new_tokens"] == 420 - record["prompt_tokens"]
        assert record["output_tokens"] <= record["max_new_tokens"]


def test_a_suite_and_a_task_of_the_users_own(tiny: Path, tmp_path: Path) -> None:
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    rows = [{"question": f"{n} + {n} =", "answer": str(2 * n)} for n in range(5)]
    (tasks / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tasks / "shim.py").write_text(
        "def ask(doc):\n    return doc['question']\n\ndef gold(doc):\n    return doc['answer']\n"
    )
    (tasks / "sums.yaml").write_text(f"""
task: own_sums
dataset_path: json
dataset_kwargs: {{data_files: {{test: {tasks / "rows.jsonl"}}}}}
test_split: test
fewshot_split: test
num_fewshot: 1
description: Add the numbers.
output_type: generate_until
doc_to_text: !function shim.ask
doc_to_target: !function shim.gold
generation_kwargs: {{until: ["\\n"]}}
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
""")
    suite = tmp_path / "own.yaml"
    suite.write_text(
        "{name: own, version: 1, tasks_dir: tasks, sampling: {max_new_tokens: 8}, families: {sums: {own_sums: {}}}}"
    )
    done = spot_eval("run", "--model", tiny, "--suite", suite, "--out", tmp_path / "run", "--json",
                     HF_HOME=str(tmp_path / "hf"))  # fmt: skip
    assert done.returncode == 0, done.stderr
    board = json.loads(done.stdout)
    assert board["tasks"]["own_sums"]["mean"] == 0
    assert board["families"].keys() == {"sums"}
    docs = records(tmp_path / "run", "generations.jsonl")
    assert all("\n" not in record["text"] for record in docs)
    asked = [json.loads(line) for line in (tmp_path / "run" / "docs.jsonl").read_text().splitlines()]
    assert [message["role"] for message in asked[0]["messages"]] == ["system", "user", "assistant", "user"]
    assert asked[0]["messages"][-1]["content"] == "0 + 0 ="


def test_without_a_model_the_embedded_miniature_runs(tmp_path: Path) -> None:
    done = spot_eval("run", "--limit", 20, cwd=tmp_path, SPOT_EVAL_DATA="")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("miniature-base on miniature v1, limit 20 (%)")
    (run,) = (tmp_path / "runs").iterdir()
    board = json.loads((run / "scoreboard.json").read_text())
    assert board["families"].keys() == {"in_domain", "ood", "general"}
    assert board["families"]["general"]["mean"] > 0.5  # a world it knows
    assert board["families"]["in_domain"]["mean"] < 0.9  # with mistakes left to make


@pytest.mark.real
def test_the_whole_suite_on_the_real_benchmarks(tiny: Path, gpqa_file: Path, mirror: Path, tmp_path: Path) -> None:
    done = spot_eval("run", "--model", tiny, "--suite", "spot", "--limit", 3, "--max-new-tokens", 64,
                     "--data", f"gpqa_diamond={gpqa_file}", "--out", tmp_path / "run")  # fmt: skip
    assert done.returncode == 0, done.stderr
    board = json.loads((tmp_path / "run" / "scoreboard.json").read_text())
    assert len(board["tasks"]) == 9
    assert all(task["docs"] == 3 for task in board["tasks"].values())
    assert {name: task["repeats"] for name, task in board["tasks"].items()}["aime24"] == 16
    assert board["overall"]["mean"] is not None
    table = done.stdout.partition("\noverall")[0]
    assert max(map(len, table.splitlines())) <= 80


@pytest.mark.real
def test_without_gpqa_the_rest_runs_and_the_family_is_partial(tiny: Path, mirror: Path, tmp_path: Path) -> None:
    done = spot_eval("run", "--model", tiny, "--suite", "spot-quick", "--limit", 1, "--max-new-tokens", 4,
                     "--out", tmp_path / "run")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "gpqa_diamond is left out" in done.stderr
    board = json.loads((tmp_path / "run" / "scoreboard.json").read_text())
    assert board["families"]["ood"] == {
        "mean": None, "stderr": None, "tasks": 2, "partial": True, "missing": ["gpqa_diamond"],
    }  # fmt: skip
