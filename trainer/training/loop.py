"""A training run from start to end: pairs and a checkpoint in, a checkpoint out; killed and started again, it goes on.

out/                 config.json, model.safetensors, tokenizer …: what transformers, vLLM and `spot-eval run` load
out/training/        settings.json, metrics.jsonl, result.json, and the last save until the run is done
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from trainer.batches.packing import Kind
from trainer.batches.plan import Plan, make_plan
from trainer.batches.tokenize import Examples, tokenize
from trainer.errors import TrainError
from trainer.files import check_shards, digest_of_weights, read_json, write_json, writing
from trainer.objectives import Objective, Shift
from trainer.pairs.pair_files import read_pairs
from trainer.settings import Settings, learning_rate_factor
from trainer.training import saves
from trainer.training.adapters import check_lora
from trainer.training.engine import Engine
from trainer.training.export import export
from trainer.training.processes import Processes, joined
from trainer.training.reference import default_cache, reference_sums
from trainer.training.step import take_step
from trainer.training.tether import tether_warnings
from trainer.training.trackers import open_trackers

Progress = Callable[..., AbstractContextManager[Callable[..., None]]]
"""progress(what, total, done=n) gives advance(count=1, note="")."""


@contextlib.contextmanager
def no_progress(what: str, total: int, *, done: int = 0) -> Iterator[Callable[..., None]]:
    """For nobody to see."""
    yield lambda count=1, note="": None


@dataclass(frozen=True)
class Job:
    """The files of a run, and how it is watched; nothing here changes the weights that come out.

    model_name: name of the base for an adapter's configuration, such as a hub id; its folder if None.
    save_every: steps between saves, besides one every `save_minutes`. on_step(step, metrics) is called on the first
    process after each step. checkpoint_every: steps between checkpoints on the way, written to out/step-N;
    on_checkpoint(step, folder) is called on the first process for each, while the others wait.
    """

    model: Path
    pairs: Path
    out: Path
    settings: Settings = field(default_factory=Settings)
    model_name: str | None = None
    cache: Path | None = None
    device: str | None = None
    save_minutes: float = 10.0
    save_every: int | None = None
    trackers: tuple[str, ...] = ()
    progress: Progress = no_progress
    say: Callable[[str], None] = lambda sentence: None
    on_step: Callable[[int, dict[str, Any]], None] = lambda step, metrics: None
    checkpoint_every: int | None = None
    on_checkpoint: Callable[[int, Path], object] = lambda step, folder: None

    @property
    def folder(self) -> Path:
        """The folder of what is not the checkpoint itself."""
        return self.out / "training"


def run_training(job: Job) -> dict[str, Any]:
    """Trains, or goes on with what was begun at `job.out`; returns result.json's content.

    Raises TrainError for bad input, other settings than those begun with, a loss that is no number, a full disk.
    """
    objective = Objective.parse(job.settings.objective)
    with joined(job.device) as processes:
        say = job.say if processes.first else _silent
        # bad input is found before anything is written
        examples = read_examples(job, load_tokenizer(job.model), objective)
        if job.settings.lora:
            check_lora(job.model, job.settings.lora)
        identity = processes.of_first(_begin(job) if processes.first else None)
        if (job.folder / "result.json").is_file():
            say(f"{job.out} is trained already")
            return read_json(job.folder / "result.json")
        for reason, ids in examples.dropped.items():
            say(f"{len(ids)} pairs dropped: {reason} (such as {ids[0]})")
        engine = Engine(load_model(job.model), job.settings, processes)
        if engine.why:
            say(f"layout {engine.kind} instead of {job.settings.layout}: {engine.why}")
        plan = plan_for(examples, job.settings, engine.kind, processes.count)
        reference = None
        if objective.needs_reference:
            with _shown(job, processes)("reference", len(plan.steps)) as advance:
                reference = reference_sums(engine, plan, identity["weights"], job.cache or default_cache(), advance)
        steps = steps_of(plan, job.settings)
        shift = Shift(job.settings.shift)
        measured = _walk(job, engine, plan, objective, shift=shift, reference=reference, steps=steps, say=say)
        kept = export(engine, job.out, job.model, engine.stored_dtype, job.model_name)
        result = {
            "objective": str(objective),
            "steps": steps,
            "pairs": len(plan.examples),
            "dropped": {reason: len(ids) for reason, ids in examples.dropped.items()},
            "layout": str(engine.kind),
            "layout_reason": engine.why,
            "shift": shift.value,
            "rounding": {"dtype": str(engine.stored_dtype).removeprefix("torch."), **kept},
            **measured,
        }
        if processes.first:
            lines = (job.folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
            result["warnings"] = tether_warnings([json.loads(line) for line in lines], objective, job.settings.beta)
            write_json(job.folder / "result.json", result)
            for save in job.folder.glob("*step-*"):
                shutil.rmtree(save, ignore_errors=True)
        processes.wait()
        return result


def _silent(sentence: str) -> None:
    del sentence


def _shown(job: Job, processes: Processes) -> Progress:
    return job.progress if processes.first else no_progress


def _begin(job: Job) -> dict[str, Any]:
    """Writes down what the run is, or checks that it is the one begun before."""
    try:
        pairs = hashlib.sha256(job.pairs.read_bytes()).hexdigest()[:32]
    except OSError as problem:
        raise TrainError(f"cannot read {job.pairs}: {problem.strerror or problem}") from problem
    identity: dict[str, Any] = {
        "weights": digest_of_weights(job.model),
        "pairs": pairs,
        "settings": job.settings.record(),
    }
    file = job.folder / "settings.json"
    if file.is_file():
        before = read_json(file)
        for name in ("weights", "pairs", "settings"):
            now, then = identity[name], before.get(name)
            if name == "settings" and isinstance(then, dict):
                changed = [key for key in now if now[key] != then.get(key)]
                if changed:
                    key = changed[0]
                    raise TrainError(
                        f"{job.out} was begun with {key} = {then.get(key)}, not {now[key]}; "
                        "take that again, or another --out"
                    )
            elif now != then:
                what = "another model" if name == "weights" else "other pairs"
                raise TrainError(f"{job.out} was begun with {what}; take that again, or another --out")
        return identity
    if (job.out / "config.json").exists():
        raise TrainError(f"{job.out} holds a checkpoint that was not trained here; choose another --out")
    with writing(job.out):
        job.folder.mkdir(parents=True, exist_ok=True)
    write_json(file, {"model": str(job.model), "pairs_file": str(job.pairs), **identity})
    return identity


def load_tokenizer(path: Path) -> Any:
    """The checkpoint's tokenizer; TrainError where there is none."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(path)
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise TrainError(f"{path}: its tokenizer cannot be loaded ({str(problem).splitlines()[0]})") from problem


