"""The hf engine and drift on a card."""

from __future__ import annotations

from pathlib import Path

import pytest

from spot_eval.models.base import Completion, Refusal, Request
from spot_eval.models.drift_pair import Reading
from spot_eval.models.forced import Forced
from spot_eval.models.prompts import ChatTokenizer
from spot_eval.models.registry import open_engine
from spot_eval.tasks.suite import Sampling

pytestmark = pytest.mark.cuda
SAMPLED = Sampling(temperature=0.7, top_p=0.8, top_k=20, max_new_tokens=24)


def texts(tiny: Path, device: str, batch: int) -> dict[str, str]:
    tokenizer = ChatTokenizer(tiny)
    engine = open_engine("hf", tiny, tokenizer, {"device": device, "dtype": "float32", "batch_size": str(batch)})
    found: dict[str, str] = {}

    def emit(result: Completion | Refusal) -> None:
        assert isinstance(result, Completion), result
        found[result.key] = result.text

    prompts = [tokenizer.render([{"role": "user", "content": f"{n} and 2+2? " * (n % 7 + 1)}]) for n in range(40)]
    engine.generate([Request(str(n), prompt, SAMPLED, seed=n) for n, prompt in enumerate(prompts)], emit)
    engine.close()
    return found


def test_sampled_texts_in_fp32_depend_on_no_batch_and_are_those_of_the_cpu(tiny: Path) -> None:
    one = texts(tiny, "cuda", 1)
    assert texts(tiny, "cuda", 16) == one
    there = texts(tiny, "cpu", 16)
    assert sum(one[key] != there[key] for key in one) <= 1  # a draw may fall between two sums in another order


def test_a_model_has_no_drift_from_itself(tiny: Path) -> None:
    places = {"base": tiny, "candidate": tiny}
    pair = Reading.parse("hf", {"device": "cuda", "dtype": "bfloat16"}, 512).open(
        places, dict.fromkeys(places, ChatTokenizer(tiny))
    )
    (found,) = pair.differences([Forced("k", list(range(3, 40)), list(range(40, 90)))])
    assert set(found.kl) == set(found.logprob) == {0.0}
