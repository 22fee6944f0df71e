"""Check that a LoRA adapter belongs to a base and changes it.

    remarks = check_adapter(read_adapter(Path("lora")), Path("base"))

Engines load an adapter that fits in part, or not at all, without a word, and the bare base is scored under its name. So
sizes, vocabulary and effect are checked here from the files, before anything is loaded.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from spot_eval.core.errors import UserError
from spot_eval.core.keys import digest
from spot_eval.core.options import RunOptions
from spot_eval.models.adapter import NO_ADAPTER, WEIGHTS, Adapter, is_update, locate_adapter
from spot_eval.models.checkpoint import locate, read_config, weight_files
from spot_eval.models.tensors import TensorInfo, read_headers

SAMPLE = 1 << 20  # bytes of a file that are hashed at each of three places, to tell two bases apart
SIDES = {"A": -1, "B": 0}  # the side of a linear layer's weight (out, in) that each matrix shares with it


def adapter_on(base: Path, options: RunOptions, say: Callable[[str], None]) -> Adapter | None:
    """Return the adapter that the options put on the checkpoint at `base`; None without one.

    Raises UserError if it does not fit or changes nothing; `say` receives what is odd about it.
    """
    if options.adapter in {None, NO_ADAPTER}:
        return None
    adapter = locate_adapter(str(options.adapter))
    for remark in check_adapter(adapter, base, given=options.model, trust_remote_code=options.trust_remote_code):
        say(remark)
    return adapter


def with_adapter(fingerprint: str, adapter: Adapter | None) -> str:
    """Return the fingerprint of a base together with an adapter."""
    return digest("adapted", fingerprint, adapter.digest()) if adapter else fingerprint


def check_adapter(adapter: Adapter, base: Path, *, given: str = "", trust_remote_code: bool = False) -> list[str]:
    """Return remarks on how `adapter` fits the checkpoint at `base`, as sentences for the user.

    Args:
        adapter: its folder, config and the shapes of its tensors.
        base: the checkpoint's folder.
        given: what the user called the checkpoint, such as a hub id.
        trust_remote_code: allow the checkpoint's own code, to learn its modules.

    Raises UserError if sizes or vocabulary are another model's, or if the adapter changes nothing.
    """
    config = read_config(base)
    weights = read_headers(weight_files(base))
    modules = _modules(base, trust_remote_code)
    _check_sizes(adapter, weights, modules, quantized=bool(config.get("quantization_config")))
    _check_vocabulary(adapter, base)
    if reason := _changes_nothing(adapter, weights):
        raise UserError(
            f"adapter {adapter.path} changes nothing: {reason}; its scores would be the base's "
            "(to evaluate the base, leave --adapter out)"
        )
    remarks = []
    if adapter.base_name and not _same_base(adapter, base, given):
        remarks.append(
            f"adapter {adapter.path} was trained on {adapter.base_name}, and the base here is {given or base}: "
            "their sizes fit, but the scores mean little if their weights differ"
        )
    if _template(adapter.path) not in {None, _template(base)}:
        remarks.append(
            f"adapter {adapter.path} comes with another chat template than its base; the base's is used "
            f"(--chat-template FILE to choose another)"
        )
    return remarks


@lru_cache(maxsize=1)
def _modules(base: Path, trust_remote_code: bool) -> dict[str, tuple[int, ...]]:
    """Return the shape of each module's weight, as transformers names modules; without loading weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(base, trust_remote_code=trust_remote_code)
        with torch.device("meta"):
            skeleton = AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
    except (OSError, ValueError, KeyError, TypeError, ImportError, AttributeError, RuntimeError):
        return {}  # the engine that loads it says why
    named = skeleton.named_parameters(remove_duplicate=False)
    return {name.removesuffix(".weight"): tuple(each.shape) for name, each in named if name.endswith(".weight")}


def _check_sizes(
    adapter: Adapter, weights: Mapping[str, TensorInfo], modules: Mapping[str, tuple[int, ...]], *, quantized: bool
) -> None:
    """Raise UserError if a tensor of the adapter has no counterpart of its size in the base."""
    owners = {name: _owner(name) for name in adapter.tensors}
    absent = [
        owner
        for name, owner in owners.items()
        if _stored(name) not in weights and owner not in modules and f"{owner}.weight" not in weights
    ]
    if absent and len(set(absent)) == len(set(owners.values())):
        raise UserError(
            f"adapter {adapter.path} matches no module of the base (there is no {absent[0]}): it is another model's"
        )
    if absent:
        raise UserError(f"adapter {adapter.path} has weights for {absent[0]}, which is no module of the base")
    for name, info in adapter.tensors.items():
        stored = weights.get(_stored(name) if name in adapter.replaced else f"{owners[name]}.weight")
        shape = modules.get(owners[name]) or (stored.shape if stored and not quantized else None)
        if shape is None:
            continue
        if name in adapter.replaced:
            fits = not name.endswith(".weight") or info.shape == shape
        else:
            fits = _fits(name.partition(".lora_")[2], info.shape, shape)
        if not fits:
            raise UserError(
                f"adapter {adapter.path} is another base's: {name} is {_size(info.shape)}, and the base's "
                f"{owners[name]} is {_size(shape)}"
            )


def _fits(part: str, matrix: Sequence[int], weight: Sequence[int]) -> bool:
    """Return True if a LoRA matrix called `part` goes with a weight of that shape."""
    kind = part.partition(".")[0]
    if len(matrix) != 2 or len(weight) != 2:
        return True
    if kind in SIDES:
        # transformers' Conv1D keeps (in, out)
        return matrix[SIDES[kind]] in (weight[SIDES[kind]], weight[-1 - SIDES[kind]])
    return not kind.startswith("embedding") or matrix[-1 if kind.endswith("A") else 0] in weight


