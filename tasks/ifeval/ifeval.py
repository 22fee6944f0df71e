"""IFEval: a prompt that carries instructions, and the checkers that say whether each was followed.

    {"id": "1001", "key": 1001, "prompt": "Plan a trip. Use no commas.",
     "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}

The prompt is asked as it stands; grader `ifeval`.
"""

import json
from typing import Any

from spot_eval.tasks.lm_eval_bridge import dataset, mean_of_judged, results

__all__ = ["dataset", "gold", "mean", "process_results", "prompt"]

mean = mean_of_judged
process_results = results("ifeval", "prompt_loose", "inst_strict", "inst_loose")


def prompt(doc: dict[str, Any]) -> str:
    """The prompt, untouched."""
    return doc["prompt"]


def gold(doc: dict[str, Any]) -> str:
    """The instructions with their arguments, as JSON: what a reply is checked against."""
    used = [{name: value for name, value in each.items() if value is not None} for each in doc["kwargs"]]
    return json.dumps([doc["instruction_id_list"], used], sort_keys=True)
