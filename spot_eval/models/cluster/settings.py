"""The `--engine-arg`s of a cluster, and those of the engine that runs on each of its nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spot_eval.core.errors import UserError

OURS = ("cluster", "ray_address", "engines", "start_timeout")
START_TIMEOUT_S = 1800.0


@dataclass(frozen=True)
class ClusterSettings:
    """The cluster, the engine that runs on it, and how many of them."""

    engine: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    """Those of the engine itself."""
    address: str | None = None
    engines: int | None = None
    """How many engines at most; as many as the cluster has room for if None."""
    start_timeout_s: float = START_TIMEOUT_S
    """Seconds without any engine at work after which a run ends."""

    @classmethod
    def parse(cls, engine: str, arguments: Mapping[str, str], inner: Any) -> ClusterSettings:
        """Return the settings from `K=V` texts.

        Args:
            engine: the engine that runs on each node.
            arguments: all `--engine-arg`s.
            inner: the settings' class of the engine, which checks the rest of them.

        Raises UserError for what there is not, or cannot be said to a cluster.
        """
        kind = arguments.get("cluster", "")
        if kind != "ray":
            raise UserError(f"--engine-arg cluster={kind}: there is cluster=ray; leave it away to run on this machine")
        rest = {name: value for name, value in arguments.items() if name not in OURS}
        if "data_parallel_size" in {name.replace("-", "_") for name in rest}:
            raise UserError("--engine-arg data_parallel_size: on a cluster, engines=N says how many engines there are")
        inner.parse(rest)
        return cls(
            engine,
            rest,
            arguments.get("ray_address"),
            _whole("engines", arguments.get("engines")),
            float(_whole("start_timeout", arguments.get("start_timeout")) or START_TIMEOUT_S),
        )

    @property
    def gpus_an_engine(self) -> int:
        """Return the GPUs that one engine needs; 0 if it is told to run without."""
        if self.arguments.get("device") in {"cpu", "mps"}:
            return 0
        return (_whole("tensor_parallel_size", self._theirs("tensor_parallel_size")) or 1) * (
            _whole("pipeline_parallel_size", self._theirs("pipeline_parallel_size")) or 1
        )

    @property
    def needs_gpus(self) -> bool:
        """Return True if the engine cannot do without a GPU."""
        return self.arguments.get("device", "").startswith("cuda")

    def _theirs(self, name: str) -> str | None:
        return self.arguments.get(name) or self.arguments.get(name.replace("_", "-"))


def _whole(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= 1_000_000:
        raise UserError(f"--engine-arg {name}={text}: expected a whole number from 1")
    return int(text)
