"""What a run's metrics say of beta: objectives x betas on the miniature's pairs, by its recipes.

    python -m tests.benchmarks.tether_betas       # about four minutes on one core; writes tether_betas.json

docs/training.md quotes the result.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from spot_eval.core.files import write_json
from spot_eval.core.record_files import read_lines
from spot_eval.miniature import BASE
from spot_eval.reproduction.data import make_data
from trainer.settings import recipe_for, settings_from
from trainer.training.job import Job
from trainer.training.loop import run_training

KEPT = Path(__file__).with_suffix(".json")
BETAS = {"reward-sft": (0.1, 1.0, 50.0), "spot-bce": (0.1, 5.0, 50.0), "dpo": (0.03, 5.0, 50.0),
         "spot-bco": (0.1, 5.0, 50.0)}  # fmt: skip


def trained(objective: str, beta: float, pairs: Path, out: Path) -> dict[str, Any]:
    """Train with a beta; return the ends of its metrics and its warnings."""
    recipe = recipe_for(None, objective, miniature=True)
    settings = settings_from(recipe, objective=objective, beta=beta, seed=0)
    result = run_training(Job(BASE, pairs, out, settings, device="cpu", cache=out.parent / "reference"))
    rows = list(read_lines(out / "training" / "metrics.jsonl"))
    tenth = len(rows) // 10

    def mean(name: str, part: list[dict[str, Any]]) -> float:
        return round(sum(row[name] for row in part) / len(part), 4)

    return {
        "objective": objective,
        "beta": beta,
        "reward_chosen_first_tenth": mean("reward_chosen", rows[:tenth]),
        "reward_chosen_last_tenth": mean("reward_chosen", rows[-tenth:]),
        "tether_last_tenth": mean("tether", rows[-tenth:]),
        "warnings": result["warnings"],
    }


def main() -> None:
    """Train all, and write the result."""
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        make_data(BASE, place / "data", 0)
        pairs = place / "data" / "pairs.jsonl"
        write_json(
            KEPT,
            [
                trained(objective, beta, pairs, place / f"{objective}-{beta}")
                for objective, betas in BETAS.items()
                for beta in betas
            ],
        )


if __name__ == "__main__":
    main()
