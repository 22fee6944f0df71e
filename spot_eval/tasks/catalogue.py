"""`spot-eval tasks list`: what a suite asks, and whether its data is at hand. Loads no data and no lm-eval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from spot_eval.core.paths import folder
from spot_eval.tasks.data.rows import at_hand
from spot_eval.tasks.data.sources import ALL_SOURCES, Source
from spot_eval.tasks.suite import Fresh, Suite, load_suite, suite_names


def catalogue(suite_name: str, data_dirs: Sequence[Path], data_files: Mapping[str, Path]) -> list[dict[str, Any]]:
    """Return one entry a task: task, family, docs, repeats, source, gated, at_hand (where, or None).

    `docs` is the published number; tasks of the user's own have None until they are loaded.
    """
    suite = load_suite(suite_name)
    suite.refuse_strangers(data_files)
    entries = []
    embedded = _embedded()
    for task, family in suite.tasks.items():
        source = ALL_SOURCES.get(task)
        if fresh := suite.settings(task).fresh:
            entries.append(_generated(task, family, suite.repeats(task), fresh))
            continue
        entries.append(
            {
                "task": task,
                "family": family,
                "docs": source.docs if source else embedded.get(task),
                "repeats": suite.repeats(task),
                "source": _source(source) if source else ("embedded" if task in embedded else str(suite.tasks_dir)),
                "gated": source.gated if source else False,
                "at_hand": at_hand(source, data_dirs, data_files.get(task)) if source else _own(task, embedded, suite),
            }
        )
    return entries


def _generated(task: str, family: str, repeats: int, fresh: Fresh) -> dict[str, Any]:
    """The entry of a task that a generator draws: at hand if the generator is."""
    return {
        "task": task,
        "family": family,
        "docs": fresh.n,
        "repeats": repeats,
        "source": f"reasoning-gym:{fresh.generator}",
        "gated": False,
        "at_hand": "drawn from a seed" if find_spec("reasoning_gym") else None,
    }


def _source(source: Source) -> str:
    return "drawn" if source.drawn else source.hub or "a file of yours"


def _embedded() -> dict[str, int]:
    """The tasks of the miniature with their number of docs, as their files say."""
    files = (folder("tasks") / "miniature").glob("*.yaml")
    said = (yaml.load(file.read_text(encoding="utf-8"), Loader=_Unresolved) for file in files)  # noqa: S506 - a safe loader
    return {task["task"]: task["metadata"]["docs"] for task in said}


class _Unresolved(yaml.SafeLoader):
    """YAML's safe loader, to which lm-eval's `!function` is a string: nothing is imported."""


_Unresolved.add_constructor("!function", lambda loader, node: str(node.value))


def _own(task: str, embedded: Mapping[str, int], suite: Suite) -> str | None:
    return "in the package" if task in embedded else suite.tasks_dir


def print_catalogue(suite_name: str, entries: Sequence[Mapping[str, Any]]) -> None:
    """The catalogue as a table on stdout, with the other suites' names under it."""
    from rich import box
    from rich.table import Table

    from spot_eval.display.terminal import Terminal

    table = Table(title=f"suite {suite_name}", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("task", "family", "docs", "repeats", "source", "data at hand"):
        table.add_column(title, justify="right" if title in {"docs", "repeats"} else "left", no_wrap=title != "source")
    for entry in entries:
        docs = "" if entry["docs"] is None else str(entry["docs"])
        table.add_row(entry["task"], entry["family"], docs, str(entry["repeats"]), entry["source"], _place(entry))
    console = Terminal()
    console.print(table)
    if any(entry["at_hand"] is None for entry in entries):
        console.print(
            "no: fetched from the hub when run; or --data-dir DIR, --data TASK=FILE",
            markup=False,
            highlight=False,
        )
    console.print(f"suites: {', '.join(suite_names())}, or a YAML file of your own", markup=False, highlight=False)


def _place(entry: Mapping[str, Any]) -> str:
    """Short words for where the rows would come from; `--json` has the whole path."""
    if entry["at_hand"] is None:
        return "no, gated" if entry["gated"] else "no"
    return "hub cache" if " cache " in entry["at_hand"] else "yes"
