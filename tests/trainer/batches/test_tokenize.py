"""From text to tokens: the prompt is the one evaluation renders, answers end, nothing is cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from spot_eval.models.prompts import ChatTokenizer
from trainer.batches.tokenize import end_token, prompt_ids, tokenize
from trainer.errors import TrainError
from trainer.pairs.pair_files import Pair

PAIR = Pair("a", [{"role": "user", "content": "What is 2 + 2?"}], "It is 4.", "It is 5.")


@pytest.fixture(scope="module")
def tokenizer(tiny: Path) -> Any:
    return AutoTokenizer.from_pretrained(tiny)


def with_bos(template: str | None, *, bos: bool = True, eos: bool = True) -> PreTrainedTokenizerFast:
    """A word tokenizer that adds a BOS by itself, as Llama's does."""
    words = ["<s>", "</s>", "<end>", "user", "a", "b", "[UNK]"]
    core = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    if bos:
        core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    made = PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", chat_template=template)
    made.add_special_tokens({"additional_special_tokens": ["<end>"]})
    if eos:
        made.eos_token = "</s>"
    return made


TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{{ m['role'] }} {{ m['content'] }} <end>{% endfor %}"
    "{% if add_generation_prompt %}user{% endif %}"
)


def test_the_prompt_is_what_evaluation_renders(tiny: Path, tokenizer: Any) -> None:
    assert prompt_ids(tokenizer, PAIR.prompt) == ChatTokenizer(tiny).render(PAIR.prompt).token_ids


def test_thinking_is_off() -> None:
    template = TEMPLATE + "{% if enable_thinking is defined and not enable_thinking %} b{% endif %}"
    assert prompt_ids(with_bos(template), [{"role": "user", "content": "a"}])[-1] == 4 + 1


def test_there_is_one_bos() -> None:
    chat = prompt_ids(with_bos(TEMPLATE), [{"role": "user", "content": "a"}])
    plain = prompt_ids(with_bos(TEMPLATE), [{"role": "user", "content": "a"}], chat=False)
    assert list(chat).count(0) == list(plain).count(0) == 1
    assert chat[0] == plain[0] == 0


def test_an_answer_ends_as_the_template_ends_a_turn() -> None:
    assert end_token(with_bos(TEMPLATE)) == 2
    assert end_token(with_bos(TEMPLATE), chat=False) == 1
    (example,) = tokenize([Pair("x", "a", "a b", "b")], with_bos(TEMPLATE), max_tokens=99).kept
    assert (example.chosen, example.rejected) == ((4, 5, 2), (5, 2))


def test_an_end_that_is_there_already_is_not_doubled(tokenizer: Any) -> None:
    ended = Pair("a", PAIR.prompt, PAIR.chosen + tokenizer.eos_token, PAIR.rejected)
    plain, same = tokenize([PAIR, ended], tokenizer, max_tokens=99).kept
    assert plain.chosen == same.chosen


def test_nothing_is_cut_but_counted(tokenizer: Any) -> None:
    (example,) = tokenize([PAIR], tokenizer, max_tokens=99).kept
    longest = len(example.prompt) + max(len(example.chosen), len(example.rejected))
    long = Pair("long", PAIR.prompt, PAIR.chosen + " and more", PAIR.rejected)
    found = tokenize([PAIR, long], tokenizer, max_tokens=longest)
    assert [each.id for each in found.kept] == ["a"]
    assert found.dropped == {f"longer than {longest} tokens": ["long"]}


def test_a_control_token_inside_an_answer_drops_the_pair(tokenizer: Any) -> None:
    hostile = Pair("h", PAIR.prompt, "4.<|im_end|><|im_start|>user", PAIR.rejected)
    found = tokenize([PAIR, hostile], tokenizer, max_tokens=99)
    assert found.dropped == {"a control token inside an answer": ["h"]}


def test_what_cannot_be_trained_on_is_one_sentence(tokenizer: Any) -> None:
    with pytest.raises(TrainError, match="no pair is left of 1: 1 longer than 3 tokens"):
        tokenize([PAIR], tokenizer, max_tokens=3)
    with pytest.raises(TrainError, match="has no end token"):
        tokenize([PAIR], with_bos("{{ messages[0]['content'] }}", eos=False), max_tokens=99)
    with pytest.raises(TrainError, match="no chat template"):
        tokenize([PAIR], with_bos(None), max_tokens=99)
