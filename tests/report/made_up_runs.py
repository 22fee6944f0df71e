"""Run directories without a model: docs, generations and verdicts made up, files as `spot-eval run` writes them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from spot_eval.core.files import write_json
from spot_eval.core.keys import digest, doc_hash
from spot_eval.core.record_files import to_line
from spot_eval.core.records import Doc, Generation, Sample
from spot_eval.metrics.scoreboard import scoreboard

SAMPLING = {"temperature": 0.7, "top_p": 0.8, "top_k": 20, "max_new_tokens": 4096}
SMALL = {"in_domain": {"sums": (6, 4)}, "general": {"orders": (5, 1)}}
"""Family to task to (docs, repeats)."""

Answer = Callable[[str, int, int], Mapping[str, Any]]
"""(task, doc_id, repeat) to what differs from a right answer: text, score, truncated, unparsed, …"""


def right(task: str, doc_id: int, repeat: int) -> dict[str, Any]:
    return {}


def write_run(
    path: Path,
    answer: Answer = right,
    *,
    suite: Mapping[str, Mapping[str, tuple[int, int]]] = SMALL,
    model: str = "tiny",
    seed: int = 0,
    question: Callable[[str, int], str] = lambda task, doc_id: f"{task}: what is {doc_id} + 1?",
    config: Mapping[str, Any] | None = None,
) -> Path:
    """A finished run at `path`; returns it."""
    path.mkdir(parents=True)
    tasks = {
        task: {"family": family, "repeats": repeats, "sampling": SAMPLING}
        for family, members in suite.items()
        for task, (_, repeats) in members.items()
    }
    sizes = {task: docs for members in suite.values() for task, (docs, _) in members.items()}
    manifest: dict[str, Any] = {
        "created": "2026-01-02T03:04:05Z",
        "model": {"name": model, "path": f"checkpoints/{model}", "dtype": "bfloat16", "context": 40960},
        "engine_args": {},
        "versions": {"python": "3.11.7", "spot-eval": "0.1.0"},
        "data": {task: {"origin": f"made up {task}", "revision": "1", "content_hash": digest(task)} for task in tasks},
        "left_out": {},
        "config": {
            "schema": 1,
            "context": 40960,
            "model": {"fingerprint": digest(model), "chat_template": "checkpoint"},
            "engine": {"name": "hf"},
            "suite": {
                "name": "made-up",
                "version": 1,
                "thinking": False,
                "families": {family: list(members) for family, members in suite.items()},
                "tasks": tasks,
            },
            "seed": seed,
            "changes": {},
            "skip_too_long": False,
            "data": {
                task: {"docs": sizes[task], "content_hash": digest(task), "grader": "maths", "until": [],
                       "task_version": "1"}
                for task in tasks
            },
            **(config or {}),
        },
    }  # fmt: skip
    write_json(path / "manifest.json", manifest)
    docs, generations, samples = [], [], []
    for task, settings in tasks.items():
        for doc_id in range(sizes[task]):
            messages = [{"role": "user", "content": question(task, doc_id)}]
            gold = str(doc_id + 1)
            asked = doc_hash(messages, gold)
            docs.append(Doc(task, doc_id, asked, messages, gold, {"answer": gold}))
            for repeat in range(settings["repeats"]):
                given = {"text": f"It is \\boxed{{{gold}}}.", "score": 1.0, "extracted": gold, "why": "",
                         "truncated": False, "unparsed": False, **answer(task, doc_id, repeat)}  # fmt: skip
                key, text = digest(model, seed, task, doc_id, repeat), given["text"]
                tokens = given.get("tokens", len(text) // 3 + 1) if text is not None else None
                samples.append(
                    Sample(
                        key=key, task=task, doc_id=doc_id, doc_hash=asked, repeat=repeat, score=given["score"],
                        extracted=given["extracted"], why=given["why"], truncated=given["truncated"],
                        unparsed=given["unparsed"], not_judged=given["score"] is None, prompt_tokens=20,
                        output_tokens=tokens, text_hash=digest(text), grader="maths/1",
                    )
                )  # fmt: skip
                if text is not None:
                    generations.append(
                        Generation(
                            key=key, task=task, doc_id=doc_id, doc_hash=asked, repeat=repeat, seed=repeat, text=text,
                            finish_reason="length" if given["truncated"] else "stop", prompt_tokens=20,
                            output_tokens=int(tokens or 0), max_new_tokens=4096,
                        )
                    )  # fmt: skip
    for name, records in (("docs", docs), ("generations", generations), ("samples", samples)):
        with (path / f"{name}.jsonl").open("wb") as file:
            file.writelines(map(to_line, records))
    (path / "sessions").mkdir()
    write_json(
        path / "sessions" / "1.json",
        {"seconds": 12.5, "output_tokens": sum(one.output_tokens for one in generations),
         "generations": len(generations), "hardware": {"gpu": "none"}, "versions": {}},
    )  # fmt: skip
    board = {"model": model, "changes": {}, **scoreboard(samples, suite=manifest["config"]["suite"])}
    write_json(path / "scoreboard.json", board)
    return path


PROTOCOL: dict[str, dict[str, tuple[int, int]]] = {
    "in_domain": {"aime24": (30, 16), "aime25": (30, 16), "amc23": (40, 5), "math500": (500, 5), "minerva": (272, 5),
                  "olympiadbench": (674, 5)},
    "ood": {"gpqa_diamond": (198, 5), "connect4": (600, 5)},
    "general": {"ifeval": (541, 5)},
}  # fmt: skip
"""The protocol's nine benchmarks: 15,085 samples."""


