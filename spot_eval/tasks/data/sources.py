"""The sources of a task's rows: a file, a local mirror, the hub, or a seed; whichever it was, the same docs.

    load_rows(SOURCES["aime24"], ["/data"])  # /data/aime24/aime24.jsonl, else the hub
    Rows(rows=[{"id": ..., "problem": ..., "answer": "204"}, ...], origin="/data/aime24/aime24.jsonl", ...)

Order: the file named for the task (`--data TASK=FILE`), each data directory (`--data-dir`, else
SPOT_EVAL_DATA), the hub (`hub`). No hub revision is written here: it is resolved when the rows are loaded and
recorded with them. Connect4's boards are drawn from a seed unless a file is named (`drawn`). What a row must
hold is `adapters`' matter; prompts and judging are the task's.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spot_eval.core.errors import UserError
from spot_eval.tasks.data import adapters, choice_rows
from spot_eval.tasks.data.adapters import DocFields, RawRow
from spot_eval.tasks.data.connect4_boards import Drawn
from spot_eval.tasks.data.hub import NoRowsError, in_cache, rows_of

DATA_DIRS = "SPOT_EVAL_DATA"


class MissingData(UserError):  # noqa: N818 - says what is the matter; a gated task may be left out for it
    """No rows at hand: no file, no mirror, and no hub."""


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


@dataclass(frozen=True)
class Rows:
    """Docs, where they were found, the hub revision (None for a file), and the hash of their content.

    `sha256` is over the docs, not the file: a mirror and the hub with the same rows have the same hash. `drawn` says
    from which seed, by which version of the generator, where they were.
    """

    rows: list[DocFields]
    origin: str
    revision: str | None
    sha256: str
    drawn: Mapping[str, int] | None = None


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


def load_rows(
    source: Source,
    data_dirs: Sequence[str | Path] = (),
    file: str | Path | None = None,
    *,
    seed: int | None = None,
    files: Mapping[str, str] | None = None,
) -> Rows:
    """The docs of `source`; `seed` is for sets that are drawn, `files` those named for other tasks.

    Args:
        source: the data set.
        data_dirs: folders of local data sets, in order of preference.
        file: a file of rows, which goes before them.
        seed: seed of a set that is drawn.
        files: the files named for other tasks.

    Raises UserError for a bad file or row, MissingData where nothing is at hand.
    """
    path = _file(source, data_dirs, file)
    facts = None
    if path:
        raw, origin, revision = list(_read(path)), str(path), None
    elif source.drawn:
        like: list[DocFields] = []
        if model := source.drawn.like:
            like = load_rows(SOURCES[model], data_dirs, (files or {}).get(model)).rows
        made, facts = source.drawn.rows(source.docs or 0, seed or 0, like)
        origin = f"connect4 generator {facts['generator']}, level {facts['level']}, seed {facts['seed']}"
        raw, revision = [RawRow(row, f"{origin}, board {number}") for number, row in enumerate(made)], None
    elif source.hub is None:
        raise MissingData(f"{source.task}: no rows at hand; give your own: --data {source.task}=FILE (JSONL or CSV)")
    else:
        try:
            raw, revision = rows_of(source.hub, source.name, source.split)
        except NoRowsError as problem:
            raise _missing(source, data_dirs, str(problem)) from problem
        origin = f"hub:{source.hub}" + (f"/{source.name}" if source.name else "")
    if not raw:
        raise UserError(f"{origin}: no rows" + (f", though {source.task} has {source.docs}" if source.docs else ""))
    docs = [source.adapter(row) for row in raw]
    seen: dict[str, int] = {}
    for doc in docs:
        seen[doc["id"]] = seen.get(doc["id"], 0) + 1
        if seen[doc["id"]] > 1:  # the same text twice in one data set
            doc["id"] += f"-{seen[doc['id']]}"
    content = "".join(json.dumps(doc, sort_keys=True, ensure_ascii=False) + "\n" for doc in docs)
    return Rows(docs, origin, revision, hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest(), facts)


def at_hand(source: Source, data_dirs: Sequence[str | Path] = (), file: str | Path | None = None) -> str | None:
    """Return the source of the rows without the network, in words; None if there is none. Opens no file."""
    path = _file(source, data_dirs, file)
    if path:
        return str(path)
    if source.drawn:
        return None if source.drawn.like and not at_hand(SOURCES[source.drawn.like], data_dirs) else "drawn from a seed"
    if source.hub is None:
        return None
    return in_cache(source.hub)


def data_directories(data_dirs: Sequence[str | Path] = ()) -> list[Path]:
    """The directories to look in: those given, else SPOT_EVAL_DATA's. Raises UserError if one is none."""
    given = list(data_dirs) or [part for part in os.environ.get(DATA_DIRS, "").split(os.pathsep) if part]
    folders = [Path(part).expanduser() for part in given]
    for folder in folders:
        if not folder.is_dir():
            whence = "--data-dir" if data_dirs else DATA_DIRS
            raise UserError(f"{whence}: {folder} is not a directory")
    return folders


def _file(source: Source, data_dirs: Sequence[str | Path], file: str | Path | None) -> Path | None:
    if file is not None:
        path = Path(file).expanduser()
        if not path.is_file():
            kind = "is a folder; name the file in it" if path.is_dir() else "there is no such file"
            raise UserError(f"--data {source.task}={file}: {kind}")
        return path
    candidates = (folder / name for folder in data_directories(data_dirs) for name in source.mirror)
    return next((path for path in candidates if path.is_file()), None)


def _read(path: Path) -> Iterator[RawRow]:
    """The rows of a .jsonl (one object a line, split on "\\n" only) or .csv file, in UTF-8."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise UserError(f"{path}: byte {problem.start} is not UTF-8") from problem
    except OSError as problem:
        raise UserError(f"{path}: cannot be read ({problem.strerror})") from problem
    if path.suffix == ".csv":
        csv.field_size_limit(2**31 - 1)
        reader = csv.DictReader(io.StringIO(text, newline=""))
        try:
            for cells in reader:
                named = {name: cell for name, cell in cells.items() if name is not None}
                yield RawRow(named, f"{path}, line {reader.line_num}")
        except csv.Error as problem:
            raise UserError(f"{path}, line {reader.line_num}: broken CSV ({problem})") from problem
    elif path.suffix == ".jsonl":
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                yield _json_row(line, f"{path}, line {number}")
    else:
        raise UserError(
            f"{path}: rows are read from .jsonl or .csv, not from {path.suffix or 'a file without a suffix'}"
        )


def _json_row(line: str, where: str) -> RawRow:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as problem:
        raise UserError(f"{where}: broken JSON ({problem})") from problem
    if not isinstance(values, dict):
        raise UserError(f"{where}: expected a JSON object, found {type(values).__name__}")
    return RawRow(values, where)


def _missing(source: Source, data_dirs: Sequence[str | Path], why: str) -> MissingData:
    folders = data_directories(data_dirs)
    tried = f"no {source.mirror[0]} in {', '.join(map(str, folders))}" if folders else "no data directory was named"
    ways = f"give --data-dir DIR or --data {source.task}=FILE"
    if source.gated:
        ways += (
            " (a CSV or JSONL in the original columns), or accept the licence at "
            f"https://huggingface.co/datasets/{source.hub} and set HF_TOKEN"
        )
    else:
        ways += ", or go online (`hf auth login` where the hub asks for it)"
    return MissingData(f"{source.task}: no rows at hand: {tried}, and hub data set {source.hub} {why}; {ways}")
