"""Further questions, each a small experiment of its own with SPoT-BCE: what its training data are, and what is claimed.

    spot-eval reproduce --part gamma

docs/reproduction.md has the questions in words. Stages follow each other: the second one of `self-oracle` trains on
what the checkpoints of the first one say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from spot_eval.reproduction import part_data, self_oracle
from spot_eval.reproduction.claims import BASE, CLAIMS, GAIN, MARGIN, Claim
from spot_eval.reproduction.protocol import MANY

OBJECTIVE = "spot-bce"
RATE, BETA, STEPS = 1e-4, 5.0, 100
"""What the full run chose for SPoT-BCE on dev items."""
RANK, ADAPTER_RATE = 16, 1e-3
"""Of LoRA adapters; ten times the rate of all weights, as is usual for them."""
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
MLP = ("gate_proj", "up_proj", "down_proj")
ITEMS = 200
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Arm:
    """A training run of a part: the file it trains on, and what differs from the others."""

    name: str
    data: str
    steps: int = STEPS
    rate: float = RATE
    start: str | None = None
    """The arm whose checkpoint it starts from; None for the base."""
    objective: str = OBJECTIVE
    beta: float | None = BETA
    adapter: bool = False
    """True to train LoRA adapters of rank `RANK` instead of all weights."""
    modules: tuple[str, ...] = ()
    """The layers that get an adapter; all if empty."""

    def record(self) -> dict[str, Any]:
        """Return the arm as JSON, without what it shares with SPoT-BCE's usual run."""
        always, usual = ("name", "data", "steps", "rate", "start"), asdict(Arm(self.name, self.data))
        found = {name: value for name, value in asdict(self).items() if name in always or value != usual[name]}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}


@dataclass(frozen=True)
class Stage:
    """Arms that can run side by side once `make` has made their data."""

    make: Callable[[Path, Path, Path, int], Mapping[str, int]]
    """Called once per seed with (base, folder, checkpoints, seed): the base's checkpoint, the folder to write training
    files in, the folder of the checkpoints of earlier stages, and the seed. Returns rows by file."""
    arms: tuple[Arm, ...]


@dataclass(frozen=True)
class Part:
    """A question with its arms and claims."""

    name: str
    question: str
    stages: tuple[Stage, ...]
    claims: tuple[Claim, ...]
    seeds: tuple[int, ...] = SEEDS
    items: int = ITEMS
    base_seed: int | None = None
    """The seed of a base built for this part; None for the one that is shipped."""

    @property
    def arms(self) -> list[Arm]:
        """Return the arms of all stages."""
        return [arm for stage in self.stages for arm in stage.arms]

    def record(self, base: str) -> dict[str, Any]:
        """Return what is run, as JSON."""
        return {
            "part": self.name,
            "arms": [arm.record() for arm in self.arms],
            "seeds": list(self.seeds),
            "items": self.items,
            "base": base,
            **({} if self.base_seed is None else {"base_seed": self.base_seed}),
        }


def _ahead(part: str, text: str, arm: str, against: str) -> Claim:
    return Claim(text, arm, against, GAIN, regime=part)


def _no_less(part: str, text: str, arm: str, against: str) -> Claim:
    return Claim(text, arm, against, GAIN, margin=MARGIN, regime=part)


def _drifts_less(part: str, text: str, arm: str, against: str) -> Claim:
    return Claim(text, arm, against, drift=True, below=True, regime=part)