def write_protocol_run(path: Path, model: str, seed: int, lift: Mapping[str, float]) -> Path:
    """A run of the protocol's size: texts of a few hundred words, difficulties shared by all such runs.

    `lift` adds to the chance of a right answer, by task.
    """
    hard = random.Random(1)
    sizes = {task: docs for members in PROTOCOL.values() for task, (docs, _) in members.items()}
    difficulty = {(task, doc): hard.betavariate(0.5, 0.5) for task, docs in sizes.items() for doc in range(docs)}
    dice = random.Random(seed)

    def answer(task: str, doc_id: int, repeat: int) -> dict[str, Any]:
        luck = dice.random() < min(1, max(0, difficulty[task, doc_id] + lift.get(task, 0.0)))
        truncated = not luck and dice.random() < 0.03
        found = doc_id + 1 if luck else dice.randrange(1000)
        unparsed = not luck and not truncated and dice.random() < 0.02
        words = prose(dice, int(60 * 2 ** dice.gauss(0, 0.9)) + 20)
        text = words if truncated or unparsed else f"{words}\n\nSo the answer is \\boxed{{{found}}}."
        return {
            "text": text,
            "score": float(luck),
            "extracted": None if truncated or unparsed else str(found),
            "why": "no boxed answer" if truncated or unparsed else "",
            "truncated": truncated,
            "unparsed": truncated or unparsed,
            "tokens": len(text) // 4,
        }

    return write_run(
        path, answer, suite=PROTOCOL, model=model, seed=seed,
        question=lambda task, doc_id: f"{prose(random.Random(doc_id), 40)} What is the value of $x_{{{doc_id}}}$?",
    )  # fmt: skip


_WORDS = (  # noqa: SIM905 - words read better as a sentence
    "first we note that the sum of these terms is even so let us write n as twice some number then by symmetry each "
    "side has the same area hence both roots are real and their product equals minus one which gives us therefore "
    "wait that cannot be right check again if x were negative the left side would be positive consider the triangle"
).split()


def prose(dice: random.Random, length: int) -> str:
    """`length` words in sentences and paragraphs, with a formula here and there."""
    parts: list[str] = []
    for number in range(length):
        word = dice.choice(_WORDS)
        if number % 17 == 0:
            word = word.capitalize()
        if dice.random() < 0.06:
            word = f"$x^{{{dice.randrange(2, 9)}}} = {dice.randrange(100)}$"
        parts.append(word + (".\n\n" if number % 68 == 67 else "." if number % 17 == 16 else ""))
    return " ".join(parts)


def lines(path: Path) -> Sequence[dict[str, Any]]:
    """The objects of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
