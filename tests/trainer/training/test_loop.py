"""A training run as its user sees it: what comes out loads, what is killed goes on, what goes wrong is one sentence."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config

from tests.trainer.training.jobs import QUICK, Make, weights
from trainer.errors import TrainError
from trainer.settings import Lora
from trainer.training import saves
from trainer.training.job import Job
from trainer.training.loop import run_training


def equal(a: Path, b: Path) -> bool:
    ours, theirs = weights(a), weights(b)
    return set(ours) == set(theirs) and all(torch.equal(ours[name], theirs[name]) for name in ours)


def lines(job: Job) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (job.folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    "objective", ["sft", "rft", "sft+", "dft", "reward-sft", "dpo", "spot-bce", "spot-bco", "spot-bce + 0.1*sft+"]
)
def test_every_objective_trains_from_the_same_pairs(objective: str, make: Make) -> None:
    settings = replace(QUICK, objective=objective, steps=9, batch_size=32, token_budget=2000, learning_rate=1e-3)
    job = make(settings=settings)
    run_training(job)
    found = lines(job)
    assert found[-1]["logprob_chosen"] > found[0]["logprob_chosen"]
    # DFT's loss, p log p, rises as unlikely tokens become likelier
    assert (found[-1]["loss"] < found[0]["loss"]) == (objective != "dft")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("layout", ["shared", "packed", "separate"])
def test_rewards_are_exactly_zero_at_the_first_step(dtype: str, layout: str, make: Make) -> None:
    job = make(settings=replace(QUICK, dtype=dtype, layout=layout, steps=1))
    run_training(job)
    (first,) = lines(job)
    assert first["reward_chosen"] == first["reward_rejected"] == first["kl"] == 0.0
    assert first["tether"] == 0.5


def test_the_reference_is_computed_once_for_all_objectives(make: Make) -> None:
    run_training(make("a"))
    (cached,) = make().cache.glob("*.safetensors")  # type: ignore[union-attr]
    stamp = cached.stat().st_mtime_ns
    run_training(make("b", replace(QUICK, objective="dpo")))
    assert [file.stat().st_mtime_ns for file in cached.parent.glob("*")] == [stamp]
    cached.write_bytes(b"cut short")
    run_training(make("c"))
    assert equal(make("a").out, make("c").out)


def test_the_checkpoint_loads_with_its_tokenizer(make: Make, tiny: Path) -> None:
    job = make()
    result = run_training(job)
    model = AutoModelForCausalLM.from_pretrained(job.out)
    assert not equal(job.out, tiny)
    assert set(weights(job.out)) == set(weights(tiny))
    assert model.lm_head.weight is model.model.embed_tokens.weight
    tokenizers = [AutoTokenizer.from_pretrained(place) for place in (job.out, tiny)]
    assert tokenizers[0].chat_template == tokenizers[1].chat_template
    assert result["rounding"]["norm_kept"] == pytest.approx(1.0)
    assert not list(job.folder.glob("step-*"))


def test_rounding_to_bf16_is_reported_as_it_is(make: Make, tiny: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.bfloat16).save_pretrained(base)
    AutoTokenizer.from_pretrained(tiny).save_pretrained(base)
    small, large = (
        run_training(make(str(rate), replace(QUICK, learning_rate=rate, weight_decay=0.0), model=base))["rounding"]
        for rate in (1e-6, 1e-2)
    )
    assert small["dtype"] == "bfloat16"
    assert small["weights_moved"] < 0.2 < 0.9 < large["weights_moved"]
    before, after = weights(base), weights(make("0.01").out)
    assert {each.dtype for each in after.values()} == {torch.bfloat16}
    moved = sum(int((after[name] != before[name]).sum()) for name in before)
    total = sum(each.numel() for each in before.values())
    assert moved / total == pytest.approx(large["weights_moved"], abs=0.05)


def test_lora_starts_at_the_reference_and_is_merged(make: Make, tiny: Path) -> None:
    job = make(settings=replace(QUICK, lora=Lora(rank=4, alpha=8.0), learning_rate=1e-3, steps=6))
    run_training(job)
    found = lines(job)
    assert found[0]["reward_chosen"] == 0.0
    assert found[-1]["loss"] < found[0]["loss"]
    before, after = weights(tiny), weights(job.out)
    assert set(after) == set(before)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in before if "proj" in name}
    for name in changed:
        assert torch.linalg.matrix_rank(after[name] - before[name], rtol=1e-3) <= 4


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(torch.arange(5, 45).reshape(2, 20)).logits.float()


@pytest.mark.parametrize("kind", ["qwen3", "gpt2"])
def test_lora_comes_out_merged_and_alone(kind: str, make: Make, tiny: Path, tmp_path: Path) -> None:
    from peft import PeftModel

    base = tiny
    if kind == "gpt2":  # its layers keep (in, out), and one of them is square
        base = tmp_path / "gpt2"
        config = GPT2Config(vocab_size=512, n_positions=256, n_embd=32, n_layer=1, n_head=2)
        AutoModelForCausalLM.from_config(config).save_pretrained(base)
        AutoTokenizer.from_pretrained(tiny).save_pretrained(base)
    settings = replace(QUICK, lora=Lora(rank=4, alpha=8.0), learning_rate=1e-2, steps=3)
    job = make(settings=settings, model=base, model_name="org/base")
    run_training(job)
    before = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    at_first = logits(before)
    alone = logits(PeftModel.from_pretrained(before, job.out / "adapter"))
    merged = logits(AutoModelForCausalLM.from_pretrained(job.out))
    torch.testing.assert_close(alone, merged, rtol=1e-4, atol=1e-4)
    assert float((merged - at_first).abs().max()) > 1e-2
    config = json.loads((job.out / "adapter" / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["r"], config["lora_alpha"]) == ("org/base", 4, 8.0)


def test_a_rank_above_all_layers_is_refused_before_anything_is_written(make: Make) -> None:
    for rank in (65, 4_000):
        job = make(settings=replace(QUICK, lora=Lora(rank=rank, alpha=8.0)))
        with pytest.raises(TrainError, match=f"LoRA rank {rank} is above the rank of every layer"):
            run_training(job)
        assert not job.out.exists()


def test_weights_that_are_no_numbers_are_not_written(make: Make) -> None:
    job = make(settings=replace(QUICK, learning_rate=1e38, weight_decay=0.0, clip=1e30, steps=1))
    with pytest.raises(TrainError, match=r"training diverged: \d+ of \d+ weights hold infinity or NaN"):
        run_training(job)
    assert not (job.out / "model.safetensors").exists()
    assert not (job.folder / "result.json").exists()


def test_a_killed_run_ends_with_the_same_weights(make: Make, tmp_path: Path) -> None:
    whole, cut = make("whole"), make("cut")
    run_training(whole)
    given = {
        "model": str(cut.model), "pairs": str(cut.pairs), "out": str(cut.out), "cache": str(cut.cache),
        "settings": {**QUICK.record(), "lora": None}, "save_every": 2, "kill_after": 3,
    }  # fmt: skip
    (tmp_path / "job.json").write_text(json.dumps([given]))
    script = Path(__file__).parent / "training.py"
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    killed = subprocess.run(
        [sys.executable, script, tmp_path / "job.json"], check=False, capture_output=True, env={**os.environ, **threads}
    )
    assert killed.returncode == -9, killed.stderr.decode()
    assert [line["step"] for line in lines(cut)] == [1, 2, 3]
    assert not (cut.out / "model.safetensors").exists()
    run_training(cut)
    assert equal(cut.out, whole.out)
    assert [line["loss"] for line in lines(cut)] == [line["loss"] for line in lines(whole)]


def test_a_finished_run_is_not_done_again(make: Make) -> None:
    heard: list[str] = []
    job = make(say=heard.append)
    first = run_training(job)
    stamp = (job.out / "model.safetensors").stat().st_mtime_ns
    assert run_training(job) == json.loads(json.dumps(first))
    assert (job.out / "model.safetensors").stat().st_mtime_ns == stamp
    assert heard[-1] == f"{job.out} is trained already"


def test_a_checkpoint_of_others_is_not_overwritten(make: Make, tiny: Path) -> None:
    before = sorted(tiny.rglob("*"))
    with pytest.raises(TrainError, match="not trained here"):
        run_training(make(out=tiny))
    assert sorted(tiny.rglob("*")) == before


def test_a_loss_that_is_no_number_stops_and_names_the_pair(
    make: Make, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken"
    AutoTokenizer.from_pretrained(tiny).save_pretrained(broken)
    model = AutoModelForCausalLM.from_pretrained(tiny)
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    # only one pair has this character
    mark = tokenizer("@")["input_ids"][0]
    with torch.no_grad():
        model.model.embed_tokens.weight[mark] = float("nan")
    model.config.tie_word_embeddings = False
    model.lm_head.weight = torch.nn.Parameter(model.model.embed_tokens.weight.detach().nan_to_num())
    model.save_pretrained(broken)
    rows = [json.loads(line) for line in make().pairs.read_text().splitlines()]
    rows[20]["prompt"] += " @"
    (tmp_path / "marked.jsonl").write_text("\n".join(map(json.dumps, rows)))
    job = make(model=broken, pairs=tmp_path / "marked.jsonl", settings=replace(QUICK, objective="sft+"))
    with pytest.raises(TrainError, match=r"weight \S+ holds infinity or NaN"):
        run_training(job)
    # weights that only become so on the way stand for those that were never looked at
    monkeypatch.setattr("trainer.training.loop.load_model", AutoModelForCausalLM.from_pretrained)
    with pytest.raises(TrainError, match="the loss of pair sum-20 is no number; no weight was changed"):
        run_training(job)


def test_a_full_disk_keeps_the_last_good_save(make: Make) -> None:
    whole, job = make("whole"), make("full", save_every=1)
    run_training(whole)

    def fill(step: int, metrics: dict[str, Any]) -> None:
        if step == 3:  # no file may become larger than this from here on
            resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limit[1]))

    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(TrainError) as problem:
            run_training(replace(job, on_step=fill))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert "cannot write" in str(problem.value)
    assert "the last good save is" in str(problem.value)
    assert [path.name for path in job.folder.iterdir() if "step" in path.name] == ["step-00000002"]
    run_training(job)
    assert equal(job.out, whole.out)


def test_a_damaged_save_is_one_sentence(make: Make) -> None:
    job = make(save_every=2)

    def stop(step: int, metrics: dict[str, Any]) -> None:
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_training(replace(job, on_step=stop))
    last = saves.latest(job.folder)
    assert last
    save_file({"weight/nothing": torch.zeros(1)}, last / "rank-0-of-1.safetensors")
    with pytest.raises(TrainError, match="cannot be resumed from"):
        run_training(job)


@pytest.mark.parametrize("change", [{"model": Path("nowhere")}, {"pairs": Path("nowhere.jsonl")}])
def test_what_is_not_there_is_one_sentence(change: dict[str, Path], make: Make) -> None:
    with pytest.raises(TrainError, match="nowhere"):
        run_training(make(**change))
    assert not make().out.exists()


def test_bad_pairs_leave_nothing_behind(make: Make, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"prompt": "q"}')
    with pytest.raises(TrainError, match="no column 'chosen'"):
        run_training(make(pairs=tmp_path / "bad.jsonl"))
    assert not make().out.exists()


def test_trackers(make: Make) -> None:
    job = make(trackers=("tensorboard",))
    run_training(job)
    assert list((job.folder / "tensorboard").glob("events*"))
    with pytest.raises(TrainError, match="tracker 'x' is not known"):
        run_training(make("other", trackers=("x",)))
