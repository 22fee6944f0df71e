"""`pairs check`: find training pairs that overlap with a benchmark."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spot_eval.core.progress import progress
from spot_eval.posttrain.pair_files import read_pairs, write_pairs
from spot_eval.tasks.loader import load_tasks
from spot_eval.tasks.suite import load_suite
from trainer.pairs.overlap import NGramIndex
from trainer.pairs.rectify import question_of


def check_pairs(
    file: Path,
    suite_name: str,
    *,
    n: int,
    share: float,
    out: Path | None,
    data_dirs: Sequence[Path],
    data_files: Mapping[str, Path],
) -> dict[str, Any]:
    """Look for the n-grams of every benchmark doc in the pairs' prompts; return what was found.

    Args:
        file: the pairs.
        suite_name: suite whose docs are looked for.
        n: words per n-gram.
        share: a pair overlaps if it holds at least this share of a doc's n-grams.
        out: file for the pairs that do not overlap.
        data_dirs: local copies of the benchmark data.
        data_files: task to the file its rows are read from.
    """
    suite = load_suite(suite_name)
    suite.refuse_strangers(data_files)
    tasks, left_out = load_tasks(suite, data_dirs=data_dirs, data_files=data_files)
    index = NGramIndex(n)
    for task in tasks:
        for doc in task.docs:
            index.add(task.name, str(doc.doc_id), question_of(doc.messages))
    rows = list(read_pairs(file))
    overlapping: list[dict[str, Any]] = []
    touched = Counter[str]()
    clean = []
    with progress("looking for overlap", len(rows)) as advance:
        for row in rows:
            hits = index.hits(question_of(row["prompt"]))
            touched.update({benchmark for benchmark, _ in hits})
            worst = max(hits, key=lambda place: hits[place], default=None)
            if worst is None or hits[worst] < share:
                clean.append(row)
            else:
                overlapping.append({"id": row["id"], "task": worst[0], "doc_id": int(worst[1]), "share": hits[worst]})
            advance()
    if out is not None:
        write_pairs(out, clean)
    return {
        "file": str(file),
        "suite": suite.name,
        "n": n,
        "share": share,
        "pairs": len(rows),
        "overlapping": sorted(overlapping, key=lambda one: -one["share"]),
        "tasks": {
            task.name: {
                "docs": len(task.docs),
                "docs_too_short": index.too_short[task.name],
                "pairs_sharing_any": touched[task.name],
            }
            for task in tasks
        },
        "not_looked_at": dict(left_out),
        "out": None if out is None else str(out),
    }


def print_overlap(found: Mapping[str, Any]) -> None:
    """Print what was searched, and the pairs that overlap most."""
    from rich import box
    from rich.table import Table

    from spot_eval.display.terminal import Terminal

    console = Terminal()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("benchmark", "docs", "too short", "pairs that share any", "pairs that overlap"):
        table.add_column(title, justify="left" if title == "benchmark" else "right")
    for name, task in found["tasks"].items():
        count = sum(one["task"] == name for one in found["overlapping"])
        cells = (task["docs"], task["docs_too_short"], task["pairs_sharing_any"], count)
        table.add_row(name, *map(str, cells))
    console.print(table)
    for one in found["overlapping"][:10]:
        console.print(f"{one['id']}: {one['share']:.0%} of {one['task']}/{one['doc_id']}", markup=False)
    if len(found["overlapping"]) > 10:
        console.print(f"… and {len(found['overlapping']) - 10} more (--json lists all)")
    for task, reason in found["not_looked_at"].items():
        console.print(f"{task} was not searched: {reason}", markup=False, soft_wrap=True)
    where = f"; the others are in {found['out']}" if found["out"] else ""
    console.print(
        f"{len(found['overlapping'])} of {found['pairs']} pairs hold at least {found['share']:.0%} of a benchmark "
        f"doc's {found['n']}-grams{where}",
        markup=False,
        soft_wrap=True,
    )
