"""The rows that are shown: each method's families, gain, drift and losses, with errors over items and seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from spot_eval.reproduction.claims import (
    BASE,
    CLAIMS,
    GAIN,
    Claim,
    Decided,
    Difference,
    Results,
    decide,
    difference_of,
)
from spot_eval.reproduction.exam import FAMILIES
from spot_eval.reproduction.protocol import Setting
from spot_eval.reproduction.run import Experiment, at_edge
from spot_eval.reproduction.scores import drift_of, family_means, gain_of, lost_of

TITLES = {"in_domain": "in-domain", "ood": "out-of-domain", "general": "general"}


@dataclass(frozen=True)
class Row:
    """A method in one regime: means over seeds. Fractions, nats a token; `changes` from the base with errors."""

    method: str
    regime: str
    rate: float | None
    beta: float | None
    seeds: int
    families: Mapping[str, float]
    changes: Mapping[str, Difference]
    gain: Difference | None
    drift: float
    drift_error: float
    lost: float


def results_of(finals: Sequence[Mapping[str, Any]]) -> Results:
    """Return (regime, method) to its results, by seed."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for one in sorted(finals, key=lambda each: int(each["setting"]["seed"])):
        found.setdefault((one["setting"]["regime"], one["setting"]["method"]), []).append(one)
    return found


def rows_of(found: Experiment) -> list[Row]:
    """Return the base's row, then those of the methods, regime by regime."""
    return rows_from(found.finals, found.base["test"])


def rows_from(results: Sequence[Mapping[str, Any]], base: Mapping[str, Any]) -> list[Row]:
    """Return the base's row, then one per regime and method of the results."""
    rows = [Row(BASE, "", None, None, 0, family_means(base["right"], base["parts"]), {}, None, 0.0, 0.0, 0.0)]
    finals = results_of(results)
    for (regime, method), mine in finals.items():
        setting = Setting(**mine[0]["setting"])
        drifts = [drift_of(one, base["parts"]) for one in mine]
        means = [family_means(one["right"], base["parts"]) for one in mine]
        changes = {
            family: difference_of(Claim("", method, BASE, (family,), regime=regime), finals, base)
            for family in FAMILIES
        }
        rows.append(
            Row(
                method, regime, setting.rate, setting.beta, len(mine),
                {family: float(np.mean([one[family] for one in means])) for family in FAMILIES},
                changes,
                difference_of(Claim("", method, BASE, GAIN, regime=regime), finals, base),
                float(np.mean(drifts)),
                float(np.std(drifts, ddof=1) / len(drifts) ** 0.5) if len(drifts) > 1 else 0.0,
                float(np.mean([lost_of(one, base) for one in mine])),
            )
        )  # fmt: skip
    return rows


def frontier_of(found: Experiment) -> dict[str, list[tuple[float, float, float, float | None]]]:
    """Return method to its points (drift, gain, rate, beta) over the grid, on dev items, by drift."""
    base = found.base.get("dev")
    points: dict[str, list[tuple[float, float, float, float | None]]] = {}
    if base is None:
        return points
    for one in found.grid:
        setting = one["setting"]
        points.setdefault(setting["method"], []).append(
            (drift_of(one, base["parts"]), gain_of(one, base), setting["rate"], setting["beta"])
        )
    return {name: sorted(mine, key=lambda point: point[0]) for name, mine in points.items()}


def summary(found: Experiment) -> dict[str, Any]:
    """Return everything that is shown, for a JSON file."""
    base = found.base["test"]
    return {
        "protocol": asdict(found.protocol),
        "rows_of_data": {str(seed): dict(counts) for seed, counts in found.counts.items()},
        "chosen": {name: list(one) for name, one in found.chosen.items()},
        "at_edge": at_edge(found.protocol, found.chosen),
        "rows": [asdict(row) for row in rows_of(found)],
        "claims": claim_records(decide(CLAIMS, results_of(found.finals), base)),
        "frontier": frontier_of(found),
    }


def claim_records(decided: Sequence[Decided]) -> list[dict[str, Any]]:
    """Return decided claims for a JSON file."""
    return [
        {
            "claim": one.claim.text, "method": one.claim.method, "against": one.claim.against,
            "drift": one.claim.drift, "margin": one.claim.margin, "difference": asdict(one.difference), "p": one.p,
            "verdict": one.verdict,
        }
        for one in decided
    ]  # fmt: skip
