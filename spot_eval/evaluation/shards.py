"""Shards of a run for job arrays: each takes a fixed part of the requests, and needs no word with the others.

    spot-eval run --model ckpt/ --shard 3/8       # on eight machines, 1/8 to 8/8
    spot-eval merge runs/ckpt-spot-*-shard-*      # once, anywhere

A request belongs to the shard that its key names, so the parts are the same wherever and how often they are made.
"""

from __future__ import annotations

import re

from spot_eval.core.errors import UserError
from spot_eval.core.options import RunOptions
from spot_eval.evaluation.plan import Planned, RequestPlan

MOST_SHARDS = 10_000


def parse_shard(text: str) -> tuple[int, int]:
    """Return (I, N) for `I/N`. Raises UserError unless 1 <= I <= N."""
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip())
    index, of = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= index <= of <= MOST_SHARDS:
        raise UserError(
            f"--shard {text[:40]!r}: expected I/N with I from 1 to N, such as 3/8, and N up to {MOST_SHARDS:,}"
        )
    return index, of


def shard_of_key(key: str, of: int) -> int:
    """Return which of `of` shards, counted from 1, a request belongs to. `key` is its hash in hex."""
    return int(key[:16], 16) % of + 1


def of_shard(plan: RequestPlan, index: int, of: int) -> RequestPlan:
    """Return the part of a plan that shard `index` of `of` asks."""

    def part(requests: list[Planned]) -> list[Planned]:
        return [one for one in requests if shard_of_key(one.request.key, of) == index]

    return RequestPlan(part(plan.requests), part(plan.too_long), plan.capped)


def shard_entry(options: RunOptions, plan: RequestPlan) -> dict[str, int] | None:
    """Return the manifest's entry `shard`: which one, of how many, with how many requests; None for a whole run."""
    if options.shard is None:
        return None
    index, of = options.shard
    return {"index": index, "of": of, "requests": len(plan.requests) + len(plan.too_long)}
