"""Elicit, write and describe files of pairs. `trainer` has the rules; this module applies them to runs and files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.files import write_atomically
from spot_eval.core.progress import progress
from spot_eval.core.record_files import to_line
from spot_eval.models.checkpoint import locate
from spot_eval.models.prompts import ChatTokenizer
from spot_eval.posttrain.from_run import attempts
from trainer.errors import TrainError
from trainer.pairs.edit_filter import BINS, PairStats, Tokens, small_edits
from trainer.pairs.elicit import Wanted, elicit
from trainer.pairs.pair_files import pair_row
from trainer.pairs.sources import Row, read_dataset, read_rows


def read_pairs(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a pairs file under our names. Raises UserError naming file and line of a broken one."""
    yield from _pairs(read_rows(file))


def _pairs(rows: Iterator[Row]) -> Iterator[dict[str, Any]]:
    try:
        for where, number, row in rows:
            try:
                yield pair_row(row, number)
            except ValueError as problem:
                raise UserError(f"{where}: {problem}") from problem
    except TrainError as problem:
        raise UserError(str(problem)) from problem


def write_pairs(out: Path, rows: list[dict[str, Any]]) -> None:
    """Write all rows or nothing. Raises UserError if there are no rows, because an empty file would only fail later."""
    if not rows:
        raise UserError(f"no row is left, so {out} is not written")
    write_atomically(out, map(to_line, rows))


def convert_pairs(source: str, out: Path, *, split: str | None, trl: bool) -> dict[str, int]:
    """Write preference data of any form to `out`; return {"pairs": count}.

    Args:
        source: a file, a folder of datasets' `save_to_disk`, or a hub id.
        out: the file to write; parquet if its name ends so, else JSON Lines.
        split: split of a data set that has several.
        trl: write TRL's columns, prompt, chosen and rejected as turns, in place of ours.

    Raises UserError for a row that is no pair, or a source that cannot be read.
    """
    rows = list(_pairs(read_dataset(source, split)))
    if trl:
        rows = [_trl_row(row, number) for number, row in enumerate(rows, 1)]
    if out.suffix != ".parquet":
        write_pairs(out, rows)
        return {"pairs": len(rows)}
    if not rows:
        raise UserError(f"no row is left, so {out} is not written")
    import io

    import pyarrow
    import pyarrow.parquet

    content = io.BytesIO()
    # what each row carries along has no type in common
    typed = [row if trl else {**row, "meta": to_line(row["meta"]).decode().strip()} for row in rows]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(typed), content)
    write_atomically(out, [content.getvalue()])
    return {"pairs": len(rows)}


def _trl_row(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    if lacking := [side for side in ("chosen", "rejected") if row[side] is None]:
        raise UserError(f"pair {number} ({row['id']}) has no {lacking[0]}, and TRL's preference form needs both")
    return {
        "prompt": row["prompt"],
        **{side: [{"role": "assistant", "content": row[side]}] for side in ("chosen", "rejected")},
    }


def elicit_run(run: Path, out: Path, *, right: bool, per_doc: int | None, keep_truncated: bool) -> dict[str, int]:
    """Write the wrong (or right) answers of a run to `out`; return the outcomes of its answers with their counts.

    Args:
        run: the run directory.
        out: the file to write.
        right: take the right answers instead.
        per_doc: most answers per doc; None for all.
        keep_truncated: also take answers that the token budget cut off.

    Raises UserError if there is no such answer.
    """
    counts = Counter[str]()
    wanted: Wanted = "right" if right else "wrong"
    rows = list(elicit(attempts(run), wanted, per_doc=per_doc, keep_truncated=keep_truncated, counts=counts))
    if not rows:
        found = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise UserError(f"{run} holds no {wanted} answer to take ({found or 'no answers at all'})")
    write_pairs(out, rows)
    return dict(counts)


def pair_stats(file: Path, tokenizer: str) -> dict[str, Any]:
    """Return counts, quantiles and the histogram of a pairs file."""
    stats = PairStats()
    sources = Counter[str]()
    for row in small_edits(_watched(file), tokens_of(tokenizer), 1.0, stats):
        sources[str(row["meta"].get("how") or row["meta"].get("oracle") or row["source"] or "?")] += 1
    return {
        "file": str(file),
        "rows": sum(stats.outcomes.values()),
        "pairs": len(stats.ratios),
        "equal": stats.outcomes["equal answers"],
        "made": dict(sources.most_common()),
        "change_ratio": {**stats.quantiles(stats.ratios), "histogram": stats.histogram()},
        "rejected_tokens": stats.quantiles(stats.rejected_tokens),
        "chosen_tokens": stats.quantiles(stats.chosen_tokens),
    }


def print_stats(found: Mapping[str, Any]) -> None:
    """Print the statistics, with the histogram of change ratios as bars."""
    from spot_eval.display.terminal import Terminal

    console = Terminal()
    equal = f", {found['equal']} of them equal" if found["equal"] else ""
    console.print(f"{found['rows']:,} rows, {found['pairs']:,} with both answers{equal}", markup=False)
    for how, count in found["made"].items():
        console.print(f"{count:8,}  {how}", markup=False, soft_wrap=True)
    for name in ("rejected_tokens", "chosen_tokens", "change_ratio"):
        marks = {mark: value for mark, value in found[name].items() if mark != "histogram"}
        shown = ", ".join(f"{mark} {value:g}" for mark, value in marks.items())
        console.print(f"{name.replace('_', ' ')}: {shown or 'none'}", markup=False)
    histogram = found["change_ratio"]["histogram"]
    widest = max(*histogram, 1)
    for number, count in enumerate(histogram):
        bar = "█" * round(40 * count / widest) or ("▏" if count else "")
        console.print(f"{number / BINS:5.2f} {bar} {count or ''}", markup=False)


def _watched(file: Path) -> Iterator[dict[str, Any]]:
    rows = list(read_pairs(file))
    with progress("comparing", len(rows)) as advance:
        for row in rows:
            yield row
            advance()


def tokens_of(model: str) -> Tokens:
    """Return the function that turns a text into tokens of the checkpoint `model`."""
    tokenizer = ChatTokenizer(locate(model), chat_template="none").tokenizer
    return lambda text: tokenizer(text, add_special_tokens=False)["input_ids"]
