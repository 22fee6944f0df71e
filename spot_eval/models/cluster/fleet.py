"""The engines of a cluster as their driver sees them: started where there is room, fed, and replaced when they die."""

from __future__ import annotations

import logging
import os
import re
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import spot_eval
from spot_eval.core.errors import EngineDiedError, UserError
from spot_eval.models.adapter import Adapter
from spot_eval.models.base import EngineFacts, Refusal
from spot_eval.models.cluster.chunks import Chunks
from spot_eval.models.cluster.settings import ClusterSettings
from spot_eval.models.cluster.worker import Worker

LOOK_EVERY_S = 2.0
"""Seconds between looks at the cluster for nodes that came or went."""
FAILURES_IN_A_ROW = 3
"""Engines that may fail by themselves without a result in between, for each engine there is room for."""


@dataclass
class Member:
    """An engine, and the chunk it works on."""

    actor: Any
    waits_for: Any = None
    """What `ray.wait` waits for: the reference of its load, or the stream of its results; None if it is idle."""
    loaded: bool = False
    chunk: dict[str, Any] = field(default_factory=dict)
    """Requests it was given and has not answered, by key."""


class Fleet:
    """All engines of one checkpoint on a cluster. Raises UserError if there is no cluster, or no room in it."""

    def __init__(self, order: Mapping[str, Any], settings: ClusterSettings) -> None:
        self._order, self._settings = order, settings
        self._ray = _connected(settings)
        self._members: list[Member] = []
        self._tokenizer: Any = None
        self._adapter: Adapter | None = None
        self._looked = self._alive = time.monotonic()
        self._failures = 0
        self.lost = 0
        self.nodes: set[str] = set()
        self.told: Mapping[str, Any] = {}
        """What an engine says of itself."""
        self._gpus, self._cpus = self._an_engine()
        if not self._room():
            self.close()
            raise UserError(f"the cluster has no node with {self._needs()} for one engine; {self._there_is()}")

    def facts(self) -> EngineFacts:
        """Return the facts as a node of the cluster decides them; its engine is the first of the fleet."""
        member = self._start()
        return self._asked(member.actor.facts.remote())

    def load(self, tokenizer: Any) -> None:
        """Load the checkpoint everywhere; return when the first engine is ready. Raises UserError if it cannot be."""
        self._tokenizer = tokenizer
        first = self._members[0] if self._members else self._start()
        self._loaded(first, self._asked(first.actor.load.remote(tokenizer, None)))
        self._grow()

    def use(self, adapter: Adapter | None) -> None:
        """Put `adapter` on every engine, now and later. Raises UserError if it cannot be loaded."""
        self._adapter = adapter
        for member in [one for one in self._members if not one.loaded]:  # it would load the one before
            self._members.remove(member)
            self._end(member)
        for asked in [member.actor.use.remote(adapter) for member in self._members]:
            self._asked(asked)
        self._grow()

    def __len__(self) -> int:
        return sum(member.loaded for member in self._members)

    def work(self, method: str, requests: Sequence[Any], emit: Callable[[Any], None], least: int) -> None:
        """Have the engines answer all requests; `emit` takes each result once, as it arrives.

        Args:
            method: "generate" or "score".
            requests: the requests, the longest first.
            emit: takes the results.
            least: requests that fill an engine.

        Raises EngineDiedError if engines keep failing, or none is at work for `start_timeout` seconds.
        """
        chunks = Chunks(requests, least)
        self._alive = time.monotonic()
        while chunks or any(member.chunk for member in self._members):
            self._look_around()
            for member in self._members:
                if member.loaded and member.waits_for is None and (chunk := chunks.take(len(self))):
                    member.chunk = {one.key: one for one in chunk}
                    member.waits_for = member.actor.answer.remote(method, chunk)
            self._take_one(chunks, emit)

    def close(self) -> None:
        """End the engines. The cluster stays as it was."""
        for member in self._members:
            self._end(member)
        self._members = []

    def _take_one(self, chunks: Chunks[Any], emit: Callable[[Any], None]) -> None:
        """Wait a moment for whatever comes first, and take it."""
        waited_for = {member.waits_for: member for member in self._members if member.waits_for is not None}
        if not waited_for:
            time.sleep(0.2)
            return
        ready, _ = self._ray.wait(list(waited_for), num_returns=1, timeout=1.0)
        for reference in ready:
            member = waited_for[reference]
            try:
                self._advance(member, emit)
            except (self._ray.exceptions.RayActorError, self._ray.exceptions.ObjectLostError):
                self._gone(member, chunks, emit, None)
            except self._ray.exceptions.RayTaskError as problem:
                self._gone(member, chunks, emit, problem.cause)

    def _advance(self, member: Member, emit: Callable[[Any], None]) -> None:
        """Take the next results of a member, the end of its chunk, or the news that it has loaded."""
        if not member.loaded:
            self._loaded(member, self._ray.get(member.waits_for))
            return
        try:
            found = self._ray.get(next(member.waits_for))
        except StopIteration:
            member.waits_for = None
            if member.chunk:  # it ended without a word about these
                raise EngineDiedError(f"an engine left {len(member.chunk)} requests unanswered") from None
            return
        self._failures = 0
        self._alive = time.monotonic()
        for one in found:
            if member.chunk.pop(one.key, None) is not None:
                emit(one)

    def _loaded(self, member: Member, told: tuple[str, dict[str, Any]]) -> None:
        """Note that a member is ready."""
        member.loaded, member.waits_for = True, None
        self.nodes.add(told[0])
        self.told = told[1]

    def _gone(
        self, member: Member, chunks: Chunks[Any], emit: Callable[[Any], None], cause: BaseException | None
    ) -> None:
        """Give the requests of a member that is no more to the others. `cause` is None if its machine was lost."""
        self._members.remove(member)
        self._end(member)
        self.lost += 1
        for one in chunks.give_back(reversed(member.chunk.values()), suspect=cause is not None):
            emit(Refusal(one.key, f"engines died with it: {cause}"))
        if cause is None:
            return
        self._failures += 1
        if not member.loaded and isinstance(cause, UserError) and not len(self):
            raise cause
        if self._failures >= FAILURES_IN_A_ROW * max(self._room(), 1):
            raise EngineDiedError(
                f"{self._failures} engines of the cluster died one after the other; the last: {cause}; what was "
                "finished is kept, the same command goes on from there"
            )

    def _look_around(self) -> None:
        """Start engines on nodes that came, and end the run if there has been no engine for long."""
        now = time.monotonic()
        if len(self):
            self._alive = now
        elif now - self._alive > self._settings.start_timeout_s:
            raise EngineDiedError(
                f"no engine is at work since {self._settings.start_timeout_s:.0f} s (--engine-arg start_timeout), and "
                f"the cluster has room for {self._room()}; what was finished is kept, the same command goes on from "
                "there"
            )
        if now - self._looked > LOOK_EVERY_S:
            self._looked = now
            self._grow()

    def _grow(self) -> None:
        """Start as many engines as there is room for."""
        for _ in range(self._room() - len(self._members)):
            member = self._start()
            member.waits_for = member.actor.load.remote(self._tokenizer, self._adapter)

    def _start(self) -> Member:
        ours = str(Path(spot_eval.__file__).resolve().parents[1])
        path = os.pathsep.join(filter(None, [ours, os.environ.get("PYTHONPATH")]))
        actor = self._ray.remote(Worker).options(
            num_cpus=self._cpus,
            num_gpus=self._gpus,
            scheduling_strategy="SPREAD",
            max_restarts=0,
            max_task_retries=0,
            runtime_env={"env_vars": {"PYTHONPATH": path}},
        )
        member = Member(actor.remote(dict(self._order)))
        self._members.append(member)
        return member

    def _end(self, member: Member) -> None:
        """Kill a member's actor."""
        self._ray.kill(member.actor)

    def _asked(self, reference: Any) -> Any:
        """Return what a call gave. Raises UserError as the node said it, EngineDiedError if the node is gone."""
        errors = self._ray.exceptions
        try:
            return self._ray.get(reference, timeout=self._settings.start_timeout_s)
        except errors.RayTaskError as problem:
            if isinstance(problem.cause, UserError):
                raise problem.cause from None
            raise
        except errors.GetTimeoutError:
            raise EngineDiedError(
                f"no engine of the cluster was ready within {self._settings.start_timeout_s:.0f} s "
                "(--engine-arg start_timeout); `ray status` shows what its nodes are busy with"
            ) from None
        except errors.RayActorError as problem:
            first = str(problem).strip().splitlines()[0]
            raise EngineDiedError(f"an engine of the cluster died before it was ready ({first})") from problem

    def _an_engine(self) -> tuple[int, int]:
        """Return the GPUs and CPUs of one engine; without GPUs an engine takes a node's CPUs, for its threads."""
        nodes = self._nodes()
        if self._settings.gpus_an_engine and any(node.get("GPU") for node in nodes):
            return self._settings.gpus_an_engine, 1
        if self._settings.needs_gpus:
            raise UserError(f"--engine-arg device={self._settings.arguments['device']}: {self._there_is()}")
        return 0, int(min((node["CPU"] for node in nodes if node.get("CPU")), default=1))

    def _room(self) -> int:
        """Return how many engines the nodes that are alive can hold."""
        held = sum(
            int(min(node.get("CPU", 0) // self._cpus, node.get("GPU", 0) // self._gpus if self._gpus else 1e9))
            for node in self._nodes()
        )
        return min(held, self._settings.engines or held)

    def _nodes(self) -> list[dict[str, float]]:
        return [node["Resources"] for node in self._ray.nodes() if node["Alive"]]

    def _needs(self) -> str:
        return f"{self._gpus} GPUs" if self._gpus else f"{self._cpus} CPUs"

    def _there_is(self) -> str:
        nodes = self._nodes()
        gpus, cpus = (int(sum(node.get(name, 0) for node in nodes)) for name in ("GPU", "CPU"))
        return f"it has {len(nodes)} nodes with {gpus} GPUs and {cpus} CPUs in all (`ray status` shows them)"


def _connected(settings: ClusterSettings) -> Any:
    """Return the module `ray`, connected to the cluster. Raises UserError if there is none."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody has been asked whether Ray may report
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # an engine without a GPU sees what the node shows
    import ray

    address = settings.address or os.environ.get("RAY_ADDRESS") or "auto"
    if not ray.is_initialized():
        try:
            _reach(address)
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, ValueError, RuntimeError) as problem:
            first = str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
            raise UserError(
                f"--engine-arg cluster=ray: no Ray cluster at {address!r} ({first}); start one with `ray start "
                "--head`, name one with --engine-arg ray_address=HOST:PORT, or use this machine alone with "
                "ray_address=local"
            ) from problem
    return ray


def _reach(address: str) -> None:
    """Raise OSError if nothing listens at HOST:PORT: Ray itself would try for many minutes."""
    found = re.fullmatch(r"\[?([^/\]]+)\]?:(\d{1,5})", address)
    if found:
        socket.create_connection((found[1], int(found[2])), timeout=10).close()
