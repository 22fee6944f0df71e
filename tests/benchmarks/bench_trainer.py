"""The trainer against TRL 1.16 and against itself without sharing: pairs a CPU second, peak memory, the head's memory.

    python -m tests.benchmarks.bench_trainer [--rounds 5] [--steps 3]

SPoT-BCE on a 4-layer Qwen3 (hidden 256, vocabulary 2,048, random weights) in fp32, one thread, 4 pairs a step, prompts
of 30-50 and answers of 120-280 tokens, y+ and y- drawn apart, which begin with a given share of the shorter one in
common; no gradient checkpointing anywhere, and TRL has its reference log-probs computed beforehand. Memory is what the
process takes beyond what it held before the first step, plus the weights. Each trainer lives in a process of its
own, and they take turns, a few steps each, so that a busy machine slows them all alike; medians over the rounds. SFT
trains on the y+ of the same pairs. The results are kept in bench_trainer.json. Exits with 1 where a wanted ratio does
not come out.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from spot_eval.core.files import write_json
from tests.benchmarks.figures import Figure

KEPT = Path(__file__).with_suffix(".json")
ROOT = Path(__file__).parent.parent.parent
SHARES = {"0.1": (0.1, 0.1), "0.5": (0.5, 0.5), "0.9": (0.9, 0.9), "0.1-0.9": (0.1, 0.9)}
TRAINERS = ("shared", "packed", "trl")
SFT = ("sft", "trl-sft")
OBJECTIVES = {"shared": "spot-bce", "packed": "spot-bce", "sft": "sft"}
BATCH, VOCABULARY = 4, 2_048
WANTED = {"speed": 2.0, "sharing": 1.3, "memory": 0.6, "head": 0.12, "sft": 1.6}
HEAD_TOKENS, HEAD_VOCABULARY, HEAD_HIDDEN = 1_600, 151_936, 256


def examples(low: float, high: float, count: int) -> list[Any]:
    from trainer.batches.tokenize import Example

    chance = random.Random(f"{low}/{high}")

    def some(length: int) -> tuple[int, ...]:
        return tuple(chance.randrange(3, VOCABULARY) for _ in range(length))

    found = []
    for number in range(count):
        lengths = [chance.randrange(120, 281) for _ in range(2)]
        common = some(round(min(lengths) * chance.uniform(low, high)))
        sides = (common + some(length - len(common)) for length in lengths)
        found.append(Example(str(number), some(chance.randrange(30, 51)), *sides))
    return found


def build_model(path: Path) -> None:
    import torch
    from transformers import AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

    sys.path.insert(0, str(ROOT / "examples"))
    from tiny_model import build

    build(path)
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=VOCABULARY, hidden_size=256, intermediate_size=768, num_hidden_layers=4, num_attention_heads=8,
        num_key_value_heads=4, head_dim=32, max_position_embeddings=2048, bos_token_id=None, eos_token_id=2,
        pad_token_id=0,
    )  # fmt: skip
    Qwen3ForCausalLM(config).save_pretrained(path)
    AutoTokenizer.from_pretrained(path).save_pretrained(path)


# --- what runs in the processes: `--serve TRAINER SHARE MODEL STEPS`, a line in starts a step, a line out ends it


class Turns:
    """Waits for the bench before a step and tells it the step's CPU seconds after."""

    def __init__(self, wire: Any) -> None:
        self.wire = wire

    def ready(self, weights: int = 0) -> None:
        """All that comes before the first step has happened; the weights are `weights` bytes."""
        reset_peak()
        self.idle = resident() - weights

    def begin(self) -> None:
        sys.stdin.readline()
        self.started = time.process_time()

    def end(self) -> None:
        print(f"{time.process_time() - self.started} {peak() - self.idle}", file=self.wire, flush=True)


def resident() -> int:
    """Bytes in memory now."""
    return _status("VmRSS")


def peak() -> int:
    """The most bytes that were in memory since `reset_peak`."""
    return _status("VmHWM")


def reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


def bytes_of(model: Any) -> int:
    return sum(each.numel() * each.element_size() for each in model.parameters())


def serve(trainer: str, share: str, model: Path, steps: int) -> None:
    import torch

    wire, sys.stdout = sys.stdout, sys.stderr
    torch.set_num_threads(1)
    found = examples(*SHARES[share], count=BATCH * steps)
    if trainer in ("trl", "trl-sft"):
        serve_trl(found, model, steps, wire, sft=trainer == "trl-sft")
    elif trainer in ("shared", "packed", "sft"):
        serve_ours(found, model, "packed" if trainer == "sft" else trainer, wire, OBJECTIVES[trainer])
    else:
        head_memory(trainer, wire)


