"""The tokenizer, and the base that is shipped: what it is made of and what it can do."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spot_eval.miniature import BASE, FAMILIES, authors, items
from spot_eval.miniature.arithmetic import HABITS
from spot_eval.miniature.chance import Chance
from spot_eval.miniature.teacher import solve
from tests.miniature.mistakes import MISTAKES, mistakes
from tests.miniature.profile import answers, exam, judged, outside, scores

COUNT = 400


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(BASE)


@pytest.fixture(scope="module")
def examined():
    asked = exam(count=COUNT)
    return asked, answers(BASE, asked)


@given(st.sampled_from(list(FAMILIES)), st.integers(0, 10**9), st.sets(st.sampled_from(HABITS)))
def test_texts_of_the_world_come_back_from_their_tokens(tokenizer, task, seed, habits):
    item = items(task, "test", seed, 1)[0]
    for text in (item.prompt, item.answer, authors.write(item, Chance(seed), habits), solve(item)):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert tokenizer.decode(ids) == text
        assert tokenizer.unk_token_id not in ids


@given(st.text())
def test_any_other_text_has_tokens_too(tokenizer, text):
    ids = tokenizer(text)["input_ids"]
    assert all(0 <= number < len(tokenizer) for number in ids)


def test_the_template_is_chatml_with_thinking_off_or_on(tokenizer):
    turns = [{"role": "user", "content": "Count these words: red cat."}]
    asked = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, enable_thinking=False)
    assert asked == (
        "<|im_start|>user\nCount these words: red cat.<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    )
    thinking = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    assert thinking == asked.removesuffix("<think>\n\n</think>\n\n")
    ids = tokenizer(asked, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == asked
    assert tokenizer.unk_token_id not in ids
    assert tokenizer.eos_token == "<|im_end|>"


def test_the_shipped_base_is_small_and_what_vllm_loads():
    from safetensors import safe_open

    config = json.loads((BASE / "config.json").read_text())
    assert config["architectures"] == ["Qwen3ForCausalLM"]
    assert config["head_dim"] >= 32
    assert config["tie_word_embeddings"]
    with safe_open(BASE / "model.safetensors", "pt") as weights:
        tensors = [weights.get_tensor(name) for name in weights.keys()]  # noqa: SIM118 - no iterator of its own
    assert {str(tensor.dtype) for tensor in tensors} == {"torch.bfloat16"}
    assert 5e5 <= sum(tensor.numel() for tensor in tensors) <= 2e6
    assert sum(file.stat().st_size for file in BASE.iterdir()) <= 4_000_000


@pytest.mark.slow
def test_the_shipped_base_stands_within_the_bands(examined):
    found = scores(examined[0], judged(*examined))
    assert all(found[task].count == COUNT for task in FAMILIES)
    assert outside(found) == []


@pytest.mark.slow
def test_the_shipped_base_makes_every_mistake(examined):
    asked, texts = examined
    made = Counter(kind for item, text in zip(asked, texts, strict=True) for kind in mistakes(item, text))
    assert all(made[kind] >= 10 for kind in MISTAKES if kind not in {"slip", "form"}), made
    # and of what is worked out wrong, most has a name
    assert made["slip"] + made["form"] < sum(made.values()) / 2


@pytest.mark.slow
def test_sampling_finds_right_answers_that_greedy_decoding_misses():
    asked = items("mini_arithmetic", "train", 77, 100)
    wrong = [item for item, right in zip(asked, judged(asked, answers(BASE, asked)), strict=True) if not right]
    rescued = judged(wrong, answers(BASE, wrong, temperature=1.0))
    assert 0 < sum(rescued) < len(wrong)


@pytest.mark.slow
def test_the_script_makes_a_checkpoint_and_the_same_one_again(tmp_path):
    from spot_eval.miniature.build import build

    once, again, other = (build(tmp_path / name, seed, scale=0.002) for name, seed in (("a", 3), ("b", 3), ("c", 4)))
    weights = [(path / "model.safetensors").read_bytes() for path in (once, again, other)]
    assert weights[0] == weights[1] != weights[2]
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        assert (once / name).read_text() == (BASE / name).read_text(), f"{name} is not what the script writes"
