"""The protocol of the experiment: methods, grid, regimes, seeds. Written before the numbers; nothing here is tuned.

    full().grid()                 # settings tried on dev items, with data and training seed 0
    full().finals(chosen)         # the chosen settings with every seed, scored on test items

See docs/reproduction.md for the reasons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from spot_eval.core.keys import digest
from spot_eval.posttrain.grid import Point, points_of

GAMMA = 0.6
BATCH = 16
DEV_SEED, TEST_SEED, PARTS_SEED = 5001, 6001, 7001
"""Seeds of items that nobody had looked at when the protocol was written."""
FEW_PAIRS = 256


@dataclass(frozen=True)
class Method:
    """A way to train: its objective, the file it trains on, and if beta acts in it."""

    name: str
    objective: str
    data: str = "pairs"
    tethered: bool = False


METHODS = {
    method.name: method
    for method in (
        Method("sft", "sft", "taught"),
        Method("rft", "rft", "right"),
        Method("sft+", "sft+"),
        Method("dft", "dft"),
        Method("reward-sft", "reward-sft", tethered=True),
        Method("dpo", "dpo", tethered=True),
        Method("dpo and sft+", "dpo + 10*sft+", tethered=True),
        Method("spot-bce", "spot-bce", tethered=True),
        Method("spot-bco", "spot-bco", tethered=True),
    )
}


@dataclass(frozen=True)
class Regime:
    """The amount of training: pairs at most, and optimizer steps of `BATCH` pairs."""

    name: str
    pairs: int | None
    steps: int


MANY = Regime("many pairs, few steps", None, 100)
FEW = Regime("few pairs, many epochs", FEW_PAIRS, 200)
REGIMES = {regime.name: regime for regime in (MANY, FEW)}


@dataclass(frozen=True)
class Setting:
    """A training run: method, rate, beta, regime, and the seed of data and training. `split` names its items."""

    method: str
    rate: float
    beta: float | None
    regime: str
    seed: int
    split: str
    items: int
    """Items of each task's part in the exam; see `exam`."""
    base: str
    """Hash of the base's weights."""

    @property
    def name(self) -> str:
        """Return a file's name that no other setting has."""
        return f"{self.method.replace(' ', '-')}-{self.seed}-{self.split}-{digest(asdict(self))[:12]}"

    def record(self) -> dict[str, Any]:
        """Return the setting for a JSON file."""
        return asdict(self)


@dataclass(frozen=True)
class Protocol:
    """An experiment of some size: which methods, rates, betas and seeds."""

    methods: Sequence[str]
    rates: Sequence[float]
    betas: Sequence[float]
    seeds: Sequence[int]
    few: Sequence[str]
    """Methods that also run in the regime of few pairs."""
    few_rate: float
    dev_items: int
    test_items: int
    base: str = ""

    def points(self) -> list[Point]:
        """Return the points of the grid."""
        return points_of(self.methods, self.rates, self.betas, lambda name: METHODS[name].tethered)

    def grid(self) -> list[Setting]:
        """Return the settings among which each method's is chosen, on dev items with seed 0."""
        return [Setting(*point, MANY.name, 0, "dev", self.dev_items, self.base) for point in self.points()]

    def finals(self, chosen: Mapping[str, tuple[float, float | None]]) -> list[Setting]:
        """Return the runs that are judged: each method as chosen with every seed, and the regime of few pairs.

        Args:
            chosen: method to (rate, beta).
        """
        many = [
            Setting(name, *chosen[name], MANY.name, seed, "test", self.test_items, self.base)
            for name in self.methods
            for seed in self.seeds
        ]
        few = [
            Setting(name, self.few_rate, chosen[name][1], FEW.name, seed, "test", self.test_items, self.base)
            for name in self.few
            for seed in self.seeds
        ]
        return [*many, *few]


FULL = Protocol(
    methods=tuple(METHODS),
    rates=(3e-5, 1e-4, 3e-4, 1e-3),
    betas=(1.0, 5.0),
    seeds=(0, 1, 2, 3, 4),
    few=("sft+", "reward-sft", "spot-bce"),
    few_rate=3e-4,
    dev_items=100,
    test_items=200,
)
QUICK = Protocol(
    methods=("sft+", "reward-sft", "dpo", "spot-bce", "spot-bco"),
    rates=(),
    betas=(),
    seeds=(0, 1),
    few=(),
    few_rate=3e-4,
    dev_items=0,
    test_items=100,
)
"""A short look: no grid, the settings that the full run chose."""
QUICK_SETTINGS: dict[str, tuple[float, float | None]] = {
    "sft+": (1e-4, None), "reward-sft": (1e-4, 1.0), "dpo": (1e-4, 5.0), "spot-bce": (1e-4, 5.0),
    "spot-bco": (1e-4, 5.0),
}  # fmt: skip
