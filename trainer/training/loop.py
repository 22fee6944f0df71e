"""A training run from start to end: pairs and a checkpoint in, a checkpoint out; killed and started again, it goes on.

out/                 config.json, model.safetensors, tokenizer …: what transformers, vLLM and `spot-eval run` load
out/training/        settings.json, metrics.jsonl, result.json, and the last save until the run is done
"""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import time
from collections.abc import Callable
from typing import Any

import torch

from trainer.batches.packing import Kind
from trainer.batches.plan import Plan, make_plan
from trainer.batches.tokenize import Examples, tokenize
from trainer.files import read_json, write_json
from trainer.model.load import load_model, load_tokenizer
from trainer.objectives import Objective, Shift
from trainer.pairs.pair_files import read_pairs
from trainer.settings import Settings, learning_rate_factor
from trainer.training import saves
from trainer.training.adapters import check_lora
from trainer.training.engine import Engine
from trainer.training.export import export
from trainer.training.job import Job, Progress, begin, no_progress
from trainer.training.processes import Processes, joined
from trainer.training.reference import default_cache, reference_sums
from trainer.training.step import take_step
from trainer.training.tether import tether_warnings
from trainer.training.trackers import open_trackers


def run_training(job: Job) -> dict[str, Any]:
    """Train, or resume the run at `job.out`; return result.json's content.

    Raises TrainError for bad input, other settings than those begun with, a loss that is no number, a full disk.
    """
    objective = Objective.parse(job.settings.objective)
    with joined(job.device) as processes:
        say = job.say if processes.first else _silent
        # bad input is found before anything is written
        examples = read_examples(job, load_tokenizer(job.model), objective)
        if job.settings.lora:
            check_lora(job.model, job.settings.lora)
        identity = processes.of_first(begin(job) if processes.first else None)
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
        processes: how many share each step.
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
