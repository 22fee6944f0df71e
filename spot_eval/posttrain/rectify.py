"""`pairs rectify`: correct wrong answers, and verify the corrections. Failures are kept beside the pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.files import write_atomically
from spot_eval.core.progress import Say
from spot_eval.core.record_files import to_line
from spot_eval.posttrain.from_run import judge_texts
from spot_eval.posttrain.oracles import Asking, Reply, from_file, from_model, miniature
from spot_eval.posttrain.pair_files import read_pairs, write_pairs

MINIATURE = "miniature"


def rectify(
    file: Path, out: Path, oracle: str, asking: Asking, *, verifier: str | None = None, say: Say
) -> dict[str, int]:
    """Write the pairs whose correction is verified to `out`, the others to `<out>.failures.jsonl`.

    Args:
        file: the elicited rows.
        out: the file of pairs to write.
        oracle: "miniature", a file of corrections, or a model.
        asking: settings for a model.
        verifier: grader or function that verifies; None takes the grader that each row names.
        say: receives sentences for the user.

    Return the outcomes with their counts. Raises UserError for bad input, and if no correction is right.
    """
    rows = list(read_pairs(file))
    for row in rows:
        if not row["rejected"] and not asking.direct:
            raise UserError(
                f"{file}: row {row['id']!r} has no rejected answer to correct; to ask for a new answer, add --direct"
            )
    replies = _ask(rows, out, oracle, asking, say)
    pairs, failures = _verified(rows, replies, asking, verifier)
    beside = out.with_suffix(".failures.jsonl")
    if failures:
        write_atomically(beside, map(to_line, failures))
    else:
        beside.unlink(missing_ok=True)
    counts = Counter(failure["reason"].partition(":")[0] for failure in failures)
    if not pairs:
        most = counts.most_common(1)[0]
        raise UserError(f"no correction is right ({most[1]} of {len(rows)}: {most[0]}); see {beside}")
    write_pairs(out, pairs)
    return {"verified": len(pairs), **counts}


def read_wording(file: Path | None) -> str | None:
    """Return the user's own prompt. Raises UserError if it cannot be read, or lacks the question."""
    if file is None:
        return None
    try:
        wording = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise UserError(f"--prompt {file}: cannot be read ({problem})") from problem
    if "{question}" not in wording:
        raise UserError(f"--prompt {file}: it lacks {{question}}, so the oracle would not see the question")
    return wording


def _ask(rows: Sequence[dict[str, Any]], out: Path, oracle: str, asking: Asking, say: Say) -> list[Reply]:
    if oracle == MINIATURE:
        return miniature(rows, direct=asking.direct)
    if Path(oracle).is_file():
        return from_file(rows, Path(oracle))
    return from_model(rows, asking, out.with_suffix(".oracle"), say)


def _verified(
    rows: Sequence[dict[str, Any]], replies: Sequence[Reply], asking: Asking, verifier: str | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return (pairs, failures): the first text of each row that the verifier finds right, or the reason for none."""
    places = [(at, text) for at, reply in enumerate(replies) for text in reply.texts]
    verdicts = judge_texts([rows[at] for at, _ in places], [text for _, text in places], verifier)
    right: dict[int, str] = {}
    why = {at: reply.reason for at, reply in enumerate(replies) if not reply.texts}
    for (at, text), verdict in zip(places, verdicts, strict=True):
        if verdict.score is not None and verdict.score >= 1:
            right.setdefault(at, text)
        else:
            judged = "not judged" if verdict.score is None else "the corrected answer is wrong"
            why.setdefault(at, f"{judged}: {verdict.extracted or verdict.why}")
    pairs, failures = [], []
    for at, (row, reply) in enumerate(zip(rows, replies, strict=True)):
        if at in right:
            rejected = None if asking.direct else row["rejected"]
            meta = {**row["meta"], "how": reply.how}
            pairs.append({**row, "rejected": rejected, "chosen": right[at], "meta": meta})
        else:
            failures.append({"id": row["id"], "reason": why[at], "texts": reply.texts, "how": reply.how})
    return pairs, failures
