"""The hf engine: sampling that knows no batch and no order, and answers that end where they should."""

from __future__ import annotations

import functools
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from scipy import stats

from spot_eval.core.errors import UserError
from spot_eval.models.hf import HfEngine, HfSettings
from spot_eval.models.hf_sampling import SeededSampling, gumbel
from spot_eval.models.prompts import ChatTokenizer, Prompt
from spot_eval.models.registry import Completion, Refusal, Request, engine_facts, open_engine
from spot_eval.tasks.suite import Sampling

GREEDY = Sampling(max_new_tokens=24)
PAPER = Sampling(temperature=0.7, top_p=0.8, top_k=20, max_new_tokens=24)
FREE = Sampling(temperature=1.0, max_new_tokens=24)


@pytest.fixture(scope="module")
def engine(tiny: Path) -> HfEngine:
    made = open_engine("hf", tiny, ChatTokenizer(tiny), {"device": "cpu"})
    assert isinstance(made, HfEngine)
    return made


def requests(engine: HfEngine, sampling: Sampling, count: int = 20, **changes: Any) -> list[Request]:
    prompts = [engine.tokenizer.render([{"role": "user", "content": "and 2+2? " * (n % 7 + 1)}]) for n in range(count)]
    return [Request(str(n), prompt, sampling, seed=1000 + n, **changes) for n, prompt in enumerate(prompts)]


def answers(engine: HfEngine, asked: Sequence[Request], batch_size: int) -> dict[str, Completion]:
    engine.batch_size = batch_size
    found: dict[str, Completion] = {}

    def emit(result: Completion | Refusal) -> None:
        assert isinstance(result, Completion)
        assert result.key not in found
        found[result.key] = result

    engine.generate(asked, emit)
    return found


@pytest.mark.parametrize("sampling", [GREEDY, PAPER, FREE])
def test_batch_and_order_do_not_matter(engine: HfEngine, sampling: Sampling) -> None:
    asked = requests(engine, sampling)
    one = answers(engine, asked, 1)
    shuffled = random.Random(0).sample(asked, len(asked))
    assert answers(engine, asked, 8) == one
    assert answers(engine, shuffled, 20) == one
    assert answers(engine, asked[:3], 8) == {request.key: one[request.key] for request in asked[:3]}


def test_seeds_draw_different_texts(engine: HfEngine) -> None:
    prompt = requests(engine, PAPER, 1)[0].prompt
    asked = [Request(str(n), prompt, PAPER, seed=n) for n in range(20)]
    assert len({one.text for one in answers(engine, asked, 20).values()}) == 20


def test_greedy_is_what_transformers_says(engine: HfEngine) -> None:
    asked = requests(engine, GREEDY, 1)
    ids = torch.tensor([asked[0].prompt.token_ids])
    expected = engine.model.generate(input_ids=ids, max_new_tokens=24, do_sample=False, pad_token_id=0)
    assert answers(engine, asked, 1)["0"].text == engine.tokenizer.decode(expected[0, ids.shape[1] :].tolist())


def draws(sampling: tuple[float, float, int], logits: torch.Tensor, count: int) -> Counter[int]:
    processor = SeededSampling(range(count), 1, *sampling)
    scores = processor(torch.zeros(count, 4, dtype=torch.long), logits.expand(count, -1))
    assert (scores.isfinite().sum(dim=-1) == 1).all()
    return Counter(scores.argmax(dim=-1).tolist())


@pytest.mark.parametrize("sampling", [(1.0, 1.0, 0), (0.7, 0.8, 20), (1.3, 0.95, 0), (1.0, 1.0, 5)])
def test_draws_follow_the_distribution_of_transformers_warpers(sampling: tuple[float, float, int]) -> None:
    from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    torch.manual_seed(1)
    logits = torch.randn(1, 50) * 2
    temperature, top_p, top_k = sampling
    warped = TemperatureLogitsWarper(temperature)(None, logits.clone())
    if top_k:
        warped = TopKLogitsWarper(top_k)(None, warped)
    if top_p < 1:
        warped = TopPLogitsWarper(top_p)(None, warped)
    expected = torch.softmax(warped, dim=-1)[0].double()

    count = 20_000
    found = draws(sampling, logits, count)
    assert set(found) <= set(expected.nonzero().flatten().tolist())
    likely = [token for token in range(50) if expected[token] * count >= 5]
    observed = [found[token] for token in likely] + [sum(found[t] for t in range(50) if t not in likely)]
    wanted = [float(expected[token]) * count for token in likely]
    wanted.append(max(count - sum(wanted), 1e-9))
    if wanted[-1] < 5:  # too few for a cell of their own
        observed[-2:], wanted[-2:] = [sum(observed[-2:])], [sum(wanted[-2:])]
    wanted = [value * sum(observed) / sum(wanted) for value in wanted]
    assert stats.chisquare(observed, wanted).pvalue > 1e-4


def test_noise_is_gumbel_and_a_function_of_its_three_coordinates() -> None:
    seeds, tokens = torch.arange(200)[:, None], torch.arange(200)[None, :]
    noise = gumbel(seeds, 3, tokens.expand(200, 200))
    assert stats.kstest(noise.flatten().numpy(), stats.gumbel_r.cdf).pvalue > 1e-4
    assert torch.equal(noise[5:7, 9:11], gumbel(seeds[5:7], 3, tokens[:, 9:11].expand(2, 2)))
    for other in (gumbel(seeds, 4, tokens.expand(200, 200)), gumbel(seeds + 1, 3, tokens.expand(200, 200))):
        assert abs(float(torch.corrcoef(torch.stack([noise.flatten(), other.flatten()]))[0, 1])) < 0.03


