r"""Mathematics with one final answer: AIME, AMC, MATH-500, Minerva, OlympiadBench.

    {"id": "0c1e…", "problem": "How many primes are below 10?", "answer": "4"}

Asks for the answer in \boxed{} on the last line; grader `maths`.
"""

from typing import Any

from spot_eval.tasks.lm_eval_bridge import dataset, mean_of_judged, results

__all__ = ["dataset", "gold", "mean", "process_results", "prompt"]

mean = mean_of_judged
process_results = results("maths")


def prompt(doc: dict[str, Any]) -> str:
    """The problem, then how to answer; a doc with a unit asks for the bare number in it."""
    unit = f" Give it in units of {doc['unit']}, without writing the unit." if doc.get("unit") else ""
    return (
        f"{doc['problem']}\n\n"
        "Work through this problem step by step. "
        rf"On the last line write nothing but your final answer, inside \boxed{{}}.{unit}"
    )


def gold(doc: dict[str, Any]) -> str:
    """The right answer, in LaTeX."""
    return doc["answer"]
