"""The callback in TRL's own trainers, on the miniature."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerControl, TrainerState
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from spot_eval.callbacks import SpotEvalCallback
from spot_eval.core.errors import UserError
from spot_eval.miniature import BASE
from tests.command_line import spot_eval

SUITE = """
name: few
version: 1
sampling: {temperature: 0, top_p: 1.0, top_k: 0, max_new_tokens: 48}
families:
  general:
    mini_instructions: {repeats: 1}
"""
ROW = {"prompt": [{"role": "user", "content": "Say cat."}], "chosen": [{"role": "assistant", "content": "cat"}],
       "rejected": [{"role": "assistant", "content": "dog"}]}  # fmt: skip


@pytest.fixture
def suite(tmp_path: Path) -> str:
    (tmp_path / "few.yaml").write_text(SUITE)
    return str(tmp_path / "few.yaml")


def common(out: Path, **more: Any) -> dict[str, Any]:
    return {"output_dir": str(out), "max_steps": 2, "save_steps": 1, "per_device_train_batch_size": 2,
            "report_to": [], "use_cpu": True, "logging_steps": 1, "disable_tqdm": True, "bf16": False,
            "save_only_model": True, **more}  # fmt: skip


@pytest.mark.slow
def test_an_sft_trainer_logs_the_scores_of_its_checkpoints(suite: str, tmp_path: Path) -> None:
    said: list[str] = []
    rows = Dataset.from_list([{"messages": ROW["prompt"] + ROW["chosen"]}] * 8)
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(BASE),
        processing_class=AutoTokenizer.from_pretrained(BASE),
        args=SFTConfig(**common(tmp_path / "out", learning_rate=1e-6)),
        train_dataset=rows,
        callbacks=[SpotEvalCallback(suite, say=said.append)],
    )
    trainer.train()
    logged = [one for one in trainer.state.log_history if "spot_eval/general" in one]
    assert [one["step"] for one in logged] == [1, 2]
    for one in logged:
        place = tmp_path / "out" / "spot_eval" / f"step-{one['step']}"
        board = json.loads((place / "scoreboard.json").read_text())
        assert one["spot_eval/general"] == board["families"]["general"]["mean"]
        assert one["spot_eval/general_difference"] == board["difference"]["families"]["general"]["mean"]
        assert one["spot_eval/verdict"] in {"pass", "inconclusive"}
    found = json.loads((tmp_path / "out" / "spot_eval" / "comparison.json").read_text())
    assert [point["step"] for point in found["curves"][0]["points"]] == [1, 2]
    command = said[-1].removeprefix("spot-eval ").removesuffix(" draws the curve").split()
    done = spot_eval(*command, "-o", tmp_path / "page.html")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "page.html").is_file()
    assert any("gate" in sentence for sentence in said)


@pytest.mark.slow
def test_a_dpo_trainer_that_ruins_the_model_is_stopped(suite: str, tmp_path: Path) -> None:
    said: list[str] = []
    trainer = DPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(BASE),
        processing_class=AutoTokenizer.from_pretrained(BASE),
        args=DPOConfig(**common(tmp_path / "out", learning_rate=0.3, max_steps=6, warmup_steps=0)),
        train_dataset=Dataset.from_list([ROW] * 16),
        callbacks=[SpotEvalCallback(suite, base="miniature", every=2, out=tmp_path / "scores", stop_on_fail=True,
                                    engine_args={"device": "cpu"}, say=said.append)],
    )  # fmt: skip
    trainer.train()
    logged = [one for one in trainer.state.log_history if "spot_eval/verdict" in one]
    assert [(one["step"], one["spot_eval/verdict"]) for one in logged] == [(2, "fail")]
    assert trainer.state.global_step == 2
    assert "training stops, since the gate failed" in said[-2]


def test_what_cannot_be_scored_is_said_before_training(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="every is 0"):
        SpotEvalCallback(every=0)
    arguments: Any = SFTConfig(**common(tmp_path / "out"))
    state, control = TrainerState(is_world_process_zero=True), TrainerControl()
    with pytest.raises(UserError, match=r"give SpotEvalCallback\(base=FOLDER\)"):
        SpotEvalCallback("miniature").on_train_begin(arguments, state, control, model=None)
    with pytest.raises(UserError, match="the base cannot be scored on spott"):
        SpotEvalCallback("spott", base=BASE).on_train_begin(arguments, state, control)
    other = SpotEvalCallback("miniature", base=BASE)
    other.on_train_begin(arguments, TrainerState(is_world_process_zero=False), control)
    other.on_save(arguments, state, control)  # another process of a distributed run scores nothing
    assert other.curve is None
