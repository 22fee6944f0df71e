"""Keys, hashes and seeds: the identity of a doc, of a generation and of a request.

    doc_hash([{"role": "user", "content": "2+2?"}], "4")          # equal in two runs if messages and gold are equal
    record_key(fingerprint="5b…", engine={"name": "hf"}, …)       # another model, prompt or sampler: another key

A key names everything that decides a text, so two checkpoints, prompts or samplings never share a record. A change
here orphans every record made before. Knows nothing of the records themselves (`core.records`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def digest(*parts: Any) -> str:
    """Return 128 bits of SHA-256, in hex, over the canonical JSON of `parts` (sorted keys, no blanks)."""
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def doc_hash(messages: list[Any], gold: Any, occurrence: int = 0) -> str:
    """Return the pairing key of a doc: equal in two runs exactly if messages and gold are equal.

    `occurrence` counts earlier docs of the task with the same messages and gold, so that doubles stay apart.
    """
    return digest("doc", messages, gold, *([occurrence] if occurrence else []))


def record_key(
    *, fingerprint: str, engine: Mapping[str, Any], run_seed: int, task: str, prompt: str, sampling: Mapping[str, Any],
    repeat: int, seed: int, occurrence: int = 0,
) -> str:  # fmt: skip
    """Return the identity of one generation: whatever could change its text is in here.

    Args:
        fingerprint: identity of the model, as its `identity` says.
        engine: what decides texts among the engine's settings, as `EngineFacts.identity` has it.
        run_seed: the value of `--seed`.
        task: name of the task.
        prompt: its text, with template and special tokens.
        sampling: sampling settings, the token budget in force and the stop strings.
        repeat: number of the repeat, from 0.
        seed: the request's own seed.
        occurrence: number of earlier docs of the task with the same prompt.
    """
    extra = [occurrence] if occurrence else []
    return digest("generation", fingerprint, dict(engine), run_seed, task, prompt, dict(sampling), repeat, seed, *extra)


def request_seed(run_seed: int, task: str, doc: str, repeat: int) -> int:
    """Return the sampling seed of a request, below 2**31.

    It does not depend on the model, so two checkpoints draw the same random numbers, nor on order or `--limit`.

    Args:
        run_seed: the value of `--seed`.
        task: name of the task.
        doc: the `doc_hash`.
        repeat: number of the repeat, from 0.
    """
    return int(digest("seed", run_seed, task, doc, repeat)[:8], 16) & 0x7FFFFFFF
