"""`run --until-verdict` on the miniature beside the whole protocol: the same verdicts, for how many answers?

    python -m tests.benchmarks.miniature_verdicts        # minutes: miniature_verdicts.json and docs/sequential.md

Four candidates against the embedded base on suite `miniature-sampled`: a copy of the base, the base with another
sampling seed, a checkpoint trained with SPoT-BCE, and one trained with SFT on a teacher's words at a rate that makes it
forget. Each is run until a verdict, and then whole; the whole run is judged by the fixed gate.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from spot_eval.core.files import write_atomically, write_json
from spot_eval.display.format import family_title
from spot_eval.evaluation.defaults import run_options
from spot_eval.evaluation.run import run
from spot_eval.gating.decide import gate
from spot_eval.gating.policy import Policy
from spot_eval.gating.stopped import UntilVerdict
from spot_eval.miniature import BASE
from spot_eval.reproduction.data import make_data
from spot_eval.runs.finished import FinishedRun, read_run

KEPT = Path(__file__).with_suffix(".json")
PAGE = Path(__file__).parents[2] / "docs" / "sequential.md"
START = "<!-- miniature: made by `python -m tests.benchmarks.miniature_verdicts`, do not edit -->"
END = "<!-- end of miniature -->"
SUITE = "miniature-sampled"
BETA = 0.3  # of the kept runs


def measured(model: Path, seed: int, base: FinishedRun, place: Path) -> dict[str, Any]:
    """Return the verdicts of one candidate, until a verdict and whole, with what each asked for."""
    options = run_options(
        model=str(model), suite=SUITE, engine="hf", seed=seed, baseline=str(base.path), out=place, workers=1
    )
    policy = Policy()
    stopped = read_run(run(options, _silent, UntilVerdict(policy, "default"))[0])
    sequential, _ = gate(stopped, base, policy)
    whole = read_run(run(options, _silent)[0])
    fixed, _ = gate(replace(whole, looks=None), base, policy)
    return {
        "until": _said(sequential, stopped),
        "looks": {name: one["sequential"]["look"] for name, one in sequential["families"].items()},
        "whole": _said(fixed, whole),
    }


def train(objective: str, rate: float, pairs: Path, out: Path) -> None:
    """Train the base by the miniature's recipe for an objective, with seed 0."""
    import torch

    from trainer.settings import recipe_for, settings_from
    from trainer.training.job import Job
    from trainer.training.loop import run_training

    torch.set_num_threads(1)
    recipe = recipe_for(None, objective, miniature=True)
    settings = settings_from(recipe, objective=objective, learning_rate=rate, beta=BETA, seed=0)
    run_training(Job(BASE, pairs, out, settings, device="cpu", cache=out.parent / "reference"))


def _said(verdict: Mapping[str, Any], of: FinishedRun) -> dict[str, Any]:
    docs = [doc for found in of.docs.values() for doc in found.values()]
    return {
        "gate": verdict["verdict"],
        "families": {
            name: {"verdict": one["verdict"], "mean": one["mean"]} for name, one in verdict["families"].items()
        },
        "answers": sum(len(doc.scores) for doc in docs),
        "output_tokens": sum(tokens or 0 for doc in docs for tokens in doc.output_tokens),
    }


def _silent(_: str) -> None:
    pass


def kept() -> dict[str, Any]:
    """The kept result, by candidate."""
    return json.loads(KEPT.read_text(encoding="utf-8"))


def page(result: Mapping[str, Any]) -> str:
    """The table of docs/sequential.md."""
    families = [family_title(name) for name in next(iter(result.values()))["looks"]]
    lines = [
        f"| candidate | {' | '.join(families)} | gate | whole protocol | tokens | saved |",
        "|---|" + "---|" * len(families) + "---|---|---:|---:|",
    ]
    for name, one in result.items():
        until, whole = one["until"], one["whole"]
        cells = [
            f"{100 * until['families'][family]['mean']:+.1f}: {until['families'][family]['verdict']} at look {look}"
            for family, look in one["looks"].items()
        ]
        tokens = until["output_tokens"], whole["output_tokens"]
        lines.append(
            f"| {name} | {' | '.join(cells)} | {until['gate']} | {whole['gate']} | {tokens[0]:,} of {tokens[1]:,} "
            f"| {100 * (1 - tokens[0] / tokens[1]):.0f} % |"
        )
    return "\n".join(lines)


def write_page(result: Mapping[str, Any]) -> None:
    """Put the table into docs/sequential.md."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    write_atomically(PAGE, [f"{before}{START}\n\n{page(result)}\n\n{END}{rest.partition(END)[2]}".encode()])


def main() -> None:
    """Train the two checkpoints, run all candidates and write the result."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        make_data(BASE, place / "data", 0)
        train("spot-bce", 3e-4, place / "data" / "pairs.jsonl", place / "better")
        train("sft", 1e-3, place / "data" / "taught.jsonl", place / "worse")
        base = read_run(run(run_options(suite=SUITE, out=place / "base", workers=1), _silent)[0])
        candidates = {
            "a copy of the base": (BASE, 0),
            "the base, another seed": (BASE, 1),
            "SPoT-BCE": (place / "better", 0),
            "SFT that forgets": (place / "worse", 0),
        }
        result = {
            name: measured(model, seed, base, place / f"run {number}" / "run")
            for number, (name, (model, seed)) in enumerate(candidates.items())
        }
    write_json(KEPT, result)
    write_page(result)
    print(page(result))


if __name__ == "__main__":
    main()
