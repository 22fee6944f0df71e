"""Scores of a result: parts, families, gain, drift. All are means over items, in fractions and nats a token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spot_eval.reproduction.exam import FAMILIES, PARTS

Weights = np.ndarray[Any, np.dtype[np.float64]]


def right_of(bits: str) -> Weights:
    """Return 1.0 for each question answered right, 0.0 for the others."""
    return np.frombuffer(bits.encode(), dtype=np.uint8).astype(np.float64) - ord("0")


def family_weights(parts: Sequence[str], families: Sequence[str]) -> Weights:
    """Return the weight of each question in the mean of families, each the mean of its parts. They sum to 1."""
    names = np.array(parts)
    weights = np.zeros(len(parts))
    for family in families:
        inside = [part for part, of in PARTS.items() if of == family and (names == part).any()]
        for part in inside:
            mine = names == part
            weights[mine] = 1 / (len(families) * len(inside) * mine.sum())
    return weights


def family_means(bits: str, parts: Sequence[str]) -> dict[str, float]:
    """Return the share of right answers of each family."""
    right = right_of(bits)
    return {family: float(right @ family_weights(parts, [family])) for family in FAMILIES}


def gain_of(result: Mapping[str, Any], base: Mapping[str, Any]) -> float:
    """Return the change from the base in the mean of in-domain and out of domain."""
    weights = family_weights(base["parts"], ["in_domain", "ood"])
    return float((right_of(result["right"]) - right_of(base["right"])) @ weights)


def drift_of(result: Mapping[str, Any], parts: Sequence[str], families: Sequence[str] = FAMILIES) -> float:
    """Return KL(base || model) in nats a token, over the base's answers in the families."""
    chosen = np.array([PARTS[part] in families for part in parts])
    kl, tokens = np.array(result["kl"]), np.array(result["tokens"])
    return float(kl[chosen].sum() / tokens[chosen].sum())


def lost_of(result: Mapping[str, Any], base: Mapping[str, Any]) -> float:
    """Return the share of the general items that the base had right and the model has not."""
    general = np.array([PARTS[part] == "general" for part in base["parts"]])
    had = (right_of(base["right"]) > 0) & general
    return float((right_of(result["right"])[had] == 0).mean())
