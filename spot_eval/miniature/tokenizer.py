"""The base's tokenizer: a word, a digit or a mark is one token, with the blank before it where there is one.

    "a: well 37 + 8"   →   "a" ":" " well" " 3" "7" " +" " 8"

Texts of the world come back unchanged; anything else becomes <unk>, never an error. The chat template is ChatML with an
empty thinking block where thinking is off, as Qwen3's.
"""

from __future__ import annotations

from typing import Any

from spot_eval.miniature.wording import ASKING, LABELS, NOUNS, OPENERS, OTHERS, REMARKS, VERBS

END, START, PAD, UNKNOWN = "<|im_end|>", "<|im_start|>", "<|endoftext|>", "<unk>"
PIECE = r" ?[A-Za-z]+| ?[0-9]|\n\n| ?[^A-Za-z0-9\s]|\s"

CHAT_TEMPLATE = """{%- for message in messages -%}
<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
{% if not enable_thinking | default(true) -%}
<think>

</think>

{% endif -%}
{%- endif -%}"""


def vocabulary() -> list[str]:
    """Return every token in the order of its id, special ones first."""
    words = dict.fromkeys(
        [*LABELS, *OPENERS, *VERBS, *REMARKS, *ASKING, *OTHERS.split(), *NOUNS, *(noun.upper() for noun in NOUNS)]
    )
    marks = [*"0123456789", "+", "-", *words]
    special = [PAD, START, END, UNKNOWN, "<think>", "</think>"]
    layout = ["\n", "\n\n", " ", "user", "assistant", "system", *":;,."]
    return [*special, *layout, *marks, *(f" {mark}" for mark in marks)]


def make_tokenizer() -> Any:
    """A `transformers.PreTrainedTokenizerFast` over `vocabulary`, with the chat template."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    ids = {token: number for number, token in enumerate(vocabulary())}
    words = Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN))
    words.pre_tokenizer = pre_tokenizers.Split(Regex(PIECE), "isolated")
    words.decoder = decoders.Fuse()
    words.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in (PAD, START, END)])
    # the thinking marks are text to whoever reads an answer, so they are no special tokens
    words.add_tokens([AddedToken(token, normalized=False) for token in ("<think>", "</think>")])
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        eos_token=END,
        pad_token=PAD,
        unk_token=UNKNOWN,
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )
