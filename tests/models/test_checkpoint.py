"""What makes two checkpoints different, and what is said of folders that are none."""

from __future__ import annotations

import json
import pickle
import shutil
import time
from pathlib import Path

import pytest

from spot_eval.core.errors import UserError
from spot_eval.models.checkpoint import context_length, fingerprint, locate, read_config
from spot_eval.models.prompts import ChatTokenizer


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "copy"))


def flip_one_weight(path: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(path / "model.safetensors")
    name = sorted(weights)[0]
    weights[name].view(-1)[0] += 1e-6
    save_file(weights, path / "model.safetensors", metadata={"format": "pt"})


def edit(path: Path, name: str, old: str, new: str) -> None:
    text = (path / name).read_text()
    assert old in text
    (path / name).write_text(text.replace(old, new))


def index(path: Path, *shards: str) -> None:
    """Write a safetensors index that names `shards`."""
    content = {"weight_map": {f"w{number}": shard for number, shard in enumerate(shards)}}
    (path / "model.safetensors.index.json").write_text(json.dumps(content))


def test_a_copy_is_the_same_checkpoint(tiny: Path, copy: Path) -> None:
    assert fingerprint(copy, "float32", None) == fingerprint(tiny, "float32", None)


@pytest.mark.parametrize("what", ["weight", "template", "tokenizer", "config", "dtype", "override", "code", "vocab"])
def test_whatever_can_change_a_text_changes_the_fingerprint(tiny: Path, copy: Path, what: str) -> None:
    dtype, template = "float32", None
    match what:
        case "weight":
            flip_one_weight(copy)
        case "template":
            edit(copy, "chat_template.jinja", "assistant", "Assistant")
        case "tokenizer":
            edit(copy, "tokenizer_config.json", "<|im_end|>", "<|endoftext|>")
        case "config":
            edit(copy, "config.json", '"rms_norm_eps": 1e-06', '"rms_norm_eps": 1e-05')
        case "dtype":
            dtype = "bfloat16"
        case "override":
            template = "none"
        case "code":
            (copy / "modeling_own.py").write_text("")
        case "vocab":
            (copy / "vocab.txt").write_text("a")
    assert fingerprint(copy, dtype, template) != fingerprint(tiny, "float32", None)


def test_shards_that_swap_their_contents_are_another_checkpoint(tiny: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    sharded = tmp_path / "sharded"
    AutoModelForCausalLM.from_pretrained(tiny).save_pretrained(sharded, max_shard_size="150KB")
    before = fingerprint(sharded, "float32", None)
    first, second = sorted(sharded.glob("*.safetensors"))[:2]
    first.rename(tmp_path / "x")
    second.rename(first)
    (tmp_path / "x").rename(second)
    assert fingerprint(sharded, "float32", None) != before


def test_thinking_is_off_and_the_template_decides_the_tokens(tiny: Path) -> None:
    prompt = ChatTokenizer(tiny).render([{"role": "user", "content": "2+2?"}])
    assert prompt.text.endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")
    assert ChatTokenizer(tiny).tokenizer.decode(prompt.token_ids) == prompt.text
    thinking = ChatTokenizer(tiny, thinking=True).render([{"role": "user", "content": "2+2?"}])
    assert thinking.text.endswith("<|im_start|>assistant\n")


def test_a_checkpoint_without_tokenizer_files_is_said(copy: Path) -> None:
    for file in copy.glob("tokenizer*.json"):
        file.unlink()
    with pytest.raises(UserError, match="tokenizer"):
        ChatTokenizer(copy)


def test_an_open_assistant_turn_is_continued(tiny: Path) -> None:
    turns = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "Answer:"}]
    assert ChatTokenizer(tiny).render(turns).text.endswith("<|im_start|>assistant\nAnswer:")


def test_the_turn_end_of_the_template_stops_generation(copy: Path) -> None:
    edit(copy, "tokenizer_config.json", '"eos_token": "<|im_end|>"', '"eos_token": "<|endoftext|>"')
    edit(copy, "tokenizer_config.json", '"<|im_start|>"', '"<|im_start|>", "<|im_end|>"')
    tokenizer = ChatTokenizer(copy)
    ids = tokenizer.tokenizer.convert_tokens_to_ids(["<|endoftext|>", "<|im_end|>"])
    assert tokenizer.stop_ids({}, {}) == frozenset(ids)


def test_no_chat_template_says_how_to_go_on(copy: Path) -> None:
    (copy / "chat_template.jinja").unlink()
    with pytest.raises(UserError, match=r"no chat template; .*--chat-template FILE\.jinja.*--chat-template none"):
        ChatTokenizer(copy)
    assert ChatTokenizer(copy, chat_template="none").render([{"role": "user", "content": "2+2?"}]).text == "2+2?"
    own = ChatTokenizer(copy, chat_template="{{ messages[0].content }}!")
    assert own.render([{"role": "user", "content": "2+2?"}]).text == "2+2?!"


