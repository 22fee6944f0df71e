"""A base and a candidate, loaded side by side to read the same answers: by transformers, or by vLLM.

    pair = Reading.parse("hf", {"dtype": "bfloat16"}, 4096).open({"base": base, "candidate": candidate}, tokenizers)
    for difference in pair.differences(sequences):
        ...

Transformers gives every log-prob, so the KL is exact. vLLM gives those of the likeliest tokens, so the KL is bounded
from below: the tokens that both models name are compared one by one, all others as one lump. Lumping outcomes together
never raises a divergence (the data-processing inequality; Cover and Thomas, "Elements of Information Theory", 2.8).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from spot_eval.core.errors import UserError
from spot_eval.models.forced import Difference, Forced, Places
from spot_eval.models.prompts import ChatTokenizer
from spot_eval.models.registry import check_engine

SIDES = ("base", "candidate")
TOP = 20
"""Tokens that vLLM names at each place, as vLLM's own default has it; `--engine-arg max_logprobs=N` says otherwise."""
TOKENS_AT_ONCE = 100_000  # of answers whose log-probs are held in memory, by vLLM
MEMORY_SHARE = 0.45  # of a GPU for each of the two, by vLLM
SMALLEST_REST = 1e-7  # log-probs in float32 leave the sum of the others no more exact; a larger rest lowers the bound


class Pair(Protocol):
    """Two loaded models."""

    refused: dict[str, str]
    """Key of each sequence that could not be read, with the reason."""

    def differences(self, sequences: Sequence[Forced]) -> Iterator[Difference]:
        """Yield the difference of every sequence that can be read, in any order."""
        ...

    def close(self) -> None:
        """Let go of memory and processes."""
        ...


@dataclass(frozen=True)
class Reading:
    """The engine of a pair, with its settings."""

    engine: str
    settings: Any
    top: int | None
    """Tokens that the engine names at each place; None if it names all, and the KL is exact."""
    token_budget: int
    """Tokens in a forward pass of transformers; vLLM decides by itself."""

    @classmethod
    def parse(cls, engine: str, arguments: Mapping[str, str], token_budget: int) -> Reading:
        """Return the reading that the command line asks for; `arguments` are its `--engine-arg K=V`.

        Raises UserError for an engine that cannot read answers or is not installed, and for unknown arguments.
        """
        if engine not in ("hf", "vllm"):
            raise UserError(f"drift reads answers by --engine hf or vllm, not {engine!r}")
        check_engine(engine)
        if engine == "hf":
            from spot_eval.models.hf import HfSettings

            return cls(engine, HfSettings.parse(dict(arguments)), None, token_budget)
        from spot_eval.models.vllm.engine import VllmSettings

        settings = replace(VllmSettings.parse(arguments), memory_share=MEMORY_SHARE)
        text = settings.arguments.get("max_logprobs", str(TOP))
        if not text.isdecimal() or not int(text):
            raise UserError(f"--engine-arg max_logprobs={text}: expected a number above 0")
        return cls(engine, settings, int(text), token_budget)

    def dtype(self, base: Path, *, trust_remote_code: bool = False) -> str:
        """Return the precision in which both will be loaded, which is the base's."""
        if self.engine == "hf":
            return str(self.settings.resolved_dtype(base))
        from spot_eval.models.vllm.engine import facts

        return str(facts(base, self.settings, trust_remote_code=trust_remote_code).dtype)

    def open(
        self, places: Mapping[str, Path], tokenizers: Mapping[str, ChatTokenizer], *, trust_remote_code: bool = False
    ) -> Pair:
        """Load both checkpoints; `places` and `tokenizers` by "base" and "candidate". Raises UserError if one fails."""
        if self.engine == "hf":
            from spot_eval.models.hf import HfEngine as Kind
        else:
            from spot_eval.models.vllm.engine import VllmEngine as Kind  # type: ignore[assignment]
        opened: list[Any] = []
        try:
            for side in SIDES:
                opened.append(Kind(places[side], tokenizers[side], self.settings, trust_remote_code=trust_remote_code))
        except BaseException:
            for one in opened:
                one.close()
            raise
        return (
            _TopPair(opened[0], opened[1], self.top)
            if self.top
            else _ExactPair(opened[0], opened[1], self.token_budget)
        )


class _ExactPair:
    """Both by transformers."""

    def __init__(self, base: Any, candidate: Any, token_budget: int) -> None:
        self._engines, self._token_budget = (base, candidate), token_budget
        self.refused: dict[str, str] = {}

    def differences(self, sequences: Sequence[Forced]) -> Iterator[Difference]:
        from spot_eval.models.hf_drift import differences

        base, candidate = (engine.model for engine in self._engines)
        return differences(base, candidate, sequences, token_budget=self._token_budget)

    def close(self) -> None:
        for engine in self._engines:
            engine.close()


class _TopPair:
    """Both by vLLM, each in processes of its own."""

    def __init__(self, base: Any, candidate: Any, top: int) -> None:
        self._engines, self._top = (base, candidate), top
        self.refused: dict[str, str] = {}

    def differences(self, sequences: Sequence[Forced]) -> Iterator[Difference]:
        for part in _parts(sequences):
            (base, refused), (candidate, refused_too) = (engine.read(part, self._top) for engine in self._engines)
            self.refused |= refused_too | refused
            for one in part:
                if one.key in base and one.key in candidate:
                    yield lower_bound(one, base[one.key], candidate[one.key])

    def close(self) -> None:
        for engine in self._engines:
            engine.close()


def _parts(sequences: Sequence[Forced]) -> Iterator[list[Forced]]:
    part: list[Forced] = []
    tokens = 0
    for one in sequences:
        part.append(one)
        tokens += len(one.answer)
        if tokens >= TOKENS_AT_ONCE:
            yield part
            part, tokens = [], 0
    if part:
        yield part


def lower_bound(one: Forced, base: Places, candidate: Places) -> Difference:
    """Return the difference of two models of which only the likeliest tokens at each place are known.

    Args:
        one: what both read.
        base: log-probs of the base, a place per token of the answer, the token itself among them.
        candidate: those of the candidate.
    """
    kl, logprob, base_logprob = [], [], []
    for token, p, q in zip(one.answer, base, candidate, strict=True):
        both = p.keys() & q.keys()
        shares = [(math.exp(p[each]), math.exp(q[each])) for each in both]
        named = sum(share * (p[each] - q[each]) for (share, _), each in zip(shares, both, strict=True))
        rest = 1.0 - math.fsum(share for share, _ in shares)
        other = max(1.0 - math.fsum(share for _, share in shares), SMALLEST_REST)
        kl.append(max(0.0, named + (rest * math.log(rest / other) if rest > 0 else 0.0)))
        logprob.append(q[token] - p[token])
        base_logprob.append(p[token])
    return Difference(one.key, kl, logprob, base_logprob)
