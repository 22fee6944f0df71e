"""An engine lent to a run can do what the engine can, and is loaded again after it failed."""

from __future__ import annotations

from typing import Any

import pytest

from spot_eval.models.held import Held


class Generating:
    """Counts how often it is loaded and closed; fails if told to."""

    loaded = 0

    def __init__(self) -> None:
        type(self).loaded += 1
        self.fails = False

    def use(self, adapter: Any) -> None:
        """Takes any."""

    def generate(self, requests: Any, emit: Any) -> None:
        if self.fails:
            raise RuntimeError("died")

    def close(self) -> None:
        """Nothing of its own."""


class Scoring(Generating):
    loaded = 0

    def score(self, requests: Any, emit: Any) -> None:
        if self.fails:
            raise RuntimeError("died")
        for request in requests:
            emit(request)


def test_a_lent_engine_scores_if_the_engine_does() -> None:
    with Held() as held:
        found: list[Any] = []
        held.open("a", Scoring, None).score([1, 2], found.append)
        assert found == [1, 2]
        assert not hasattr(held.open("b", Generating, None), "score")


@pytest.mark.parametrize("method", ["generate", "score"])
def test_an_engine_that_failed_is_loaded_again(method: str) -> None:
    Scoring.loaded = 0
    with Held() as held:
        lent = held.open("a", Scoring, None)
        getattr(lent, method)([], print)
        lent.close()
        lent = held.open("a", Scoring, None)
        assert Scoring.loaded == 1
        lent._engine.fails = True  # type: ignore[attr-defined]
        with pytest.raises(RuntimeError):
            getattr(lent, method)([], print)
        held.open("a", Scoring, None)
    assert Scoring.loaded == 2
