"""Quantised checkpoints: loaded where their package is installed, one sentence that names it where it is not."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from spot_eval.core.errors import UserError
from spot_eval.models.base import Completion, Refusal, Request
from spot_eval.models.prompts import ChatTokenizer
from spot_eval.models.quantization import PACKAGES, check_quantization, quantization
from spot_eval.models.registry import engine_facts, open_engine
from spot_eval.models.tensors import first_nan
from spot_eval.tasks.suite import Sampling

GREEDY = Sampling(max_new_tokens=10)
# as the tools that quantise write them
CONFIGS: dict[str, dict[str, Any]] = {
    "bitsandbytes": {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
    "awq": {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True, "version": "gemm"},
    "gptq": {"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": False, "sym": True},
    "fp8": {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [128, 128]},
    "compressed-tensors": {"quant_method": "compressed-tensors", "format": "float-quantized", "ignore": ["lm_head"]},
}


def texts(path: Path) -> list[str]:
    tokenizer = ChatTokenizer(path)
    prompts = [tokenizer.render([{"role": "user", "content": f"{n} and 2+2?"}]) for n in range(8)]
    found: dict[str, str] = {}

    def emit(result: Completion | Refusal) -> None:
        assert isinstance(result, Completion)
        found[result.key] = result.text

    engine = open_engine("hf", path, tokenizer, {"device": "cpu"})
    engine.generate([Request(str(n), prompt, GREEDY, n) for n, prompt in enumerate(prompts)], emit)
    engine.close()
    return [found[str(n)] for n in range(8)]


def described(tiny: Path, out: Path, config: Any) -> Path:
    path = Path(shutil.copytree(tiny, out))
    content = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps({**content, "quantization_config": config}))
    return path


@pytest.mark.parametrize("method", CONFIGS)
def test_a_missing_package_is_named_before_anything_is_loaded(
    method: str, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = described(tiny, tmp_path / "quantised", CONFIGS[method])
    monkeypatch.setattr("spot_eval.models.quantization._is_here", lambda name: False)
    modules, install = PACKAGES[method]
    with pytest.raises(UserError) as refused:
        engine_facts("hf", path, {"device": "cpu"})
    assert str(refused.value) == (
        f"{path} is quantised with {method}, and transformers needs {' and '.join(modules)} to load it: "
        f"pip install {install} (or --engine vllm, which has kernels of its own)"
    )
    monkeypatch.undo()
    if all(map(find_spec, modules)):
        assert check_quantization(json.loads((path / "config.json").read_text()), path / "config.json") == method


def test_what_is_not_named_is_said(tiny: Path, tmp_path: Path) -> None:
    for number, config in enumerate(({}, [], {"bits": 4}, "awq", {"quant_method": 3})):
        path = described(tiny, tmp_path / str(number), config)
        with pytest.raises(UserError, match="quantization_config does not name its quant_method"):
            engine_facts("hf", path, {})
    assert quantization({"quantization_config": None}, tiny) is None
    assert quantization({"quantization_config": {"load_in_8bit": True}}, tiny) == "bitsandbytes"
    unknown = described(tiny, tmp_path / "unknown", {"quant_method": "magic"})
    with pytest.raises(UserError, match="quant_method 'magic' is not one that transformers reads"):
        engine_facts("hf", unknown, {})


@pytest.mark.skipif(not find_spec("bitsandbytes"), reason="bitsandbytes is not installed")
@pytest.mark.parametrize("bits", [4, 8])
def test_bitsandbytes_is_loaded_packed_and_takes_an_adapter(bits: int, tiny: Path, tmp_path: Path) -> None:
    from spot_eval.models.adapter import locate_adapter
    from spot_eval.models.adapter_fit import check_adapter
    from tests.models.lora import make_adapter

    settings = BitsAndBytesConfig(load_in_4bit=bits == 4, load_in_8bit=bits == 8)
    model = AutoModelForCausalLM.from_pretrained(tiny, quantization_config=settings, device_map="cpu")
    path = tmp_path / "quantised"
    model.save_pretrained(path)
    AutoTokenizer.from_pretrained(tiny).save_pretrained(path)
    found = texts(path)
    assert any(found)
    engine: Any = open_engine("hf", path, ChatTokenizer(path), {"device": "cpu"})
    kinds = {type(module).__name__ for module in engine.model.modules()}
    assert kinds & {"Linear4bit", "Linear8bitLt"}
    adapter = locate_adapter(str(make_adapter(tiny, tmp_path / "lora", target_modules=["q_proj", "down_proj"])))
    check_adapter(adapter, path)
    engine.use(adapter)
    engine.use(None)
    assert {type(module).__name__ for module in engine.model.modules()} == kinds


def in_fp8(tiny: Path, path: Path) -> tuple[Path, Path]:
    """Return the tiny checkpoint with linear layers in FP8 blocks, and the one with the same values in fp32."""
    weights = load_file(tiny / "model.safetensors")
    packed, plain = dict(weights), dict(weights)
    for name in [name for name in weights if "proj" in name]:
        scale = (weights[name].abs().max() / 400).reshape(1, 1)
        small = (weights[name] / scale).to(torch.float8_e4m3fn)
        packed |= {name: small, f"{name}_scale_inv": scale.float()}
        plain[name] = small.float() * scale
    folders = (described(tiny, path / "fp8", CONFIGS["fp8"]), Path(shutil.copytree(tiny, path / "plain")))
    for folder, content in zip(folders, (packed, plain), strict=True):
        save_file(content, folder / "model.safetensors", {"format": "pt"})
    return folders


def test_fp8_answers_as_its_values_in_fp32(tiny: Path, tmp_path: Path) -> None:
    packed, plain = in_fp8(tiny, tmp_path)
    assert texts(packed) == texts(plain)
    weights = load_file(packed / "model.safetensors")
    assert first_nan([packed / "model.safetensors"]) is None
    name = next(name for name, each in weights.items() if each.dtype == torch.float8_e4m3fn)
    weights[name].view(torch.uint8)[0, 0] = 0xFF
    save_file(weights, packed / "model.safetensors", {"format": "pt"})
    assert first_nan([packed / "model.safetensors"]) == name
