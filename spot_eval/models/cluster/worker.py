"""An engine in an actor of Ray, on whatever node Ray placed it. Its results go back as they finish."""

from __future__ import annotations

import contextlib
import platform
import queue
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from spot_eval.models.adapter import Adapter
from spot_eval.models.base import CheckpointEngine, EngineFacts


class Worker:
    """An engine that a driver elsewhere holds by a handle. Each method is one call of the driver."""

    def __init__(self, order: Mapping[str, Any]) -> None:
        self._order = order
        self._engine: CheckpointEngine | None = None

    def facts(self) -> EngineFacts:
        """Return the facts about the engine, as its own machine decides them. Raises UserError."""
        from spot_eval.models.registry import engine_facts

        return engine_facts(*self._named(), **self._options())

    def load(self, tokenizer: Any, adapter: Adapter | None) -> tuple[str, dict[str, Any]]:
        """Load the checkpoint, with an adapter on it or none; return the node's name and what the engine says.

        Raises UserError if it cannot be loaded.
        """
        from spot_eval.models.registry import open_engine

        name, path, arguments = self._named()
        with contextlib.redirect_stdout(sys.stderr):
            self._engine = open_engine(name, path, tokenizer, arguments, **self._options())
            self._engine.use(adapter)
        return platform.node(), dict(self._engine.description())

    def use(self, adapter: Adapter | None) -> None:
        """Answer with `adapter` from now on; with the bare base if None. Raises UserError."""
        self._loaded().use(adapter)

    def answer(self, method: str, requests: Sequence[Any]) -> Iterator[list[Any]]:
        """Yield the results of `method` ("generate" or "score") as they finish: all there are since the last time."""
        results: queue.SimpleQueue[Any] = queue.SimpleQueue()
        failed: list[BaseException] = []

        def work() -> None:
            try:
                getattr(self._loaded(), method)(requests, results.put)
            except BaseException as problem:  # noqa: BLE001 - raised again where the driver sees it
                failed.append(problem)
            finally:
                results.put(None)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        more = True
        while more:
            ready = [results.get()]
            with contextlib.suppress(queue.Empty):
                while True:
                    ready.append(results.get_nowait())
            more = None not in ready
            if found := [one for one in ready if one is not None]:
                yield found
        if failed:
            raise failed[0]

    def _loaded(self) -> CheckpointEngine:
        assert self._engine is not None, "load comes first"
        return self._engine

    def _named(self) -> tuple[str, Path, Mapping[str, str]]:
        return self._order["engine"], Path(self._order["path"]), self._order["arguments"]

    def _options(self) -> dict[str, Any]:
        return {"trust_remote_code": self._order["trust_remote_code"], "lora_rank": self._order["lora_rank"]}
