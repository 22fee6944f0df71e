"""From token-by-token differences to the records of drift: one per answer, and the answers that moved most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from spot_eval.metrics.drift import TENTHS, AnswerDrift
from spot_eval.models.drift_pair import Pair
from spot_eval.models.forced import Difference, Forced
from spot_eval.models.prompts import ChatTokenizer

MOST = 5  # tokens that a line of drift.jsonl names
CHANGED, CHANGED_TOKENS = 12, 2000  # answers of the heat-map, and the tokens shown of each


def record(found: Difference, forced: Forced, empty: AnswerDrift, tokenizer: ChatTokenizer) -> AnswerDrift:
    """Return one record of `drift.jsonl`.

    Args:
        found: KL divergence and log-probs of each token of an answer, in nats.
        forced: the tokens of that prompt and answer.
        empty: the record with the names of doc and answer, its sums not yet filled in.
        tokenizer: writes the tokens that moved most as text.
    """
    count = len(found.kl)
    sums, counts = [0.0] * TENTHS, [0] * TENTHS
    for place, kl in enumerate(found.kl):
        tenth = place * TENTHS // count
        sums[tenth] += kl
        counts[tenth] += 1
    most = sorted(range(count), key=lambda place: -found.kl[place])[:MOST]
    return AnswerDrift(
        **{
            **asdict(empty),
            "kl": sum(found.kl),
            "logprob": sum(found.logprob),
            "base_logprob": sum(found.base_logprob),
            "kl_tenths": sums,
            "tokens_tenths": counts,
            "most": [[at, round(found.kl[at], 6), tokenizer.tokenizer.decode([forced.answer[at]])] for at in most],
        }
    )


def most_changed(rows: Sequence[AnswerDrift]) -> list[dict[str, Any]]:
    """Return the CHANGED answers with the largest mean KL (nats per token), the largest first."""
    answers = sorted((row for row in rows if row.kind == "answer" and row.kl > 0), key=lambda row: -row.kl / row.tokens)
    return [
        {"task": row.task, "doc_id": row.doc_id, "repeat": row.repeat, "key": row.key, "tokens": row.tokens,
         "kl": row.kl / row.tokens, "most": row.most}
        for row in answers[:CHANGED]
    ]  # fmt: skip


def changed(
    known: Mapping[str, AnswerDrift],
    wanted: Mapping[str, tuple[Forced, AnswerDrift]],
    pair: Pair,
    tokenizer: ChatTokenizer,
) -> list[dict[str, Any]]:
    """Return the answers that moved most, token by token.

    They are read once more, because nobody keeps the tokens of all answers.

    Args:
        known: records by key, read so far.
        wanted: tokens and empty record of each answer, by the same keys; answers outside of it are passed over.
        pair: both checkpoints, loaded.
        tokenizer: writes tokens as text.

    Each item has the fields of `most_changed`, `pieces` (the tokens as text, at most CHANGED_TOKENS) and `kls` (nats).
    """
    chosen = most_changed([row for key, row in known.items() if key in wanted])
    found = {one.key: one for one in pair.differences([wanted[one["key"]][0] for one in chosen])}
    return [
        {
            **one,
            "pieces": [tokenizer.tokenizer.decode([token]) for token in wanted[one["key"]][0].answer[:CHANGED_TOKENS]],
            "kls": [round(kl, 5) for kl in found[one["key"]].kl[:CHANGED_TOKENS]],
        }
        for one in chosen
    ]
