"""`spot-eval tasks`: list, check and print tasks."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer

from spot_eval.commands.common import (
    DataDir,
    DataFile,
    Json,
    Tasks,
    data_files,
    group,
    names,
    print_json,
    say,
    suite_completions,
    verb,
)

app = group("List, check and print tasks.", "spot-eval tasks list --suite spot")


@verb(app, "list", "spot-eval tasks list --suite spot")
def tasks_list(
    suite: Annotated[
        str,
        typer.Option(metavar="NAME|FILE", help="The suite whose tasks to list.", autocompletion=suite_completions),
    ] = "spot",
    data_dir: DataDir = None,
    data: DataFile = None,
    as_json: Json = False,
) -> None:
    """List a suite's tasks and where their data is."""
    from spot_eval.tasks.catalogue import catalogue, print_catalogue

    entries = catalogue(suite, data_dir or [], data_files(data))
    if as_json:
        print_json(entries)
    else:
        print_catalogue(suite, entries)


@verb(app, "check", "spot-eval tasks check my_tasks/")
def tasks_check(
    what: Annotated[str, typer.Argument(metavar="DIR|SUITE", help="A folder of task files, or a suite.")],
    data_dir: DataDir = None,
    data: DataFile = None,
    as_json: Json = False,
) -> None:
    """Check task files of your own.

    Checks settings and imports, renders ten docs per task, and grades each gold answer against itself."""
    from spot_eval.tasks.check import check_tasks, print_checked

    checked = check_tasks(what, data_dir or [], data_files(data))
    if as_json:
        print_json([one.as_json() for one in checked])
    else:
        print_checked(checked)
    if not all(one.ok for one in checked):
        raise typer.Exit(2)


@verb(
    app,
    "docs",
    "spot-eval tasks docs --suite spot-quick --tasks aime24,ifeval > docs.jsonl",
    "spot-eval tasks docs --suite spot-quick --batch org/name > requests.jsonl",
)
def tasks_docs(
    suite: Annotated[
        str,
        typer.Option(metavar="NAME|FILE", help="The suite whose docs to print.", autocompletion=suite_completions),
    ] = "spot",
    tasks: Tasks = None,
    batch: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Print a batch's requests to MODEL instead, one per repeat, for `vllm run-batch`; `import` reads the "
            "answers.",
        ),
    ] = None,
    data_dir: DataDir = None,
    data: DataFile = None,
) -> None:
    """Print the docs of a suite, to answer them elsewhere.

    One JSON object per line. Judge the answers with `spot-eval grade FILE`."""
    from spot_eval.core.record_files import to_line
    from spot_eval.interchange.to_batch import batch_requests
    from spot_eval.tasks.loader import load_tasks
    from spot_eval.tasks.suite import load_suite

    whole, files = load_suite(suite), data_files(data)
    whole.refuse_strangers(files)
    loaded, left_out = load_tasks(whole.narrowed(tasks=names(tasks)), data_dirs=data_dir or [], data_files=files)
    for task, reason in left_out.items():
        say(f"{task} is left out: {reason}")
    for name in (task.name for task in loaded if batch and task.scored):
        say(f"{name} is left out: it asks for log-likelihoods, and a batch only for texts")
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # so that `| head` ends it quietly
    if batch:
        sys.stdout.buffer.writelines(map(to_line, batch_requests(whole, loaded, batch)))
        return
    for doc in (doc for task in loaded for doc in task.docs):
        asked = {"task": doc.task, "doc_id": doc.doc_id, "doc_hash": doc.doc_hash, "messages": doc.messages}
        sys.stdout.buffer.write(to_line(asked))