def serve_ours(found: list[Any], model: Path, layout: str, wire: Any, name: str) -> None:
    from trainer.batches.packing import Kind
    from trainer.batches.plan import make_plan
    from trainer.model.load import load_model
    from trainer.objectives import Objective, Shift
    from trainer.settings import Settings
    from trainer.training.engine import Engine
    from trainer.training.processes import joined
    from trainer.training.reference import reference_sums
    from trainer.training.step import take_step

    with joined("cpu") as processes, tempfile.TemporaryDirectory() as cache:
        turns = Turns(wire)
        settings = Settings(objective=name, dtype="float32", gradient_checkpointing=False, layout=layout)
        engine = Engine(load_model(model), settings, processes)
        assert engine.kind == layout, engine.why
        if not Objective.parse(name).needs_rejected:
            found = [example._replace(rejected=()) for example in found]
        plan = make_plan(found, kind=Kind(layout), batch_size=BATCH, token_budget=1 << 20, shuffle=False)
        objective = Objective.parse(name)
        reference = reference_sums(engine, plan, "none", Path(cache)) if objective.needs_reference else None
        turns.ready(bytes_of(engine.policy))
        for step in range(len(plan.steps)):
            turns.begin()
            take_step(engine, plan, step, objective=objective, shift=Shift(), reference=reference, learning_rate=1e-6)
            turns.end()


def serve_trl(found: list[Any], model: Path, steps: int, wire: Any, *, sft: bool) -> None:
    from transformers import TrainerCallback

    sys.path.insert(0, str(ROOT))
    from tests.trainer.trl_peer import dpo_trainer, sft_trainer

    turns = Turns(wire)

    class Gate(TrainerCallback):
        def on_train_begin(self, *_: Any, **named: Any) -> None:
            turns.ready(bytes_of(named["model"]))

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            turns.begin()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            turns.end()

    with tempfile.TemporaryDirectory() as out:
        make, loss = (sft_trainer, "nll") if sft else (dpo_trainer, "bco_pair")
        peer = make(
            model, found, Path(out), loss_type=loss, max_steps=steps, per_device_train_batch_size=BATCH,
            learning_rate=1e-6, lr_scheduler_type="constant",
        )  # fmt: skip
        peer.add_callback(Gate())
        peer.train()


def head_memory(kind: str, wire: Any) -> None:
    """Peak bytes of log-probs and their gradients over a large vocabulary, beyond what goes in."""
    import torch

    from trainer.model.logprobs import Head, token_logprobs

    hidden = torch.randn(HEAD_TOKENS, HEAD_HIDDEN).requires_grad_()
    weight = torch.randn(HEAD_VOCABULARY, HEAD_HIDDEN).mul_(0.02).requires_grad_()
    targets = torch.randint(HEAD_VOCABULARY, (HEAD_TOKENS,))
    turns = Turns(wire)
    turns.ready()
    turns.begin()
    if kind == "head-chunked":
        found = token_logprobs(hidden, targets, Head(weight))
    else:
        found = (hidden @ weight.T).log_softmax(-1).gather(1, targets[:, None])[:, 0]
    found.sum().backward()
    turns.end()


# --- the bench


