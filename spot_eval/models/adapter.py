"""A LoRA adapter on disk.

    adapter = read_adapter(Path("lora"))
    adapter.rank, adapter.base_name

Only adapter_config.json and adapter_model.safetensors are read, never a pickle. Whether it fits a base is
`adapter_fit`'s to say; engines load it (peft for `hf`, vLLM itself for `vllm`).
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.keys import digest
from spot_eval.models.checkpoint import folder_of, is_adapter, read_config, readable_name
from spot_eval.models.tensors import TensorInfo, read_headers, refuse_nan

NO_ADAPTER = "none"  # the value of --adapter that asks for the base alone
WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."
# Of the configuration, what changes no text.
UNDECIDING = {"base_model_name_or_path", "revision", "inference_mode", "auto_mapping", "peft_version", "task_type",
              "lora_dropout", "megatron_config", "megatron_core", "runtime_config"}  # fmt: skip
# Ways to start training that leave the base as it is; the others change its weights when peft loads the adapter.
PLAIN_STARTS = {"gaussian", "eva", "orthogonal", "mica", "lora_ga"}


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter: its folder, a name for people, its configuration, and its tensors without peft's prefix."""

    path: Path
    name: str
    config: Mapping[str, Any]
    tensors: Mapping[str, TensorInfo]

    @property
    def rank(self) -> int:
        """The largest rank of its matrices."""
        ranks = [
            info.shape[0] for name, info in self.tensors.items() if re.search(r"\.lora_(embedding_)?A(\.|$)", name)
        ]
        return max([int(self.config["r"]), *ranks])

    @property
    def base_name(self) -> str | None:
        """The base that its configuration names."""
        return self.config.get("base_model_name_or_path") or None

    @property
    def replaced(self) -> dict[str, TensorInfo]:
        """Whole tensors of the base that it brings along: modules_to_save, biases, resized embeddings."""
        return {name: info for name, info in self.tensors.items() if not is_update(name)}

    @property
    def alters_base(self) -> bool:
        """True if loading it changes weights of the base in place, so that they must be loaded again afterwards."""
        config = self.config
        saved = config.get("modules_to_save") or []
        start = config.get("init_lora_weights", True)
        return (
            any(not any(_under(name, module) for module in saved) for name in self.replaced)
            or config.get("bias", "none") != "none"
            or bool(config.get("target_parameters") or config.get("layer_replication"))
            or (isinstance(start, str) and start.lower() not in PLAIN_STARTS)
        )

    def digest(self) -> str:
        """Return a hash of its weights and of the settings that decide texts."""
        total = hashlib.sha256()
        with (self.path / WEIGHTS).open("rb") as content:
            while block := content.read(1 << 22):
                total.update(block)
        deciding = {name: value for name, value in self.config.items() if name not in UNDECIDING}
        if isinstance(deciding.get("target_modules"), list):
            deciding["target_modules"] = sorted(deciding["target_modules"])  # peft writes a set
        return digest("adapter", total.hexdigest(), deciding)


def locate_adapter(given: str) -> Adapter:
    """Return the adapter in a folder or under a hub id. Raises UserError if it is not a LoRA adapter in safetensors."""
    path = folder_of(given, "--adapter")
    if not is_adapter(path):
        hint = "it is a whole checkpoint: --model" if (path / "config.json").is_file() else "give the folder peft wrote"
        raise UserError(f"--adapter {given} has no adapter_config.json; {hint}")
    return read_adapter(path, given)


def read_adapter(path: Path, given: str | None = None) -> Adapter:
    """Return the adapter in the folder `path`, of which the user said `given`. Raises UserError as `locate_adapter`."""
    config = read_config(path, "adapter_config.json")
    file = path / "adapter_config.json"
    kind = config.get("peft_type")
    if kind != "LORA":
        raise UserError(f"{path} holds a {kind} adapter; only LoRA adapters (LORA) can be run")
    _check_types(config, file)
    if config.get("alora_invocation_tokens"):
        raise UserError(f"{path} is an activated LoRA, which begins in the middle of a prompt; that cannot be run here")
    if not (path / WEIGHTS).is_file():
        pickle = " (adapter_model.bin is a pickle, which can run code: convert it to safetensors)"
        hint = pickle if (path / "adapter_model.bin").exists() else ""
        raise UserError(f"{path} has no {WEIGHTS}{hint}; save the adapter with peft's save_pretrained")
    refuse_nan([path / WEIGHTS], path)
    tensors = {name.removeprefix(PREFIX): info for name, info in read_headers([path / WEIGHTS]).items()}
    return Adapter(path, readable_name(path, given or str(path)), config, tensors)


def _check_types(config: Mapping[str, Any], file: Path) -> None:
    """Raise UserError for a setting of another type than peft writes."""
    wanted: dict[str, tuple[type, ...]] = {
        "r": (int,), "lora_alpha": (int, float), "target_modules": (list, str, type(None)),
        "modules_to_save": (list, type(None)), "bias": (str,), "base_model_name_or_path": (str, type(None)),
        "rank_pattern": (dict, type(None)), "alpha_pattern": (dict, type(None)),
    }  # fmt: skip
    for name, types in wanted.items():
        value = config.get(name)
        if (name in config or name in ("r", "lora_alpha")) and (
            not isinstance(value, types) or isinstance(value, bool)
        ):
            expected = " or ".join("null" if each is type(None) else each.__name__ for each in types)
            raise UserError(f"{file}: {name} is {value!r}; expected {expected}")
    if config["r"] < 1 or not abs(config["lora_alpha"]) <= sys.float_info.max:
        raise UserError(f"{file}: r is {config['r']} and lora_alpha {config['lora_alpha']}; expected numbers above 0")


def base_of(path: Path) -> str:
    """Return the base that the adapter in the folder `path` names. Raises UserError if it names none that is here."""
    named = read_config(path, "adapter_config.json").get("base_model_name_or_path")
    way_out = f"give it: --model BASE --adapter {path}"
    if not isinstance(named, str) or not named:
        raise UserError(f"{path} is a LoRA adapter that does not say which base it belongs to; {way_out}")
    for folder in (Path(named).expanduser(), path / named):
        if folder.is_dir():
            return str(folder)
    if named != "miniature" and (named.startswith((".", "/", "~")) or named.count("/") != 1):
        raise UserError(f"{path} is a LoRA adapter for {named}, which is not a folder here; {way_out}")
    return named


def is_update(name: str) -> bool:
    """Return True if tensor `name` is part of an update, not a whole weight that takes the place of the base's."""
    return ".lora_" in name or name.startswith("lora_")


def _under(name: str, module: str) -> bool:
    """Return True if tensor `name` belongs to a module called `module`, as peft matches modules_to_save."""
    owner = name.rpartition(".")[0]
    return owner == module or owner.endswith(f".{module}") or f".{module}." in f".{owner}."