def load_model(path: Path) -> Any:
    """Return the checkpoint as a causal model on the CPU, in the dtype it is stored in, from safetensors only.

    Raises TrainError if it cannot be loaded, if weights are missing, or if it is quantised.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    check_shards(path)
    try:
        config = AutoConfig.from_pretrained(path)
        if getattr(config, "quantization_config", None):
            raise TrainError(
                f"{path} is quantised, and packed weights cannot be trained; train the checkpoint it is of"
            )
        # only the plain attention of transformers honours a softcap
        capped = getattr(config.get_text_config(), "attn_logit_softcapping", None)
        model, info = AutoModelForCausalLM.from_pretrained(
            path,
            dtype="auto",
            use_safetensors=True,
            attn_implementation="eager" if capped else None,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as problem:
        first = str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
        raise TrainError(f"{path}: its model cannot be loaded ({first})") from problem
    # transformers would go on with random weights in their place
    if absent := sorted(map(str, [*info["missing_keys"], *info["mismatched_keys"]])):
        raise TrainError(
            f"{path}: {len(absent)} weights are missing or of another shape, {absent[0]} first; "
            "copy the checkpoint again"
        )
    if broken := [name for name, each in model.named_parameters() if not bool(torch.isfinite(each).all())]:
        raise TrainError(f"{path}: weight {broken[0]} holds infinity or NaN; take another checkpoint")
    return model


def read_examples(job: Job, tokenizer: Any, objective: Objective) -> Examples:
    """The job's pairs as tokens."""
    both = objective.needs_rejected
    pairs = read_pairs(job.pairs, rejected=both)
    return tokenize(pairs, tokenizer, max_tokens=job.settings.max_tokens, rejected=both, chat=job.settings.chat)


