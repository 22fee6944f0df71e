"""Small tasks of log-likelihoods for tests, one of each kind that lm-eval has, as its YAML files with rows beside."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any

WORDS = (
    "red", "green", "blue", "tree", "house", "river", "stone", "cloud", "seven", "eleven", "north", "south", "quick",
    "slow", "bright",
)  # fmt: skip


def _text(draw: random.Random, least: int, most: int) -> str:
    return " ".join(draw.choice(WORDS) for _ in range(draw.randint(least, most)))


def _letters(draw: random.Random, count: int) -> list[dict[str, Any]]:
    return [
        {
            "subject": "stones",
            "question": _text(draw, 4, 12) + "?",
            "choices": [_text(draw, 1, 3) for _ in "ABC"],
            "answer": draw.randrange(3),
        }
        for _ in range(count)
    ]


def _endings(draw: random.Random, count: int) -> list[dict[str, Any]]:
    return [
        {"query": _text(draw, 3, 9), "choices": [_text(draw, 1, 8) for _ in range(4)], "gold": draw.randrange(4)}
        for _ in range(count)
    ]


def _blanks(draw: random.Random, count: int) -> list[dict[str, Any]]:
    return [
        {
            "sentence": f"{_text(draw, 2, 6)} _ {_text(draw, 2, 6)}",
            "option1": draw.choice(WORDS),
            "option2": _text(draw, 2, 3),
            "answer": str(draw.randint(1, 2)),
        }
        for _ in range(count)
    ]


def _truths(draw: random.Random, count: int) -> list[dict[str, Any]]:
    rows = []
    for _ in range(count):
        labels = [1, *(draw.randrange(2) for _ in range(3)), 0]
        rows.append({"question": _text(draw, 3, 8), "targets": {"choices": [_text(draw, 2, 6) for _ in labels],
                                                                 "labels": labels}})  # fmt: skip
    return rows


def _texts(draw: random.Random, count: int) -> list[dict[str, Any]]:
    return [{"text": _text(draw, 30, 400)} for _ in range(count)]


SHIM = """
import numpy


def blank_text(doc):
    return int(doc["answer"]) - 1


def blank_target(doc):
    return doc["sentence"].partition("_")[2].strip()


def blank_choice(doc):
    before = doc["sentence"].partition("_")[0]
    return [before + doc["option1"], before + doc["option2"]]


def probability_of_the_true(doc, results):
    share = numpy.exp([one for one, _ in results])
    true = numpy.array(doc["targets"]["labels"]) == 1
    return {"acc": float(share[true].sum() / share.sum())}
"""

TASKS = {
    "made_letters": (
        _letters,
        """
        output_type: multiple_choice
        fewshot_split: dev
        fewshot_config: {sampler: first_n}
        num_fewshot: 3
        description: "Questions (with answers) about {{subject}}.\\n\\n"
        doc_to_text: "{{question}}\\nA. {{choices[0]}}\\nB. {{choices[1]}}\\nC. {{choices[2]}}\\nAnswer:"
        doc_to_choice: ["A", "B", "C"]
        doc_to_target: answer
        metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
        """,
    ),
    "made_endings": (
        _endings,
        """
        output_type: multiple_choice
        fewshot_split: dev
        num_fewshot: 2
        doc_to_text: "{{query}}"
        doc_to_choice: choices
        doc_to_target: gold
        metric_list:
          - {metric: acc_norm, aggregation: mean, higher_is_better: true}
          - {metric: acc, aggregation: mean, higher_is_better: true}
        """,
    ),
    "made_blanks": (
        _blanks,
        """
        output_type: multiple_choice
        doc_to_text: !function shim.blank_text
        doc_to_choice: !function shim.blank_choice
        doc_to_target: !function shim.blank_target
        metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
        """,
    ),
    "made_truths": (
        _truths,
        """
        output_type: multiple_choice
        doc_to_text: "Q: {{question}}\\nA:"
        doc_to_choice: "{{targets.choices}}"
        doc_to_target: 0
        process_results: !function shim.probability_of_the_true
        metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
        """,
    ),
    "made_last_word": (
        _texts,
        """
        output_type: loglikelihood
        doc_to_text: "{{text.split(' ')[:-1]|join(' ')}}"
        doc_to_target: "{{' '+text.split(' ')[-1]}}"
        metric_list:
          - {metric: perplexity, aggregation: perplexity, higher_is_better: false}
          - {metric: acc, aggregation: mean, higher_is_better: true}
        """,
    ),
    "made_rolling": (
        _texts,
        """
        output_type: loglikelihood_rolling
        doc_to_text: ""
        doc_to_target: "{{text}}"
        metric_list:
          - {metric: word_perplexity, aggregation: weighted_perplexity, higher_is_better: false}
          - {metric: byte_perplexity, aggregation: weighted_perplexity, higher_is_better: false}
          - {metric: bits_per_byte, aggregation: bits_per_byte, higher_is_better: false}
        """,
    ),
}


def write_tasks(folder: Path, docs: int = 6) -> Path:
    """Write all tasks with their rows to `folder`; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shim.py").write_text(SHIM)
    for number, (name, (rows, yaml)) in enumerate(TASKS.items()):
        draw = random.Random(number)
        for split, count in {"test": docs, "dev": 5}.items():
            lines = "".join(json.dumps(row) + "\n" for row in rows(draw, count))
            (folder / f"{name}_{split}.jsonl").write_text(lines)
        files = ", ".join(f"{split}: {folder}/{name}_{split}.jsonl" for split in ("test", "dev"))
        head = f"task: {name}\ndataset_path: json\ndataset_kwargs: {{data_files: {{{files}}}}}\ntest_split: test\n"
        (folder / f"{name}.yaml").write_text(head + dedent(yaml).lstrip())
    return folder


def write_suite(folder: Path, path: Path, names: Sequence[str] = tuple(TASKS), **settings: Any) -> Path:
    """Write a suite of tasks in `folder` to `path`, all with the same `settings`."""
    families = {"general": dict.fromkeys(names, settings)}
    path.write_text(json.dumps({"name": "made", "version": 1, "tasks_dir": str(folder), "families": families}))
    return path