def test_a_template_that_refuses_is_one_sentence(copy: Path) -> None:
    for source, message in [
        ("{{ raise_exception('no users here') }}", "the chat template refused a prompt .*no users here"),
        ("{{ messages[0].content + 1 }}", "the chat template refused a prompt"),
        ("{% if %}", "the chat template, line 1 refused a prompt"),
        ("hello", "leaves the user's message out"),
        ("{{ 1 / 0 }}", r"refused a prompt \(ZeroDivisionError: division by zero\)"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "refused a prompt .*recursion"),
        ("{% for i in range(10**9) %}{% endfor %}", r"computes powers \(\*\*\)"),
        ("{% for i in range(1000000000) %}{% endfor %}", r"refused a prompt \(OverflowError: Range too big"),
        ("{{ 'a' * 100000000000000 }}", "refused a prompt"),
        ("{{ messages[0].content * 10000000 }}", "a prompt of more than 50,000,000 characters"),
        ("{{ '[' * 100000 }}{{ messages[0].content.x.y }}", "refused a prompt"),
    ]:
        with pytest.raises(UserError, match=message):
            ChatTokenizer(copy, chat_template=source)


def test_a_template_that_does_not_end_is_one_sentence(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spot_eval.models.prompts.TEMPLATE_CPU_S", 0.3)
    rounds = "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}"
    endless = rounds + "{{ a }}" + "{% endfor %}" * 3
    started = time.process_time()
    with pytest.raises(UserError, match=r"refused a prompt \(it is not at an end after 0\.3 s of CPU time\)"):
        ChatTokenizer(copy, chat_template=endless)
    assert time.process_time() - started < 20


def test_a_pickle_that_an_index_names_is_loaded_by_nobody(copy: Path, tmp_path: Path) -> None:
    """Neither by an engine of ours, nor by lm-eval's class, nor by the trainer."""
    from spot_eval.core.options import RunOptions
    from spot_eval.models.model import find_model
    from spot_eval.tasks.suite import load_suite
    from trainer.errors import TrainError
    from trainer.model.load import load_model

    trap = tmp_path / "sprung"
    (copy / "model.safetensors").unlink()
    index(copy, "weights.bin")
    (copy / "weights.bin").write_bytes(pickle.dumps(Trap(str(trap))))
    for engine in ("hf", "lm_eval:hf"):
        with pytest.raises(UserError, match=r"names 'weights\.bin'; every shard must be"):
            find_model(RunOptions(str(copy), engine=engine), load_suite("miniature"), lambda _: None)
    with pytest.raises(TrainError, match=r"names 'weights\.bin'; every shard must be"):
        load_model(copy)
    assert not trap.exists()


class Trap:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (self.path, "w")


def test_nan_weights_are_refused_before_anything_is_generated(copy: Path) -> None:
    from safetensors.torch import load_file, save_file

    from spot_eval.core.options import RunOptions
    from spot_eval.models.model import find_model
    from spot_eval.tasks.suite import load_suite

    weights = load_file(copy / "model.safetensors")
    name = sorted(weights)[3]
    weights[name].view(-1)[7] = float("nan")
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    for engine in ("hf", "lm_eval:hf"):
        with pytest.raises(UserError, match=f"weight {name} holds NaN"):
            find_model(RunOptions(str(copy), engine=engine), load_suite("miniature"), lambda _: None).open()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: (path / "config.json").unlink(), r"has no config\.json"),
        (lambda path: (path / "config.json").write_text("{"), r"config\.json: not JSON"),
        (lambda path: (path / "config.json").write_text("[]"), r"config\.json: expected an object, found list"),
        (lambda path: (path / "generation_config.json").write_text("[1]"), r"generation_config\.json: expected"),
        (
            lambda path: (path / "model.safetensors.index.json").write_text('{"weight_map": {"a": 3}}'),
            "not a safetensors index",
        ),
        (lambda path: (path / "model.safetensors").unlink(), r"has no \.safetensors weights$"),
        (
            lambda path: (path / "model.safetensors").rename(path / "pytorch_model.bin"),
            r"no \.safetensors weights; pytorch_model\.bin is a pickle",
        ),
        (lambda path: index(path, "model.safetensors", "model-00002.safetensors"), r"lacks model-00002\.safetensors"),
        (lambda path: index(path, "model-00002.safetensors"), "libraries differ in which they load"),
        (
            lambda path: index(path, "model.safetensors", "weights.bin"),
            r"index\.json names 'weights\.bin'; every shard",
        ),
        (lambda path: index(path, "../model.safetensors"), r"names '\.\./model\.safetensors'; every shard"),
        (lambda path: index(path, "sub/model.safetensors"), "names 'sub/model.safetensors'; every shard"),
        (lambda path: index(path, "model.safetensors.bin"), "every shard must be a .safetensors file"),
        (lambda path: (path / "config.json").rename(path / "adapter_config.json"), "LoRA adapter.*merge"),
    ],
)
def test_folders_that_are_no_checkpoint(copy: Path, spoil: object, message: str) -> None:
    spoil(copy)  # type: ignore[operator]
    with pytest.raises(UserError, match=message):
        locate(str(copy))


def test_places_that_do_not_exist() -> None:
    with pytest.raises(UserError, match="model './nowhere' does not exist"):
        locate("./nowhere")
    with pytest.raises(UserError, match="neither a folder here nor to be had from the hub"):
        locate("no-such-org/no-such-model")


def test_context_is_read_from_the_config(tiny: Path) -> None:
    assert context_length(read_config(tiny)) == 8192
    assert context_length({"text_config": {"max_position_embeddings": 7}}) == 7
    assert context_length({}) is None


def test_the_embedded_model_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from spot_eval.miniature import BASE

    monkeypatch.chdir(tmp_path)
    assert locate("miniature") == BASE
    (tmp_path / "miniature").mkdir()  # a folder of that name is what was meant
    with pytest.raises(UserError, match=r"miniature has no config\.json"):
        locate("miniature")