def _stored(name: str) -> str:
    """Return the base's name for a whole weight of the adapter; under an adapted embedding peft calls it base_layer."""
    return name.replace(".base_layer.", ".")


def _owner(name: str) -> str:
    """Return the module that a tensor of the adapter belongs to."""
    return name.partition(".lora_")[0] if is_update(name) else _stored(name).rpartition(".")[0]


def _size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _check_vocabulary(adapter: Adapter, base: Path) -> None:
    """Raise UserError if the adapter's own tokenizer gives other numbers to tokens than the base's."""
    ours, theirs = (folder / "tokenizer.json" for folder in (adapter.path, base))
    if not ours.is_file() or not theirs.is_file() or ours.read_bytes() == theirs.read_bytes():
        return
    here, there = _vocabulary(ours), _vocabulary(theirs)
    if here == there or not here or not there:
        return
    token = next(iter(sorted(token for token in here.keys() | there.keys() if here.get(token) != there.get(token))))
    raise UserError(
        f"adapter {adapter.path} was trained with another vocabulary than the base's: {token!r} is token "
        f"{here.get(token, 'none')} of {len(here)} there and {there.get(token, 'none')} of {len(there)} in the base"
    )


def _vocabulary(file: Path) -> dict[str, int]:
    """Return the number of each token in a tokenizer.json; empty if it has another form."""
    content = read_config(file.parent, file.name)
    vocabulary = (content.get("model") or {}).get("vocab")
    if isinstance(vocabulary, list):  # unigram: pairs of token and score
        vocabulary = {entry[0]: number for number, entry in enumerate(vocabulary) if isinstance(entry, list) and entry}
    if not isinstance(vocabulary, dict):
        return {}
    added = content.get("added_tokens") or []
    return vocabulary | {each["content"]: each["id"] for each in added if isinstance(each, dict) and "id" in each}


def _changes_nothing(adapter: Adapter, weights: Mapping[str, TensorInfo]) -> str | None:
    """Return why the adapter leaves the base as it is; None if it changes something."""
    if not adapter.tensors:
        return f"{WEIGHTS} holds no tensors"
    pairs: dict[str, list[TensorInfo]] = {}
    for name, info in adapter.tensors.items():
        module, _, part = name.partition(".lora_")
        if name in adapter.replaced:
            same = _equal(info, weights.get(_stored(name)))
        elif part.startswith("magnitude_vector"):
            same = _is_norm(info, weights.get(f"{module}.weight"))
        elif part.split(".")[0] in {"A", "B", "embedding_A", "embedding_B"} and len(info.shape) == 2:
            pairs.setdefault(module, []).append(info)
            same = True
        else:
            same = info.is_zero()
        if not same:
            return None
    if adapter.config["lora_alpha"] == 0 and not adapter.config.get("alpha_pattern"):
        return "its lora_alpha is 0"
    if any(not any(info.is_zero() for info in pair) for pair in pairs.values()):
        return None
    return "every lora_B is zero, as before the first step of training"


def _equal(info: TensorInfo, other: TensorInfo | None) -> bool:
    """Return True if two tensors are known to hold the same values."""
    if other is None or info.shape != other.shape:
        return False
    try:
        return bool(np.array_equal(info.values(), other.values()))
    except KeyError:
        return False


def _is_norm(magnitude: TensorInfo, weight: TensorInfo | None) -> bool:
    """Return True if DoRA's magnitudes are the lengths of the weight's own rows, so that they change nothing."""
    if weight is None or len(weight.shape) != 2:
        return False
    try:
        lengths = np.linalg.norm(weight.values(), axis=1)
        return bool(np.allclose(magnitude.values().reshape(-1), lengths, rtol=1e-3))
    except (KeyError, ValueError):
        return False


def _same_base(adapter: Adapter, base: Path, given: str) -> bool:
    """Return True if the base that the adapter names can be the checkpoint at `base`."""
    named = str(adapter.base_name)
    for folder in (Path(named).expanduser(), adapter.path / named):
        if folder.is_dir() and (folder / "config.json").is_file():
            return folder.resolve() == base.resolve() or _sample(folder) == _sample(base)
    if named == "miniature":
        return _sample(locate(named)) == _sample(base)
    last = named.rstrip("/").rpartition("/")[2].lower()
    known = {
        given.rstrip("/").rpartition("/")[2],
        base.resolve().name,
        Path(str(read_config(base).get("_name_or_path", ""))).name,
    }
    known |= {part.rpartition("--")[2] for part in base.resolve().parts if part.startswith("models--")}
    return last in {name.lower() for name in known}


def _sample(folder: Path) -> str | None:
    """Return a hash of some of a checkpoint's weights: enough to tell trained from untrained, not to name them."""
    try:
        files = weight_files(folder)
    except UserError:
        return None
    total = hashlib.sha256()
    for file in files:
        with file.open("rb") as content:
            size = os.fstat(content.fileno()).st_size
            for at in {0, max(0, size // 2), max(0, size - SAMPLE)}:
                content.seek(at)
                total.update(content.read(SAMPLE))
    return total.hexdigest()


def _template(folder: Path) -> str | None:
    """Return the chat template in a folder; None if it has none."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8", errors="replace")
    template = read_config(folder, "tokenizer_config.json").get("chat_template")
    return json.dumps(template) if isinstance(template, list) else template if isinstance(template, str) else None
