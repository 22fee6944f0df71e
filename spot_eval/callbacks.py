"""A callback for the trainers of transformers and TRL: score each saved checkpoint against the base, and gate it.

    from spot_eval.callbacks import SpotEvalCallback

    trainer = DPOTrainer(..., callbacks=[SpotEvalCallback("spot-quick", base="org/model")])
    trainer.train()
    trainer.state.log_history[-1]["spot_eval/in_domain"]      # 0.705; …_difference, …_stderr, and the gate's verdict

Each checkpoint is scored by `spot-eval run` in a process of its own, so the trainer's process keeps its memory and its
random state. A checkpoint that cannot be scored is reported, and training goes on.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from spot_eval.core.errors import UserError
from spot_eval.core.files import write_json
from spot_eval.core.progress import Say
from spot_eval.posttrain.checkpoint_curve import Curve

PREFIX = "spot_eval/"


def _on_stderr(sentence: str) -> None:
    sys.stderr.write(f"spot-eval: {sentence}\n")


class SpotEvalCallback(TrainerCallback):
    """Scores saved checkpoints while a trainer trains. Only the first process of a distributed run scores.

    After training, `comparison.json` in `out` holds all checkpoints against the base, for `spot-eval report`.
    """

    def __init__(
        self,
        suite: str = "spot-quick",
        *,
        base: str | Path | None = None,
        every: int = 1,
        out: str | Path | None = None,
        engine: str = "hf",
        engine_args: dict[str, str] | None = None,
        policy: str | Path | None = None,
        stop_on_fail: bool = False,
        say: Say = _on_stderr,
    ) -> None:
        """Make the callback; nothing is scored before training begins.

        Args:
            suite: the suite to score on.
            base: checkpoint folder or hub id that training starts from; the trainer's own model if None.
            every: score every so many saves; the trainer's `save_steps` says how often it saves.
            out: folder for the runs; `spot_eval` in the trainer's output_dir if None.
            engine: the engine that scores.
            engine_args: its arguments, as `--engine-arg` takes them.
            policy: the gate's policy, such as gate.toml; the built-in one if None.
            stop_on_fail: stop training as soon as the gate says FAIL.
            say: receives the sentences a user should read.

        Raises UserError if `every` is below 1.
        """
        if every < 1:
            raise UserError(f"every is {every}; expected at least 1")
        self.suite, self.base, self.every, self.policy = suite, base, every, policy
        self.out = Path(out) if out else None
        self.engine, self.engine_args = engine, [f"{name}={value}" for name, value in (engine_args or {}).items()]
        self.stop_on_fail, self.say = stop_on_fail, say
        self.curve: Curve | None = None
        self._saves = 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any
    ) -> None:
        """Score the base. Raises UserError if that fails, before any training."""
        del control
        if not state.is_world_process_zero:
            return
        base = self.base or _name_of(given.get("model"))
        if not base:
            raise UserError("the model that training starts from has no name; give SpotEvalCallback(base=FOLDER)")
        folder = self.out or Path(str(args.output_dir)) / "spot_eval"
        name = Path(str(args.output_dir)).resolve().name
        self.curve = Curve(name, self.suite, Path(base), folder, self.engine, self.engine_args, self.say)
        self.curve.score_base()

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        """Score the checkpoint that was just saved, and put its scores into the trainer's log."""
        del given
        if self.curve is None:
            return
        self._saves += 1
        if self._saves % self.every:
            return
        step = int(state.global_step)
        checkpoint = Path(str(args.output_dir)) / f"checkpoint-{step}"
        board = self.curve.score(step, checkpoint)
        if board is None:
            return
        verdict = self._verdict()
        state.log_history.append({**_logged(board), f"{PREFIX}verdict": verdict, "step": step})
        self.say(f"step {step}: gate {verdict.upper()}")
        if verdict == "fail" and self.stop_on_fail:
            self.say(f"step {step}: training stops, since the gate failed (stop_on_fail)")
            control.should_training_stop = True

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        """Compare all scored checkpoints with the base in one file."""
        del args, state, control, given
        if self.curve is not None and self.curve.points:
            write_json(self.curve.folder / "comparison.json", self.curve.compare())
            run, base, file = self.curve.points[-1][1], self.curve.base_run, self.curve.folder / "comparison.json"
            self.say(f"spot-eval report {run} --baseline {base} --curve {file} draws the curve")

    def _verdict(self) -> str:
        from spot_eval.api import gate

        assert self.curve is not None
        assert self.curve.base_run is not None
        return gate(self.curve.points[-1][1], self.curve.base_run, self.policy).verdict


def _name_of(model: Any) -> str | None:
    """Return the folder or hub id that a model was loaded from; of an adapter, that of its base."""
    config = getattr(model, "config", None)
    return getattr(config, "_name_or_path", None) or None


def _logged(board: dict[str, Any]) -> dict[str, float]:
    """Return a scoreboard's families as entries of a trainer's log: fractions of 1."""
    found: dict[str, float] = {}
    differences = board.get("difference", {})
    groups = {**board["families"], "overall": board["overall"]}
    changes = {**differences.get("families", {}), "overall": differences.get("overall", {})}
    for name, entry in groups.items():
        change = changes.get(name, {})
        for key, value in (
            (name, entry.get("mean")),
            (f"{name}_difference", change.get("mean")),
            (f"{name}_difference_stderr", change.get("stderr")),
        ):
            if value is not None:
                found[f"{PREFIX}{key}"] = float(value)
    return found
