"""The miniature's items, made when they are asked for: no file, no network.

    {"id": "1c0e…", "task": "mini_arithmetic", "kind": "mini_arithmetic",
     "prompt": "Work out a: 37 + 8; b: 52 - 6; c: 14 + 29.", "answer": "a 45, b 46, c 43"}

A fresh test set: `{"miniature_seed": 7}` in the task manager's metadata. Grader `miniature`.
"""

import hashlib
import json
from typing import Any

from spot_eval.miniature import VERSION, items
from spot_eval.miniature.choices import choice_rows
from spot_eval.tasks.lm_eval_bridge import mean_of_judged, results

__all__ = ["dataset", "gold", "mean", "process_results", "prompt"]

mean = mean_of_judged
process_results = results("miniature")


def dataset(
    source: str, docs: int, seed: int, split: str = "test", miniature_seed: int | None = None, **metadata: Any
) -> Any:
    """Return the items of a task as a `DatasetDict` with the split "test"; lm-eval calls it as `custom_dataset`.

    Args:
        source: name of the task.
        docs: number of items.
        seed: seed of the items, from the task file.
        split: the world's split to draw from; items of "train" are in no test set.
        miniature_seed: seed to use instead of `seed`, from the task manager's metadata.
        metadata: ignored; the task manager passes what other tasks need.
    """
    del metadata
    import datasets

    seed = seed if miniature_seed is None else miniature_seed
    if source == "mini_choices":
        rows = choice_rows(split, seed, docs)
    else:
        rows = [dict(item.row()) for item in items(source, split, seed, docs)]
    content = "\n".join(json.dumps(row, sort_keys=True) for row in rows)
    made = datasets.Dataset.from_list(rows)
    made.info.description = json.dumps(
        {
            "origin": f"miniature world {VERSION}, seed {seed}" + ("" if split == "test" else f", {split} items"),
            "revision": None,
            "sha256": hashlib.sha256(content.encode()).hexdigest(),
            "rows": len(rows),
        }
    )
    return datasets.DatasetDict({"test": made})


def prompt(doc: dict[str, Any]) -> str:
    """Return the question unchanged."""
    return doc["prompt"]


def gold(doc: dict[str, Any]) -> str:
    """Return the expected answer: the content of the answer line, or the whole reply."""
    return doc["answer"]
