"""Adapters on a base: unmerged they answer as merged, one base serves several, and what does not fit is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from spot_eval.core.errors import UserError
from spot_eval.models.adapter import Adapter, base_of, locate_adapter
from spot_eval.models.adapter_fit import check_adapter
from spot_eval.models.base import Completion, Refusal, Request
from spot_eval.models.checkpoint import is_adapter, locate
from spot_eval.models.held import Held
from spot_eval.models.prompts import ChatTokenizer
from spot_eval.models.registry import CheckpointEngine, engine_facts, open_engine
from spot_eval.tasks.suite import Sampling
from tests.models.lora import make_adapter, merge

GREEDY = Sampling(max_new_tokens=12)
KINDS: dict[str, dict[str, Any]] = {
    "all-linear": {},
    "some": {"target_modules": ["q_proj", "down_proj"], "r": 8},
    "rslora": {"use_rslora": True},
    "dora": {"use_dora": True},
    "head": {"target_modules": ["v_proj"], "modules_to_save": ["embed_tokens"]},
    "patterns": {"rank_pattern": {"layers.0.self_attn.q_proj": 2}, "alpha_pattern": {"mlp.up_proj": 32}},
    "embeddings": {"target_modules": ["embed_tokens", "q_proj"]},
    "pissa": {"init_lora_weights": "pissa", "target_modules": ["q_proj"]},
    "one layer": {"layers_to_transform": [1], "layers_pattern": "layers", "target_modules": ["up_proj"]},
}


def texts(path: Path, engine: CheckpointEngine) -> list[str]:
    tokenizer = ChatTokenizer(path)
    prompts = [tokenizer.render([{"role": "user", "content": f"{n} and 2+2? " * (n % 3 + 1)}]) for n in range(6)]
    found: dict[str, str] = {}

    def emit(result: Completion | Refusal) -> None:
        assert isinstance(result, Completion)
        found[result.key] = result.text

    engine.generate([Request(str(n), prompt, GREEDY, n) for n, prompt in enumerate(prompts)], emit)
    return [found[str(n)] for n in range(6)]


def opened(path: Path) -> CheckpointEngine:
    return open_engine("hf", path, ChatTokenizer(path), {"device": "cpu"})


@pytest.fixture(scope="module")
def alone(tiny: Path) -> list[str]:
    return texts(tiny, opened(tiny))


@pytest.fixture(scope="module")
def held() -> Any:
    with Held() as held:
        yield held


@pytest.mark.parametrize("kind", KINDS)
def test_unmerged_it_answers_as_merged_and_leaves_the_base_as_it_was(
    kind: str, tiny: Path, tmp_path: Path, held: Held, alone: list[str]
) -> None:
    folder = make_adapter(tiny, tmp_path / "lora", **KINDS[kind])
    adapter = locate_adapter(str(folder))
    assert check_adapter(adapter, tiny) == []
    lent = held.open("tiny", lambda: opened(tiny), adapter)
    unmerged = texts(tiny, lent)  # type: ignore[arg-type]
    lent.close()
    assert unmerged == texts(tiny, opened(merge(tiny, folder, tmp_path / "merged")))
    assert unmerged != alone
    assert texts(tiny, held.open("tiny", lambda: opened(tiny), None)) == alone  # type: ignore[arg-type]


def test_biases_are_put_on_and_taken_off(tmp_path: Path, tiny: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen2Config

    torch.manual_seed(0)
    base = tmp_path / "base"
    config = Qwen2Config(vocab_size=512, hidden_size=32, intermediate_size=32, num_hidden_layers=1,
                         num_attention_heads=2, num_key_value_heads=1, initializer_range=0.2)  # fmt: skip
    AutoModelForCausalLM.from_config(config).save_pretrained(base)
    AutoTokenizer.from_pretrained(tiny).save_pretrained(base)
    folder = make_adapter(base, tmp_path / "lora", target_modules=["q_proj"], bias="all")
    adapter = locate_adapter(str(folder))
    assert adapter.alters_base
    assert check_adapter(adapter, base) == []
    before = texts(base, opened(base))
    with Held() as held:
        unmerged = texts(base, held.open("base", lambda: opened(base), adapter))  # type: ignore[arg-type]
        assert unmerged == texts(base, opened(merge(base, folder, tmp_path / "merged")))
        assert unmerged != before
        assert texts(base, held.open("base", lambda: opened(base), None)) == before  # type: ignore[arg-type]


def test_one_base_is_loaded_once_for_adapters_that_leave_it_alone(tiny: Path, tmp_path: Path) -> None:
    loads = []

    def load() -> CheckpointEngine:
        loads.append(1)
        return opened(tiny)

    adapters = [locate_adapter(str(make_adapter(tiny, tmp_path / str(seed), seed=seed))) for seed in range(3)]
    with Held() as held:
        for adapter in (adapters[0], None, adapters[1], adapters[2]):
            held.open("tiny", load, adapter)
    assert loads == [1]


def edit_config(folder: Path, **changes: Any) -> None:
    file = folder / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def edit_weights(folder: Path, change: Any) -> None:
    weights = load_file(folder / "adapter_model.safetensors")
    save_file({name: each.contiguous() for name, each in change(weights).items()}, folder / "adapter_model.safetensors")


@pytest.fixture(scope="module")
def trained(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_adapter(tiny, tmp_path_factory.mktemp("adapters") / "trained", target_modules=["q_proj", "down_proj"])


@pytest.fixture
def lora(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "lora"))


def a_only(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: each * ("lora_A" in name) for name, each in weights.items()}


def other_layers(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.replace("layers.1", "layers.7"): each for name, each in weights.items()}


def other_names(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.replace("model.layers", "transformer.h"): each for name, each in weights.items()}


def nan(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    first = min(weights)
    return {name: each.fill_(float("nan")) if name == first else each for name, each in weights.items()}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: edit_weights(p, a_only), "changes nothing: every lora_B is zero"),
        (lambda p: edit_config(p, lora_alpha=0), "changes nothing: its lora_alpha is 0"),
        (lambda p: edit_weights(p, other_names), "matches no module of the base"),
        (lambda p: edit_weights(p, other_layers), r"has weights for model\.layers\.7\S*, which is no module"),
        (lambda p: edit_weights(p, nan), "holds NaN"),
        (lambda p: edit_config(p, r="4"), r"adapter_config\.json: r is '4'; expected int"),
        (lambda p: edit_config(p, target_modules=3), "target_modules is 3; expected list or str or null"),
        (lambda p: edit_config(p, peft_type="PREFIX_TUNING"), "PREFIX_TUNING adapter; only LoRA"),
        (lambda p: edit_config(p, alora_invocation_tokens=[1]), "activated LoRA"),
        (lambda p: (p / "adapter_config.json").write_text("[" * 200_000), "nested too deeply"),
        (lambda p: (p / "adapter_config.json").write_text("[]"), "expected an object"),
        (lambda p: (p / "adapter_config.json").unlink(), "has no adapter_config.json"),
        (lambda p: (p / "adapter_model.safetensors").unlink(), r"has no adapter_model\.safetensors; save the adapter"),
        (lambda p: (p / "adapter_model.safetensors").rename(p / "adapter_model.bin"), r"model\.bin is a pickle"),
        (lambda p: (p / "adapter_model.safetensors").write_bytes(b"\xff" * 64), "not a whole safetensors file"),
        (lambda p: (p / "adapter_model.safetensors").write_bytes(b""), "not a whole safetensors file"),
    ],
)  # fmt: skip
def test_what_cannot_be_an_adapter_of_the_base_is_one_sentence(
    lora: Path, tiny: Path, spoil: Any, message: str
) -> None:
    spoil(lora)
    with pytest.raises(UserError, match=message):
        check_adapter(locate_adapter(str(lora)), tiny)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: edit_config(p, target_modules=["nothing"]), "peft cannot load it onto this base .*nothing"),
        (lambda p: edit_config(p, target_modules=["q_proj"]), "would leave 4 of its tensors out"),
        (lambda p: edit_config(p, target_modules=["q_proj", "down_proj", "k_proj"]), "lacks 4 of 12 tensors"),
        (lambda p: edit_config(p, use_dora=True), "lacks 4 of 12 tensors"),
    ],
)
def test_what_peft_would_load_in_part_is_refused(lora: Path, tiny: Path, spoil: Any, message: str) -> None:
    spoil(lora)
    with pytest.raises(UserError, match=message):
        opened(tiny).use(locate_adapter(str(lora)))


def test_another_base_is_refused_by_size_and_said_by_name(lora: Path, tiny: Path, tmp_path: Path) -> None:
    from spot_eval.miniature import BASE

    adapter = locate_adapter(str(lora))
    with pytest.raises(UserError, match=r"is another base's: .* is \d+ x \d+, and the base's .* is 128 x 352"):
        check_adapter(adapter, BASE)
    moved = Path(shutil.copytree(tiny, tmp_path / "moved"))
    assert check_adapter(adapter, moved) == []
    edit_config(lora, base_model_name_or_path="org/Other-8B")
    (remark,) = check_adapter(locate_adapter(str(lora)), tiny)
    assert "was trained on org/Other-8B, and the base here is" in remark
    edit_config(lora, base_model_name_or_path="org/moved")
    assert check_adapter(locate_adapter(str(lora)), moved) == []
    retrained = load_file(moved / "model.safetensors")
    save_file({name: each + 0.01 for name, each in retrained.items()}, moved / "model.safetensors", {"format": "pt"})
    edit_config(lora, base_model_name_or_path=str(tiny))
    (remark,) = check_adapter(locate_adapter(str(lora)), moved)
    assert f"was trained on {tiny}" in remark


def test_another_vocabulary_is_refused_and_another_template_said(lora: Path, tiny: Path) -> None:
    for file in ("tokenizer.json", "chat_template.jinja"):
        shutil.copy(tiny / file, lora / file)
    adapter = locate_adapter(str(lora))
    assert check_adapter(adapter, tiny) == []
    (lora / "chat_template.jinja").write_text("{{ messages[0].content }}")
    (remark,) = check_adapter(adapter, tiny)
    assert "another chat template than its base" in remark
    content = json.loads((lora / "tokenizer.json").read_text())
    content["added_tokens"].append({**content["added_tokens"][0], "content": "<|new|>", "id": 9999})
    (lora / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"another vocabulary than the base's: '<\|new\|>' is token 9999"):
        check_adapter(adapter, tiny)


def test_an_untrained_dora_or_saved_module_changes_nothing(tiny: Path, tmp_path: Path) -> None:
    for name, settings in {"dora": KINDS["dora"], "head": KINDS["head"]}.items():
        folder = make_adapter(tiny, tmp_path / name, scale=0.0, **settings)
        with pytest.raises(UserError, match="changes nothing"):
            check_adapter(locate_adapter(str(folder)), tiny)


def test_the_digest_is_of_what_decides_texts(lora: Path) -> None:
    before = locate_adapter(str(lora)).digest()
    edit_config(lora, base_model_name_or_path="elsewhere", target_modules=["down_proj", "q_proj"])
    assert locate_adapter(str(lora)).digest() == before
    edit_config(lora, lora_alpha=9)
    after = locate_adapter(str(lora)).digest()
    assert after != before
    edit_weights(lora, lambda weights: {name: each * 1.5 for name, each in weights.items()})
    assert locate_adapter(str(lora)).digest() not in {before, after}


def test_the_base_is_read_from_the_adapter(lora: Path, tiny: Path) -> None:
    assert base_of(lora) == str(tiny)
    assert is_adapter(lora)
    (lora / "config.json").write_text("{}")  # some tools copy the base's
    assert is_adapter(lora)
    for named, message in [(None, "does not say which base"), ("./gone", "for ./gone, which is not a folder here")]:
        edit_config(lora, base_model_name_or_path=named)
        with pytest.raises(UserError, match=message):
            base_of(lora)


def test_a_checkpoint_with_an_adapter_beside_it_is_ambiguous(tiny: Path, lora: Path, tmp_path: Path) -> None:
    both = Path(shutil.copytree(tiny, tmp_path / "both"))
    for file in lora.glob("adapter*"):
        shutil.copy(file, both)
    with pytest.raises(UserError, match="a checkpoint and an adapter beside it"):
        locate(str(both))


def test_peft_missing_is_said_before_anything_is_loaded(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spot_eval.models.hf.find_spec", lambda name: None)
    with pytest.raises(UserError, match="--adapter needs peft"):
        engine_facts("hf", tiny, {}, lora_rank=4)
    engine_facts("hf", tiny, {})


def test_its_rank_is_the_largest(tiny: Path, tmp_path: Path) -> None:
    adapter: Adapter = locate_adapter(str(make_adapter(tiny, tmp_path / "p", rank_pattern={"q_proj": 16})))
    assert adapter.rank == 16


def tensor_bytes(model: torch.nn.Module) -> int:
    storages = {each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in model.parameters()}
    return sum(storages.values())


def test_the_adapter_before_is_let_go(tiny: Path, tmp_path: Path) -> None:
    """The base and one adapter are in memory, however many were used; `tests.benchmarks.bench_adapters` measures it."""
    engine: Any = opened(tiny)
    base = tensor_bytes(engine.model)
    sizes = []
    for seed in range(3):
        engine.use(locate_adapter(str(make_adapter(tiny, tmp_path / str(seed), seed=seed, r=1))))
        sizes.append(tensor_bytes(engine.model))
    assert base < sizes[0] == sizes[1] == sizes[2] < 1.15 * base
    engine.use(None)
    assert tensor_bytes(engine.model) == base