def plan_for(examples: Examples, settings: Settings, kind: Kind, processes: int) -> Plan:
    """The plan that the settings ask for.

    Args:
        examples: the tokenized pairs.
        settings: batch size, token budget, seed.
        kind: layout the model can do.
        processes: number of processes.
    """
    return make_plan(
        examples.kept,
        kind=kind,
        batch_size=settings.batch_size,
        token_budget=settings.token_budget,
        processes=processes,
        seed=settings.seed,
        shuffle=settings.shuffle,
    )


def steps_of(plan: Plan, settings: Settings) -> int:
    """Optimizer steps of the whole run."""
    return settings.steps or math.ceil(settings.epochs * len(plan.steps))


def _walk(
    job: Job,
    engine: Engine,
    plan: Plan,
    objective: Objective,
    *,
    shift: Shift,
    reference: torch.Tensor | None,
    steps: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """All steps from the last save on; returns what was measured of them."""
    processes, settings = engine.processes, job.settings
    done, tokens, spent = 0, 0.0, 0.0
    if last := processes.of_first(saves.latest(job.folder)):
        state = saves.load(last, engine)
        done, shift.total, shift.weight = state["step"], state["shift_total"], state["shift_weight"]
        tokens, spent = state["tokens"], state["seconds"]
        say(f"going on after step {done} of {steps}")
    trackers = open_trackers(list(job.trackers), job.folder, done, settings.record()) if processes.first else []
    saved = time.monotonic()
    metrics: dict[str, Any] = {}
    with contextlib.ExitStack() as stack:
        for tracker in trackers:
            stack.callback(tracker.close)
        advance = stack.enter_context(_shown(job, processes)("training", steps, done=done))
        for step in range(done, steps):
            started = time.monotonic()
            epoch, place = divmod(step, len(plan.steps))
            number = plan.order(epoch)[place]
            rate = settings.learning_rate * learning_rate_factor(settings.schedule, step, steps, settings.warmup)
            metrics = take_step(
                engine, plan, number, objective=objective, shift=shift, reference=reference, learning_rate=rate
            )
            seconds = time.monotonic() - started
            tokens, spent = tokens + plan.row_tokens_in(number), spent + seconds
            metrics |= {
                "tokens_per_second": plan.row_tokens_in(number) / seconds,
                "epoch": (step + 1) / len(plan.steps),
            }
            for tracker in trackers:
                tracker.log(step + 1, metrics)
            if processes.first:
                job.on_step(step + 1, metrics)
            advance(1, note=_note(metrics))
            if job.checkpoint_every and (step + 1) % job.checkpoint_every == 0 and step + 1 < steps:
                # before the save: a run killed while its checkpoint is looked at comes by here again
                _checkpoint(job, engine, step + 1)
            due = time.monotonic() - saved > 60 * job.save_minutes or (
                job.save_every and (step + 1) % job.save_every == 0
            )
            if processes.of_first(bool(due)) and step + 1 < steps:
                state = {"shift_total": shift.total, "shift_weight": shift.weight, "tokens": tokens, "seconds": spent}
                saves.save(job.folder, engine, step + 1, state)
                saved = time.monotonic()
    return {"last": metrics, "tokens": tokens, "seconds": round(spent, 3)}


def _checkpoint(job: Job, engine: Engine, step: int) -> None:
    """Writes the weights of the moment and hands them over."""
    folder = job.out / f"step-{step}"
    export(engine, folder, job.model, engine.stored_dtype, job.model_name)
    if engine.processes.first:
        job.on_checkpoint(step, folder)
    engine.processes.wait()


def _note(metrics: dict[str, Any]) -> str:
    parts = [f"loss {metrics['loss']:.4f}"]
    for name, label in (("reward_chosen", "r+"), ("reward_rejected", "r-"), ("tether", "tether")):
        if metrics.get(name) is not None:
            parts.append(f"{label} {metrics[name]:.3f}")
    return " ".join([*parts, f"{metrics['tokens_per_second']:,.0f} tok/s"])