ORACLE = Part(
    "oracle",
    "Does it matter that the oracle mends y- instead of writing y+ anew?",
    (
        Stage(
            part_data.rectified_and_direct,
            (
                Arm("rectified", "rectified"),
                Arm("direct", "direct"),
                Arm("direct, lower rate", "direct", rate=3e-5),
            ),
        ),
    ),
    (
        _ahead("oracle", "rectified is ahead of direct in gain", "rectified", "direct"),
        _ahead("oracle", "rectified is ahead of direct at a lower rate", "rectified", "direct, lower rate"),
        _drifts_less("oracle", "rectified drifts less than direct", "rectified", "direct"),
        _drifts_less("oracle", "rectified drifts less than direct at a lower rate", "rectified", "direct, lower rate"),
    ),
)
AMOUNT = Part(
    "amount",
    "Do twice the pairs help?",
    (
        Stage(
            part_data.amounts,
            (
                Arm("all pairs", "all"),
                Arm("half of them, as many steps", "half"),
                Arm("half of them, as many epochs", "half", steps=STEPS // 2),
                Arm("a quarter, as many steps", "quarter"),
            ),
        ),
    ),
    (
        _ahead("amount", "all pairs gain more than half at equal steps", "all pairs", "half of them, as many steps"),
        _ahead("amount", "all pairs gain more than half at equal epochs", "all pairs", "half of them, as many epochs"),
        _ahead("amount", "half gain more than a quarter at equal steps", "half of them, as many steps",
               "a quarter, as many steps"),
    ),
)  # fmt: skip
GAMMA = Part(
    "gamma",
    "Does the filter on the change ratio help?",
    (
        Stage(
            part_data.gammas,
            (Arm("gamma 0.6", "gamma"), Arm("no filter", "all"), Arm("gamma 0.06", "small")),
        ),
    ),
    (
        _ahead("gamma", "gamma 0.6 gains more than no filter", "gamma 0.6", "no filter"),
        _drifts_less("gamma", "gamma 0.6 drifts less than no filter", "gamma 0.6", "no filter"),
        _ahead("gamma", "gamma 0.06 gains less than gamma 0.6", "gamma 0.6", "gamma 0.06"),
    ),
)
PROXIMITY = Part(
    "proximity",
    "Which measure of nearness picks the better pairs, at equal size?",
    (
        Stage(
            part_data.proximities,
            tuple(Arm(name, name) for name in ("lcs", "likelihood", "edit", "embedding", "first")),
        ),
    ),
    tuple(
        claim
        for name in ("lcs", "likelihood", "edit", "embedding")
        for claim in (
            _ahead("proximity", f"{name} gains more than the first 600", name, "first"),
            _drifts_less("proximity", f"{name} drifts less than the first 600", name, "first"),
        )
    ),
)
SELF_ORACLE = Part(
    "self-oracle",
    "Can the checkpoint mend its own errors, by a verifier or by votes?",
    (
        Stage(
            self_oracle.first_round,
            (
                Arm("oracle", "oracle"),
                Arm("verifier, round 1", "verifier"),
                Arm("votes, round 1", "votes"),
            ),
        ),
        Stage(
            self_oracle.second_round,
            (
                Arm("verifier, round 2", "verifier-2", start="verifier, round 1"),
                Arm("votes, round 2", "votes-2", start="votes, round 1"),
            ),
        ),
    ),
    (
        _ahead("self-oracle", "verified by a grader, round 1 gains", "verifier, round 1", BASE),
        _ahead("self-oracle", "verified by a grader, round 2 gains over round 1", "verifier, round 2",
               "verifier, round 1"),
        _ahead("self-oracle", "accepted by votes, round 1 gains", "votes, round 1", BASE),
        _ahead("self-oracle", "accepted by votes, round 2 gains over round 1", "votes, round 2", "votes, round 1"),
        _ahead("self-oracle", "the verifier is ahead of votes", "verifier, round 1", "votes, round 1"),
        _ahead("self-oracle", "the oracle is ahead of the verifier", "oracle", "verifier, round 1"),
    ),
)  # fmt: skip
SECOND_BASE = Part(
    "second-base",
    "Do the claims hold on a second base, trained from nothing with another seed?",
    (
        Stage(
            part_data.main_files,
            (
                Arm("sft", "taught", objective="sft", rate=3e-5, beta=None),
                Arm("rft", "right", objective="rft", rate=3e-4, beta=None),
                Arm("sft+", "pairs", objective="sft+", beta=None),
                Arm("reward-sft", "pairs", objective="reward-sft", beta=1.0),
                Arm("dpo", "pairs", objective="dpo"),
                Arm("spot-bce", "pairs"),
                Arm("spot-bco", "pairs", objective="spot-bco"),
            ),
        ),
    ),
    tuple(replace(claim, regime="second-base") for claim in CLAIMS if claim.regime == MANY.name),
    base_seed=2,
)
MODULES = Part(
    "modules",
    "Does it matter which modules SPoT may change?",
    (
        Stage(
            part_data.pairs_only,
            (
                Arm("all weights", "pairs"),
                *(
                    Arm(f"adapters on {name}, beta {beta:g}", "pairs", rate=ADAPTER_RATE, beta=beta, adapter=True,
                        modules=modules)
                    for name, modules in (("all layers", ()), ("attention", ATTENTION), ("mlp", MLP))
                    for beta in (1.0, BETA)
                ),
            ),
        ),
    ),
    (
        _no_less("modules", "adapters on all layers gain no less than all weights", "adapters on all layers, beta 5",
                 "all weights"),
        *(
            claim
            for name in ("attention", "mlp")
            for claim in (
                _no_less("modules", f"adapters on {name} gain no less than on all layers",
                         f"adapters on {name}, beta 5", "adapters on all layers, beta 5"),
                _drifts_less("modules", f"adapters on {name} drift less than on all layers",
                             f"adapters on {name}, beta 5", "adapters on all layers, beta 5"),
            )
        ),
        *(
            _drifts_less("modules", f"adapters on {name} drift less with beta 5 than with 1",
                         f"adapters on {name}, beta 5", f"adapters on {name}, beta 1")
            for name in ("all layers", "attention", "mlp")
        ),
    ),
)  # fmt: skip
MIXED = Part(
    "mixed",
    "Do ranking and binary objectives gain more together?",
    (
        Stage(
            part_data.pairs_only,
            (
                Arm("spot-bce", "pairs"),
                Arm("dpo", "pairs", objective="dpo"),
                Arm("bce + 0.3 dpo", "pairs", objective="spot-bce + 0.3*dpo"),
                Arm("bce + dpo", "pairs", objective="spot-bce + dpo"),
                Arm("bce + 3 dpo", "pairs", objective="spot-bce + 3*dpo"),
            ),
        ),
    ),
    tuple(
        claim
        for name in ("bce + 0.3 dpo", "bce + dpo", "bce + 3 dpo")
        for claim in (
            _ahead("mixed", f"{name} gains more than BCE alone", name, "spot-bce"),
            _ahead("mixed", f"{name} gains more than DPO alone", name, "dpo"),
        )
    ),
)
ALL = {part.name: part for part in (ORACLE, AMOUNT, GAMMA, PROXIMITY, SELF_ORACLE, SECOND_BASE, MODULES, MIXED)}
