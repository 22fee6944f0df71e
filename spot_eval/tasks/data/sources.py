"""The data sets of the tasks: on the hub, as files of a mirror, or drawn from a seed.

    SOURCES["aime24"]      # Source("aime24", "HuggingFaceH4/aime_2024", …, mirror=("aime24/aime24.jsonl", …), docs=30)

No hub revision is written here: it is resolved when the rows are loaded, and recorded with them (`rows`). What a row
must hold is `adapters`' matter; prompts and judging are the task's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from spot_eval.tasks.data import adapters, choice_rows
from spot_eval.tasks.data.adapters import DocFields, RawRow
from spot_eval.tasks.data.connect4_boards import Drawn


@dataclass(frozen=True)
class Source:
    """A task's data set: on the hub, and as files relative to a data directory, the first that exists.

    Where `drawn` is set there is neither hub nor mirror: rows are made when they are asked for.
    """

    task: str
    hub: str | None  # None: drawn, or a file of the user's own
    adapter: Callable[[RawRow], DocFields]
    mirror: tuple[str, ...]
    docs: int | None  # as published; another number is no error (a file may hold a selection)
    name: str | None = None  # the hub data set's configuration
    split: str = "test"  # where the hub has a single split, that one
    gated: bool = False
    drawn: Drawn | None = None


def _maths(task: str, hub: str, adapter: Callable[[RawRow], DocFields], docs: int, split: str = "train") -> Source:
    return Source(task, hub, adapter, (f"{task}/{task}.jsonl", f"{task}.jsonl"), docs, split=split)


def _choice(
    task: str, hub: str, adapter: Callable[[RawRow], DocFields], docs: int, *, name: str | None = None, split: str
) -> Source:
    return Source(task, hub, adapter, (f"{task}/{task}.jsonl", f"{task}.jsonl"), docs, name=name, split=split)


SOURCES: dict[str, Source] = {
    source.task: source
    for source in (
        _maths("aime24", "HuggingFaceH4/aime_2024", adapters.integer_answer, 30),
        _maths("aime25", "yentinglin/aime_2025", adapters.integer_answer, 30),
        _maths("amc23", "knoveleng/AMC-23", adapters.integer_answer, 40),
        _maths("math500", "HuggingFaceH4/MATH-500", adapters.boxed_answer, 500, split="test"),
        _maths("minerva", "knoveleng/Minerva-Math", adapters.boxed_answer, 272),
        _maths("olympiadbench", "knoveleng/OlympiadBench", adapters.olympiad, 675),
        Source(
            "gpqa_diamond",
            "Idavidrein/gpqa",
            adapters.gpqa,
            tuple(
                f"{folder}gpqa_diamond.{kind}" for folder in ("gpqa_diamond/", "gpqa/", "") for kind in ("csv", "jsonl")
            ),
            198,
            name="gpqa_diamond",
            split="train",
            gated=True,
        ),
        Source("connect4", None, adapters.connect4(1), (), 500, drawn=Drawn(level=1)),
        Source("connect4_safe", None, adapters.connect4(2), (), 500, drawn=Drawn(level=2)),
        Source("connect4_best", None, adapters.connect4(3), (), 200, drawn=Drawn(level=3)),
        Source(
            "connect4_published",
            "linius/connect4",
            adapters.connect4(1),
            tuple(
                f"{folder}connect4.jsonl" for folder in ("connect4_published/", "connect4_reference/", "connect4/", "")
            ),
            500,
        ),
        Source("connect4_twins", None, adapters.connect4(1), (), 500, drawn=Drawn(level=1, like="connect4_published")),
        Source(
            "ifeval",
            "google/IFEval",
            adapters.ifeval,
            ("ifeval/ifeval.jsonl", "ifeval.jsonl"),
            541,
            split="train",
        ),
        Source(
            "humaneval",
            "openai/openai_humaneval",
            adapters.program,
            ("humaneval/humaneval.jsonl", "humaneval.jsonl"),
            164,
            name="openai_humaneval",
            split="test",
        ),
    )
}


CHOICES: dict[str, Source] = {
    source.task: source
    for source in (
        _choice("mmlu", "cais/mmlu", choice_rows.mmlu, 14042, name="all", split="test"),
        _choice("mmlu_dev", "cais/mmlu", choice_rows.mmlu, 285, name="all", split="dev"),  # examples, no task
        _choice("hellaswag", "Rowan/hellaswag", choice_rows.hellaswag, 10042, split="validation"),
        _choice(
            "winogrande", "allenai/winogrande", choice_rows.winogrande, 1267, name="winogrande_xl", split="validation"
        ),
        _choice("arc_challenge", "allenai/ai2_arc", choice_rows.arc, 1172, name="ARC-Challenge", split="test"),
        *(
            _choice(task, "truthfulqa/truthful_qa", adapter, 817, name="multiple_choice", split="validation")
            for task, adapter in (
                ("truthfulqa_mc1", choice_rows.truthfulqa_mc1),
                ("truthfulqa_mc2", choice_rows.truthfulqa_mc2),
            )
        ),
    )
}
"""Benchmarks of choices, scored by log-likelihoods."""


TRAINING: dict[str, Source] = {
    "problems": Source("problems", None, adapters.training_problem, ("problems.jsonl",), None, split="train"),
    "programs": Source("programs", None, adapters.program, ("programs.jsonl",), None, split="train"),
    "dapo_math": Source(
        "dapo_math",
        "open-r1/DAPO-Math-17k-Processed",
        adapters.training_problem,
        ("dapo_math/dapo_math.jsonl", "dapo_math.jsonl"),
        None,
        name="en",
        split="train",
    ),
}
"""Problems to train on, no benchmarks."""

ALL_SOURCES = {**SOURCES, **CHOICES, **TRAINING}