class Server:
    """One trainer in a process of its own."""

    def __init__(self, trainer: str, share: str, model: Path, steps: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.bench_trainer", "--serve", trainer, share, str(model), str(steps)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
        )  # fmt: skip

    def step(self) -> tuple[float, float]:
        """CPU seconds of one step, peak bytes so far."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if not answer:
            raise SystemExit(f"a trainer stopped: {self.process.args}")
        return float(answer[0]), float(answer[1])

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()


def compare(
    share: str, model: Path, rounds: int, steps: int, trainers: Sequence[str] = TRAINERS
) -> dict[str, tuple[float, float]]:
    """Pairs (answers, for SFT) per CPU second (median over rounds) and peak bytes of each trainer."""
    servers = {name: Server(name, share, model, 2 + rounds * steps) for name in trainers}
    speeds: dict[str, list[float]] = {name: [] for name in trainers}
    peaks = dict.fromkeys(trainers, 0.0)
    for server in servers.values():  # the first steps load what the later ones have
        server.step()
        server.step()
    for _ in range(rounds):
        for name, server in servers.items():
            taken = [server.step() for _ in range(steps)]
            speeds[name].append(BATCH * steps / sum(seconds for seconds, _ in taken))
            peaks[name] = taken[-1][1]
    for server in servers.values():
        server.close()
    return {name: (statistics.median(speeds[name]), peaks[name]) for name in trainers}


def figures(kept: Mapping[str, Any]) -> list[Figure]:
    """The trainer beside TRL, and beside itself without sharing."""
    speed = {share: one["ours"] / one["trl"] for share, one in kept["shares"].items()}
    mixed = kept["shares"]["0.1-0.9"]
    memory = mixed["peak_mb"] / mixed["trl_peak_mb"]
    over_packed = mixed["ours"] / mixed["packed"]
    quote = (
        f"{speed['0.1']:.2f}x, {speed['0.5']:.2f}x and {speed['0.9']:.2f}x the pairs of TRL 1.16 at shared fractions "
        f"0.1, 0.5 and 0.9, {speed['0.1-0.9']:.2f}x on 0.1-0.9 ({over_packed:.2f}x our own packing without sharing), "
        f"peak memory {memory:.2f}x"
    )
    work = "pairs that share {} of an answer, CPU time"
    found = [Figure(work.format(share), "TRL 1.16", 1 / each) for share, each in speed.items()]
    sft = kept["sft"]
    said = f"On SFT alone it is {sft['ours'] / sft['trl']:.2f}x the answers of TRL's SFTTrainer"
    return [
        replace(found[0], page="docs/training.md", quote=quote),
        *found[1:],
        Figure("pairs that share 0.1-0.9, CPU time", "our packing", 1 / over_packed, 1 / WANTED["sharing"]),
        Figure("peak memory of a step", "TRL 1.16", memory, WANTED["memory"]),
        Figure("SFT, CPU time", "TRL 1.16", sft["trl"] / sft["ours"], 1 / WANTED["sft"], "docs/training.md", said),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--serve", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        trainer, share, model, steps = given.serve
        serve(trainer, share, Path(model), int(steps))
        return 0
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        build_model(model)
        print("shared   pairs/CPU-s: shared packed   TRL   over TRL  over packed   peak MB: shared   TRL  ratio")
        kept: dict[str, Any] = {"rounds": given.rounds, "steps": given.steps, "shares": {}}
        for share in SHARES:
            found = compare(share, model, given.rounds, given.steps)
            (ours, memory), (packed, _), (trl, trl_memory) = (found[name] for name in TRAINERS)
            print(
                f"{share:8s} {ours:18.2f} {packed:6.2f} {trl:6.2f} {ours / trl:9.2f}x {ours / packed:10.2f}x"
                f" {memory / 1e6:15.0f} {trl_memory / 1e6:6.0f} {memory / trl_memory:6.2f}",
                flush=True,
            )
            kept["shares"][share] = {
                "ours": round(ours, 3), "packed": round(packed, 3), "trl": round(trl, 3),
                "peak_mb": round(memory / 1e6), "trl_peak_mb": round(trl_memory / 1e6),
            }  # fmt: skip
            if share == "0.1-0.9":
                missed += [
                    f"{name}: {value:.2f}, wanted {WANTED[name]}"
                    for name, value, fine in (
                        ("speed", ours / trl, ours / trl >= WANTED["speed"]),
                        ("sharing", ours / packed, ours / packed >= WANTED["sharing"]),
                        ("memory", memory / trl_memory, memory / trl_memory <= WANTED["memory"]),
                    )
                    if not fine
                ]
        found = compare("0.5", model, given.rounds, given.steps, SFT)
        (ours, _), (trl, _) = (found[name] for name in SFT)
        print(f"SFT: {ours:.2f} answers a CPU second, TRL {trl:.2f}: {ours / trl:.2f}x", flush=True)
        kept["sft"] = {"ours": round(ours, 3), "trl": round(trl, 3)}
        if ours / trl < WANTED["sft"]:
            missed.append(f"sft: {ours / trl:.2f}, wanted {WANTED['sft']}")
        heads = {}
        for kind in ("head-chunked", "head-naive"):
            server = Server(kind, "0.5", model, 1)
            heads[kind] = server.step()[1]
            server.close()
    ratio = heads["head-chunked"] / heads["head-naive"]
    print(
        f"head, {HEAD_TOKENS} tokens, vocabulary {HEAD_VOCABULARY}: {heads['head-chunked'] / 1e6:.0f} MB, "
        f"naive {heads['head-naive'] / 1e6:.0f} MB, ratio {ratio:.2f}"
    )
    kept["head"] = {name: round(size / 1e6) for name, size in heads.items()}
    write_json(KEPT, kept)
    if ratio > WANTED["head"]:
        missed.append(f"head: {ratio:.2f}, wanted {WANTED['head']}")
    print("\n".join(missed) or "all wanted ratios came out")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
