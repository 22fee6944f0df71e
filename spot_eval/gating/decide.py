"""The gate of any run: by the fixed boundary, or by those of its looks if it ran until a verdict."""

from __future__ import annotations

from typing import Any

from spot_eval.gating import rules
from spot_eval.gating.policy import Policy
from spot_eval.gating.stopped import gate_stopped
from spot_eval.runs.judged import JudgedRun


def gate(
    candidate: JudgedRun, base: JudgedRun, policy: Policy, source: str = "default"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (gate.json, comparison.json) of a candidate against a base.

    A run with looks is judged by the boundaries of its looks, never by the fixed one, which holds only for a run whose
    end did not depend on its answers. Raises as `rules.gate`.
    """
    if candidate.looks is not None and candidate.looks.taken:
        return gate_stopped(candidate, base, policy, source)
    return rules.gate(candidate, base, policy, source)
