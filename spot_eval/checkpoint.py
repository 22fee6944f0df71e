"""A checkpoint on disk: where it is, what it is made of, how it wants to be prompted.

Knows files, hashes and the tokenizer; loads no weights (that is an engine's job).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spot_eval.errors import UserError
from spot_eval.files import file_name
from spot_eval.miniature import BASE as MINIATURE
from spot_eval.progress import progress
from spot_eval.records import digest

# Beside the weights: configuration, tokenizer, chat templates, and code that a checkpoint may bring along.
DECIDING_SUFFIXES = {".json", ".jinja", ".txt", ".model", ".tiktoken", ".py", ".spm", ".bpe"}
NO_TEMPLATE = "none"  # the value of --chat-template that asks for plain text prompts


@dataclass(frozen=True)
class Prompt:
    """A prompt as the model reads it: `text` is what the token ids spell.

    Where the chat template is applied elsewhere, there are `messages` and no token ids; `text` is their JSON, and
    `counted` the number of tokens if that was asked for.
    """

    text: str
    token_ids: tuple[int, ...] = ()
    messages: tuple[Mapping[str, str], ...] = ()
    counted: int | None = None

    @property
    def length(self) -> int | None:
        """Its tokens; None where nobody here can count them."""
        return len(self.token_ids) or self.counted


def locate(model: str) -> Path:
    """The folder of a checkpoint: a local path, `miniature`, or a hub id that is downloaded (safetensors only).

    Raises UserError where there is none, or where it holds no config or no safetensors.
    """
    path = Path(model).expanduser()
    if model == "miniature" and not path.exists():
        path = MINIATURE
    if not path.is_dir():
        looks_local = path.exists() or model.startswith((".", "/", "~")) or model.count("/") != 1
        if looks_local:
            kind = "is a file, not a folder" if path.exists() else "does not exist"
            raise UserError(
                f"model {model!r} {kind}; give the folder that save_pretrained wrote, or a hub id such as org/name"
            )
        path = _download(model)
    _check(path)
    return path


def _download(model: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        files = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "*.txt", "tokenizer.model"]
        return Path(snapshot_download(model, allow_patterns=files))
    except (HfHubHTTPError, LocalEntryNotFoundError, HFValidationError, OSError) as problem:
        reason = str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
        raise UserError(
            f"model {model!r} is neither a folder here nor to be had from the hub ({reason}); "
            "check the name, log in with `hf auth login`, or give a local folder"
        ) from problem


def _check(path: Path) -> None:
    if (path / "adapter_config.json").is_file() and not (path / "config.json").is_file():
        raise UserError(
            f"{path} holds a LoRA adapter, not a model; merge it first "
            "(peft: model.merge_and_unload().save_pretrained(...))"
        )
    if not (path / "config.json").is_file():
        raise UserError(f"{path} has no config.json, so it is not a checkpoint; give the folder save_pretrained wrote")
    read_config(path)
    read_config(path, "generation_config.json")
    missing = [file for file in weight_files(path) if not file.is_file()]
    if missing:
        raise UserError(f"{path} lacks {missing[0].name}, which its index names; copy the checkpoint again")


def weight_files(path: Path) -> list[Path]:
    """The safetensors files of a checkpoint, in name order. Raises UserError where there are none."""
    index = path / "model.safetensors.index.json"
    if index.is_file():
        try:
            return sorted(path / name for name in set(json.loads(index.read_bytes())["weight_map"].values()))
        except (ValueError, KeyError, AttributeError, TypeError) as problem:
            raise UserError(f"{index}: not a safetensors index ({problem!r})") from problem
    found = sorted(path.glob("*.safetensors"))
    if not found:
        other = next(iter(sorted([*path.glob("*.bin"), *path.glob("*.pt"), *path.glob("*.pth")])), None)
        hint = f"; {other.name} is a pickle, which can run code: convert it to safetensors" if other else ""
        raise UserError(f"{path} has no .safetensors weights{hint}")
    return found


def fingerprint(path: Path, dtype: str, chat_template: str | None, hashed: Callable[[int], None] | None = None) -> str:
    """128 bits over weights, tokenizer, configuration, chat template and dtype.

    `hashed` is told of bytes as they are read. A checkpoint saved again with other shards has another fingerprint:
    that costs a run, never a wrong record.
    """
    weights = weight_files(path)
    others = sorted(
        file
        for file in (*path.glob("*"), *path.glob("additional_chat_templates/*"))
        if file.suffix in DECIDING_SUFFIXES and file.is_file() and not file.name.startswith((".", "README", "LICENSE"))
    )
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as threads:
        sums = list(threads.map(lambda file: _sha256(file, hashed or _unheard), [*weights, *others]))
    # weights are told by their content in the order of their names; all else by name and content
    named = {str(file.relative_to(path)): total for file, total in zip(others, sums[len(weights) :], strict=True)}
    return digest("checkpoint", sums[: len(weights)], named, dtype, chat_template)


def shown_fingerprint(path: Path, dtype: str, chat_template: str | None) -> str:
    """`fingerprint`, under a progress bar: to read a large checkpoint takes a while."""
    size = sum(file.stat().st_size for file in weight_files(path))
    with progress("hashing the checkpoint (MB)", size >> 20) as advance:
        rest = 0

        def hashed(count: int) -> None:
            nonlocal rest
            rest += count
            advance(rest >> 20)
            rest &= (1 << 20) - 1

        return fingerprint(path, dtype, chat_template, hashed)


def _unheard(count: int) -> None:
    del count


def _sha256(file: Path, hashed: Callable[[int], None]) -> str:
    total = hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(1 << 22):
            total.update(block)
            hashed(len(block))
    return total.hexdigest()


def chat_prompt(messages: list[dict[str, str]], thinking: bool) -> Prompt:
    """A prompt whose template is applied elsewhere; its text tells apart whatever could change the answer."""
    text = json.dumps({"messages": messages, "thinking": thinking}, ensure_ascii=False, sort_keys=True)
    return Prompt(text, messages=tuple(messages))


def plain_prompt(messages: list[dict[str, str]]) -> Prompt:
    """The prompt of a base model that is not tokenised here."""
    return Prompt(_plain(messages))


def _plain(messages: list[dict[str, str]]) -> str:
    return "\n\n".join(message["content"] for message in messages)


class ChatTokenizer:
    """The checkpoint's tokenizer with its chat template, thinking switched off unless asked for.

    Raises UserError where there is no tokenizer, or no chat template and none was given.
    """

    def __init__(
        self,
        path: Path,
        *,
        chat_template: str | None = None,
        thinking: bool = False,
        trust_remote_code: bool = False,
    ) -> None:
        from transformers import AutoTokenizer

        try:
            self.tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=trust_remote_code)
        except (OSError, ValueError, KeyError, TypeError) as problem:
            first = str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
            raise UserError(f"{path}: its tokenizer cannot be loaded ({first})") from problem
        if not self.tokenizer("spot")["input_ids"]:
            raise UserError(f"{path} has no tokenizer files (tokenizer.json or the like); copy those of its base model")
        self.thinking = thinking
        self.plain = chat_template == NO_TEMPLATE
        if chat_template is not None and not self.plain:
            self.tokenizer.chat_template = chat_template
        if not self.plain and not self.tokenizer.chat_template:
            raise UserError(
                f"{path}: its tokenizer has no chat template; give one with --chat-template FILE.jinja, "
                "or --chat-template none for plain text prompts (a base model)"
            )
        probe = "Is the question in the prompt?"
        if probe not in self.render([{"role": "user", "content": probe}]).text:
            raise UserError(
                f"{path}: its chat template leaves the user's message out; give another: --chat-template FILE"
            )

    def render(self, messages: list[dict[str, str]]) -> Prompt:
        """The prompt for `messages`; a last assistant turn is left open for the model to go on with."""
        if self.plain:
            text = _plain(messages)
            return Prompt(text, tuple(self.tokenizer(text)["input_ids"]))
        open_turn = messages[-1]["role"] == "assistant"
        text = self._apply(messages, add_generation_prompt=not open_turn, continue_final_message=open_turn)
        # the template has written the special tokens (BOS among them) into the text already
        return Prompt(text, tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"]))

    def render_many(self, conversations: Sequence[list[dict[str, str]]]) -> list[Prompt]:
        """The prompt of each conversation."""
        return [self.render(messages) for messages in conversations]

    def _apply(self, messages: list[dict[str, str]], **options: bool) -> str:
        from jinja2 import TemplateError

        try:
            return self.tokenizer.apply_chat_template(
                messages,
                tokenize=False,
                enable_thinking=self.thinking,  # Qwen's name for it
                thinking=self.thinking,  # DeepSeek's and Granite's
                **options,
            )
        except (TemplateError, TypeError, ValueError, AttributeError, LookupError) as problem:
            line = getattr(problem, "lineno", None)
            where = f", line {line}" if line else ""
            raise UserError(
                f"the chat template{where} refused a prompt ({problem}); give another with --chat-template FILE"
            ) from problem

    def stop_ids(self, generation_config: dict[str, Any], config: dict[str, Any]) -> frozenset[int]:
        """Tokens that end an answer: those the checkpoint names, and what its template writes after a turn."""
        named = [
            generation_config.get("eos_token_id"),
            config.get("eos_token_id"),
            self.tokenizer.eos_token_id,
        ]
        ids = {token for entry in named for token in (entry if isinstance(entry, list) else [entry])}
        return frozenset({token for token in ids if isinstance(token, int)} | set(self._turn_end()))

    def _turn_end(self) -> Iterator[int]:
        if self.plain:
            return
        probe = "spot"
        turns = [{"role": "user", "content": probe}, {"role": "assistant", "content": probe}]
        try:
            after = self._apply(turns).rpartition(probe)[2]
        except UserError:  # a template that refuses answered turns; the configuration names its end token
            return
        ids = self.tokenizer(after, add_special_tokens=False)["input_ids"]
        if ids and ids[0] in self.tokenizer.all_special_ids:
            yield ids[0]

    def decode(self, token_ids: list[int]) -> str:
        """The text of generated tokens, special ones left out."""
        return self.tokenizer.decode(token_ids, skip_special_tokens=True)


def context_length(config: dict[str, Any]) -> int | None:
    """Tokens of prompt and answer together that the model was made for; None where the config does not say."""
    for part in (config, config.get("text_config") or {}):
        for name in ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length"):
            if isinstance(value := part.get(name), int):
                return value
    return None


def read_config(path: Path, name: str = "config.json") -> dict[str, Any]:
    """A JSON file of the checkpoint; empty where it has none. Raises UserError where it holds no object."""
    file = path / name
    try:
        config = json.loads(file.read_bytes()) if file.is_file() else {}
    except ValueError as problem:
        raise UserError(f"{file}: not JSON ({problem})") from problem
    if not isinstance(config, dict):
        raise UserError(f"{file}: expected an object, found {type(config).__name__}")
    return config


def read_template(given: str | None) -> str | None:
    """The text of a `--chat-template FILE`; `none` stays what it is. Raises UserError where it cannot be read."""
    if given is None or given == NO_TEMPLATE:
        return given
    try:
        return Path(given).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise UserError(f"--chat-template {given}: cannot be read ({problem}); give a file, or `none`") from problem


def template_name(template: str | None, default: str = "checkpoint") -> str:
    """How a manifest names the template in force."""
    if template is None:
        return default
    return NO_TEMPLATE if template == NO_TEMPLATE else digest("template", template)


def readable_name(path: Path, model: str) -> str:
    """A checkpoint's folder, with its parent's where that says little (`checkpoint-500`, `base`)."""
    name = model if not Path(model).expanduser().is_dir() else path.resolve().name
    if re.fullmatch(r"(checkpoint|step)[-_]?\d+|base|final|last|best|model|ckpt", name):
        name = f"{path.resolve().parent.name}-{name}"
    return file_name(name)
