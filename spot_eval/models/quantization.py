"""Quantised checkpoints: which package reads each format, and whether it is here.

transformers quantises nothing by itself: a checkpoint whose config.json has a `quantization_config` needs a package
of its own. vLLM brings kernels of its own and is not asked here.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError

# quant_method: (importable modules, what to install)
PACKAGES: dict[str, tuple[tuple[str, ...], str]] = {
    "bitsandbytes": (("bitsandbytes", "accelerate"), "bitsandbytes accelerate"),
    "awq": (("gptqmodel", "accelerate"), "gptqmodel accelerate"),
    "gptq": (("gptqmodel", "optimum"), "gptqmodel optimum"),
    "fp8": (("accelerate",), "accelerate"),
    "fbgemm_fp8": (("fbgemm_gpu", "accelerate"), "fbgemm-gpu accelerate"),
    "compressed-tensors": (("compressed_tensors",), "compressed-tensors"),
    "torchao": (("torchao",), "torchao"),
    "quanto": (("optimum.quanto", "accelerate"), "optimum-quanto accelerate"),
    "hqq": (("hqq",), "hqq"),
    "mxfp4": (("accelerate", "kernels"), "accelerate kernels"),
    "aqlm": (("aqlm", "accelerate"), "aqlm accelerate"),
    "eetq": (("kernels", "accelerate"), "kernels accelerate"),
}


def quantization(config: Mapping[str, Any], file: Path) -> str | None:
    """Return the method by which a checkpoint is quantised, None if it is not. Raises UserError if it is not named."""
    described = config.get("quantization_config")
    if described is None:
        return None
    method = described.get("quant_method") if isinstance(described, dict) else None
    if method is None and isinstance(described, dict) and ("load_in_4bit" in described or "load_in_8bit" in described):
        method = "bitsandbytes"  # as older versions wrote it
    if not isinstance(method, str):
        raise UserError(f"{file}: quantization_config does not name its quant_method, such as awq or bitsandbytes")
    return method


def check_quantization(config: Mapping[str, Any], file: Path) -> str | None:
    """Return the checkpoint's quantisation; None if it has none.

    Raises UserError if transformers does not know the method, or the package that reads it is not installed.
    """
    method = quantization(config, file)
    if method is not None and method not in known_methods():
        raise UserError(
            f"{file}: quant_method {method!r} is not one that transformers reads, and it would load the packed values "
            f"as if they were weights; there are {', '.join(known_methods())}"
        )
    modules, install = PACKAGES.get(method or "", ((), ""))
    missing = [name for name in modules if not _is_here(name)]
    if missing:
        raise UserError(
            f"{file.parent} is quantised with {method}, and transformers needs {' and '.join(missing)} to load it: "
            f"pip install {install} (or --engine vllm, which has kernels of its own)"
        )
    return method


@lru_cache
def known_methods() -> tuple[str, ...]:
    """Return the methods that the installed transformers reads."""
    from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING

    return tuple(sorted({re.sub(r"_[48]bit$", "", name) for name in AUTO_QUANTIZER_MAPPING}))


def _is_here(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # a part of a package that is not here
        return False
