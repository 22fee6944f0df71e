"""The gate of any run: by the fixed boundary, or by those of its looks if it ran until a verdict."""

from __future__ import annotations

from typing import Any

from spot_eval.gating import rules
from spot_eval.gating.policy import Policy
from spot_eval.gating.stopped import gate_stopped
from spot_eval.runs.drift_files import read_drift
from spot_eval.runs.judged import JudgedRun

SAVED_BASE = (
    "the base is saved, and many candidates may be set beside it: alpha is the chance of a false FAIL on average over "
    "base runs, not for each saved base; a base with more repeats has less luck to pass on"
)


def gate(
    candidate: JudgedRun, base: JudgedRun, policy: Policy, source: str = "default"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (gate.json, comparison.json) of a candidate against a base; drift stands in it for information.

    A run with looks is judged by the boundaries of its looks, never by the fixed one, which holds only for a run whose
    end did not depend on its answers. Raises as `rules.gate`.

    Args:
        candidate: the run that is judged.
        base: the run it is compared with.
        policy: margins, guards, limits and alpha.
        source: the policy's file, for the record.
    """
    if candidate.looks is not None and candidate.looks.taken:
        decided, comparison = gate_stopped(candidate, base, policy, source)
    else:
        decided, comparison = rules.gate(candidate, base, policy, source)
    notes = [*decided["notes"], *([SAVED_BASE] if base.saved else [])]
    seals = {side: run.seal for side, run in (("candidate", candidate), ("base", base))}
    broken = [f"files of the {side}: {seal.sentence}" for side, seal in seals.items() if seal and not seal.whole]
    return {
        **decided,
        "notes": notes,
        "warnings": [*decided["warnings"], *broken],
        "seals": {side: seal.sentence if seal else "not sealed" for side, seal in seals.items()},
        "drift": _drift(candidate, base),
    }, comparison


def _drift(candidate: JudgedRun, base: JudgedRun) -> dict[str, Any] | None:
    """Return what was measured of the candidate's drift from this very base; it decides nothing."""
    found = read_drift(candidate.path) if candidate.path.is_dir() else None
    if found is None or found.base_fingerprint != base.config["model"].get("fingerprint"):
        return None
    families = {name: {**one["kl"], "z": one["z"]} for name, one in found.summary["families"].items()}
    overall = found.summary["overall"]
    return {
        "overall": {**overall["kl"], "z": overall["z"]},
        "families": families,
        "floor": found.summary["floor"],
        **({"top": found.summary["top"]} if found.summary.get("top") else {}),
    }
