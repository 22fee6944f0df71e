"""`spot-eval tasks`: what there is to run."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer

from spot_eval.commands.common import DataDir, DataFile, Json, Tasks, data_files, names, print_json, say

app = typer.Typer(help="The tasks and suites there are.", no_args_is_help=True)


@app.command("list")
def tasks_list(
    suite: Annotated[str, typer.Option(metavar="NAME|FILE", help="The suite whose tasks to list.")] = "spot",
    data_dir: DataDir = None,
    data: DataFile = None,
    as_json: Json = False,
) -> None:
    """Task, family, docs, repeats, source, and whether its data is at hand."""
    from spot_eval.tasks.catalogue import catalogue, print_catalogue

    entries = catalogue(suite, data_dir or [], data_files(data))
    if as_json:
        print_json(entries)
    else:
        print_catalogue(suite, entries)


@app.command("check")
def tasks_check(
    what: Annotated[str, typer.Argument(metavar="DIR|SUITE", help="A folder of task files, or a suite.")],
    data_dir: DataDir = None,
    data: DataFile = None,
    as_json: Json = False,
) -> None:
    """Would your own tasks run: settings, imports, ten docs, and each gold against itself."""
    from spot_eval.tasks.check import check_tasks, print_checked

    checked = check_tasks(what, data_dir or [], data_files(data))
    if as_json:
        print_json([one.as_json() for one in checked])
    else:
        print_checked(checked)
    if not all(one.ok for one in checked):
        raise typer.Exit(2)


@app.command("docs")
def tasks_docs(
    suite: Annotated[str, typer.Option(metavar="NAME|FILE", help="The suite whose docs to print.")] = "spot",
    tasks: Tasks = None,
    data_dir: DataDir = None,
    data: DataFile = None,
) -> None:
    """Every doc a suite asks, a JSON object a line, to be answered elsewhere; see `grade FILE`."""
    from spot_eval.core.records import to_line
    from spot_eval.tasks.loader import load_tasks
    from spot_eval.tasks.suite import load_suite

    whole, files = load_suite(suite), data_files(data)
    whole.refuse_strangers(files)
    loaded, left_out = load_tasks(whole.narrowed(tasks=names(tasks)), data_dirs=data_dir or [], data_files=files)
    for task, reason in left_out.items():
        say(f"{task} is left out: {reason}")
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # as for any program in front of `head`
    for doc in (doc for task in loaded for doc in task.docs):
        asked = {"task": doc.task, "doc_id": doc.doc_id, "doc_hash": doc.doc_hash, "messages": doc.messages}
        sys.stdout.buffer.write(to_line(asked))
