"""Keep an engine for several runs of one base: its weights are loaded once, and adapters are put on and taken off.

with Held() as held:
    for options in runs_of_one_base:
        run(options, say, held)
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self, TypeVar, cast

from spot_eval.models.adapter import Adapter
from spot_eval.models.base import CheckpointEngine, Emit, Request
from spot_eval.models.likelihood import LikelihoodRequest, ScoreEmit, ScoringEngine

Known = TypeVar("Known")


class Held:
    """Keep the engine of the last run, for the next one of the same base. It is closed with the `with` block."""

    def __init__(self) -> None:
        self._key: Any = None
        self._engine: CheckpointEngine | None = None
        self._spoilt = False
        self._known: dict[Any, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def once(self, key: Any, find: Callable[[], Known]) -> Known:
        """Return what `find` returned the first time for `key`: facts of the base that take a while to learn."""
        if key not in self._known:
            self._known[key] = find()
        return self._known[key]

    def open(self, key: Any, load: Callable[[], CheckpointEngine], adapter: Adapter | None) -> Lent:
        """Return the engine with `adapter` on it.

        Args:
            key: equal for two models exactly if one engine can answer for both, given their adapters.
            load: loads the engine.
            adapter: the adapter to use; None for the bare base.
        """
        if self._engine is None or self._key != key or self._spoilt:
            self.close()
            self._engine, self._key = load(), key
        self._spoilt = bool(adapter and adapter.alters_base)
        try:
            self._engine.use(adapter)
        except BaseException:
            self._spoilt = True  # nobody knows how much of it was loaded
            raise
        return Lent(self._engine, self)

    def give_up(self) -> None:
        """Load the base again for the next run: the engine failed in this one."""
        self._spoilt = True

    def close(self) -> None:
        """Close the engine that is kept, if any."""
        engine, self._engine, self._key, self._spoilt = self._engine, None, None, False
        if engine is not None:
            engine.close()


class Lent:
    """The held engine as one run sees it: closing it keeps it."""

    def __init__(self, engine: CheckpointEngine, held: Held) -> None:
        self._engine, self._held = engine, held

    def description(self) -> Mapping[str, Any]:
        """See `Engine.description`."""
        return self._engine.description()

    def generate(self, requests: Sequence[Request], emit: Emit) -> None:
        """See `Engine.generate`."""
        with self._given_up_if_it_fails():
            self._engine.generate(requests, emit)

    @property
    def score(self) -> Callable[[Sequence[LikelihoodRequest], ScoreEmit], None]:
        """See `ScoringEngine.score`. Raises AttributeError, as if it were not there, if the engine has none."""
        score = cast("ScoringEngine", self._engine).score

        def scored(requests: Sequence[LikelihoodRequest], emit: ScoreEmit) -> None:
            with self._given_up_if_it_fails():
                score(requests, emit)

        return scored

    @contextlib.contextmanager
    def _given_up_if_it_fails(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._held.give_up()
            raise

    def close(self) -> None:
        """Leave the engine to the next run."""
