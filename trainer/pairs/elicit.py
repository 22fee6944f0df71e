"""A model's own wrong answers, and its right ones, out of its judged samples (paper, step 1).

    {"id": "problems/17/0", "prompt": [{"role": "user", "content": "…"}], "rejected": "… \\boxed{5}", "chosen": null,
     "gold": "6", "source": "runs/…", "meta": {"task": "problems", "grader": "maths", "row": {…}, "extracted": "5"}}

Only what was judged is taken: an answer that nobody could judge is neither wrong nor right. A truncated answer has no
end that could be trained on, so it is left out unless asked for. Knows nothing of runs on disk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Wanted = Literal["wrong", "right"]


@dataclass(frozen=True)
class Attempt:
    """An answer of the model as it was judged; `score` is a fraction of 1, None if it could not be judged.

    `meta` travels with the row: what a verifier needs to judge a corrected answer (grader, row) and where it came from.
    """

    id: str
    doc: str
    prompt: list[dict[str, str]]
    text: str
    gold: Any
    score: float | None
    truncated: bool
    source: str
    meta: Mapping[str, Any]


def elicit(
    attempts: Iterable[Attempt],
    wanted: Wanted = "wrong",
    *,
    per_doc: int | None = None,
    keep_truncated: bool = False,
    counts: Counter[str] | None = None,
) -> Iterator[dict[str, Any]]:
    """The wrong answers as y- (`rejected`), or the right ones as RFT's data (`chosen`), in the order given.

    At most `per_doc` different answers of one doc. `counts` is told what became of every attempt: "taken", or why not.

    Args:
        attempts: judged answers.
        wanted: wrong answers, or right ones.
        per_doc: most different answers of one doc; all if None.
        keep_truncated: take answers that the token budget cut.
        counts: is told what became of every attempt.
    """
    counts = Counter[str]() if counts is None else counts
    texts: dict[str, set[str]] = {}
    for attempt in attempts:
        reason = _reason_against(attempt, wanted, keep_truncated)
        seen = texts.setdefault(attempt.doc, set())
        if reason is None and attempt.text in seen:
            reason = "the same answer again"
        if reason is None and per_doc is not None and len(seen) >= per_doc:
            reason = f"more than {per_doc} of its doc"
        counts[reason or "taken"] += 1
        if reason is not None:
            continue
        seen.add(attempt.text)
        side = "rejected" if wanted == "wrong" else "chosen"
        yield {
            "id": attempt.id,
            "prompt": attempt.prompt,
            "rejected": None,
            "chosen": None,
            side: attempt.text,
            "gold": attempt.gold,
            "source": attempt.source,
            "meta": dict(attempt.meta),
        }


def _reason_against(attempt: Attempt, wanted: Wanted, keep_truncated: bool) -> str | None:
    """Return the reason why an attempt is not taken; None if it is."""
    if attempt.score is None:
        return "not judged"
    right = attempt.score >= 1
    if right != (wanted == "right"):
        return "right" if right else "wrong"
    if attempt.truncated and not keep_truncated:
        return "truncated"
    if not attempt.text.strip():
        return "empty"
    return None
