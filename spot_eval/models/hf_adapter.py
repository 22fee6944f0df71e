"""Put LoRA adapters on a loaded model of transformers and take them off again, by peft; nothing is merged.

modules = dict(model.named_modules(remove_duplicate=False))
put_on(model, adapter, "cpu")
take_off(model, modules)
"""

from __future__ import annotations

import gc
import logging
import warnings
from collections.abc import Mapping

import torch
from safetensors import SafetensorError

from spot_eval.core.errors import UserError
from spot_eval.models.adapter import PREFIX, Adapter, is_update


def put_on(model: torch.nn.Module, adapter: Adapter, device: str) -> None:
    """Load `adapter` onto `model` with peft, in place. Raises UserError if not all of it can be loaded."""
    # peft looks into bitsandbytes if that is installed, which warns of kernels that only a 4-bit model would need
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    from peft import PeftModel, get_peft_model_state_dict

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what peft would only warn of is refused below
            # PiSSA and its kin compute their start from the base's weights, for which empty tensors have no room
            wrapped = PeftModel.from_pretrained(
                model, str(adapter.path), torch_device=device, low_cpu_mem_usage=not adapter.alters_base
            )
            loaded = get_peft_model_state_dict(wrapped, save_embedding_layers=False)
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RuntimeError,
        ImportError,
        SafetensorError,
    ) as problem:
        first = str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
        raise UserError(f"adapter {adapter.path}: peft cannot load it onto this base ({first})") from problem
    wanted = {name.removeprefix(PREFIX) for name in loaded}
    if lacking := sorted(wanted - adapter.tensors.keys()):
        raise UserError(
            f"adapter {adapter.path} lacks {len(lacking)} of {len(wanted)} tensors that its target_modules ask for, "
            f"{lacking[0]} first: it was saved in part, or for another base"
        )
    if unused := sorted(name for name in adapter.tensors.keys() - wanted if is_update(name)):
        raise UserError(
            f"adapter {adapter.path}: peft would leave {len(unused)} of its tensors out, {unused[0]} first; its "
            "target_modules do not name their modules"
        )


def take_off(model: torch.nn.Module, modules: Mapping[str, torch.nn.Module]) -> None:
    """Put the base's own `modules`, by name, back where peft put its wrappers around them."""
    for name, module in modules.items():
        above, _, child = name.rpartition(".")
        if name and modules[above]._modules.get(child) is not module:
            modules[above]._modules[child] = module
    if hasattr(model, "peft_config"):
        del model.peft_config
        gc.collect()  # peft's wrappers refer to one another, and would keep the weights until then