def test_budgets_and_counts(engine: HfEngine) -> None:
    asked = [
        Request(str(n), request.prompt, PAPER.model_copy(update={"max_new_tokens": 1 + n}), request.seed)
        for n, request in enumerate(requests(engine, PAPER, 12))
    ]
    long = answers(engine, requests(engine, PAPER, 12), 12)
    for n, request in enumerate(asked):
        one = answers(engine, asked, 12)[request.key]
        assert one.prompt_tokens == len(request.prompt.token_ids)
        assert one.output_tokens == min(n + 1, long[request.key].output_tokens)
        assert one.finish_reason == ("length" if long[request.key].output_tokens > n + 1 else one.finish_reason)
        assert long[request.key].text.startswith(one.text.rstrip("�"))


def test_a_stop_token_ends_the_text_and_is_not_part_of_it(engine: HfEngine) -> None:
    asked = requests(engine, GREEDY)
    free = answers(engine, asked, 20)
    ids = engine.tokenizer.tokenizer(free["0"].text, add_special_tokens=False)["input_ids"]
    stop = ids[4]
    own, engine.stop_ids = engine.stop_ids, frozenset({stop})
    try:
        stopped = answers(engine, asked, 20)["0"]
    finally:
        engine.stop_ids = own
    assert stopped.finish_reason == "stop"
    assert stopped.output_tokens <= 5
    assert free["0"].text.startswith(stopped.text)


def test_until_strings_end_the_text(engine: HfEngine) -> None:
    asked = requests(engine, GREEDY)
    free = answers(engine, asked, 20)
    stop = free["1"].text[3:5]
    cut = answers(engine, requests(engine, GREEDY, until=(stop,)), 20)
    for key, one in cut.items():
        assert one.text == free[key].text.partition(stop)[0]
        assert one.finish_reason == ("stop" if stop in free[key].text else free[key].finish_reason)


def test_results_come_while_the_batch_goes_on(engine: HfEngine) -> None:
    budgets = [2, 20]
    steps: list[tuple[str, int]] = []
    asked = [Request(str(n), Prompt("x", (5, 6)), Sampling(max_new_tokens=n), seed=n) for n in budgets]
    decode = engine.tokenizer.decode
    engine.generate(asked, lambda result: steps.append((result.key, getattr(result, "output_tokens", -1))))
    assert [key for key, _ in steps] == ["2", "20"]
    assert decode is not None


def test_memory_that_does_not_suffice_costs_the_batch_not_the_run(
    engine: HfEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = requests(engine, GREEDY, 8)
    free = answers(engine, asked, 8)
    forward = engine.model.forward

    @functools.wraps(forward)
    def small_card(most: int = 2, **options: Any) -> Any:
        if len(options["input_ids"]) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GiB")
        return forward(**options)

    monkeypatch.setattr(engine.model, "forward", small_card)
    assert answers(engine, asked, 8) == free

    monkeypatch.setattr(engine.model, "forward", functools.wraps(forward)(functools.partial(small_card, most=0)))
    refused: list[Completion | Refusal] = []
    engine.generate(asked[:2], refused.append)
    assert [(type(one), one.key) for one in refused] == [(Refusal, "0"), (Refusal, "1")]


def test_the_checkpoints_own_sampling_does_not_leak_in(tiny: Path, tmp_path: Path) -> None:
    import json
    import shutil

    path = Path(shutil.copytree(tiny, tmp_path / "leaky"))
    config = json.loads((path / "generation_config.json").read_text())
    leaky = {"do_sample": True, "temperature": 5.0, "repetition_penalty": 3.0, "min_new_tokens": 9}
    (path / "generation_config.json").write_text(json.dumps({**config, **leaky}))
    plain = open_engine("hf", tiny, ChatTokenizer(tiny), {"device": "cpu"})
    other = open_engine("hf", path, ChatTokenizer(path), {"device": "cpu"})
    assert isinstance(plain, HfEngine)
    assert isinstance(other, HfEngine)
    asked = requests(plain, PAPER, 5)
    assert answers(other, asked, 5) == answers(plain, asked, 5)


def test_settings_are_checked_before_any_weight_is_loaded(tiny: Path) -> None:
    with pytest.raises(UserError, match="no engine 'vlm'"):
        engine_facts("vlm", tiny, {})
    with pytest.raises(UserError, match=r"--engine-arg batchsize=4: .*takes dtype, device, batch_size"):
        HfSettings.parse({"batchsize": "4"})
    with pytest.raises(UserError, match=r"--engine-arg batch_size=many"):
        HfSettings.parse({"batch_size": "many"})
    facts = engine_facts("hf", tiny, {"device": "cpu"})
    assert (facts.dtype, facts.context) == ("float32", 8192)
    assert engine_facts("hf", tiny, {"dtype": "bfloat16", "max_model_len": "64"}).context == 64


def test_a_missing_extra_is_named(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "torch" else real(name, *rest))
    with pytest.raises(UserError, match=r"needs torch, not installed here; pip install 'spot-eval\[hf\]'"):
        engine_facts("hf", tiny, {})


def test_a_checkpoint_that_lacks_weights_is_refused_rather_than_filled_up(tiny: Path, tmp_path: Path) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    path = Path(shutil.copytree(tiny, tmp_path / "lacking"))
    weights = load_file(path / "model.safetensors")
    kept = {name: weight for name, weight in weights.items() if "down_proj" not in name}
    save_file(kept, path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"2 weights are missing .*layers\.0\.mlp\.down_proj"):
        open_engine("hf", path, ChatTokenizer(path), {})
    (path / "model.safetensors").write_bytes((tiny / "model.safetensors").read_bytes()[:100_000])
    with pytest.raises(UserError, match="cannot load this checkpoint"):
        open_engine("hf", path, ChatTokenizer(path), {})
