"""Programs judged by their tests: HumanEval, and rows of the same columns.

    {"id": "HumanEval/0", "prompt": "def add(a, b):\\n    \\"\\"\\"Add two numbers.\\"\\"\\"\\n", "entry_point": "add",
     "test": "def check(candidate):\\n    assert candidate(1, 2) == 3\\n", "canonical_solution": "    return a + b\\n"}

Asks for the whole function in a fenced block; grader `code`, which runs it in a sandbox or not at all.
"""

from typing import Any

from spot_eval.tasks.lm_eval_bridge import dataset, mean_of_judged, results

__all__ = ["dataset", "gold", "mean", "process_results", "prompt"]

mean = mean_of_judged
process_results = results("code")


def prompt(doc: dict[str, Any]) -> str:
    """Return the code to complete, and the form in which the program is asked for."""
    return (
        f"Complete the Python function `{doc['entry_point']}`:\n\n```python\n{doc['prompt'].rstrip()}\n```\n\n"
        "Reply with one fenced Python block that holds the whole function and the imports it needs."
    )


def gold(doc: dict[str, Any]) -> str:
    """Return the canonical solution: the function's body."""
    return doc["canonical_solution"]
