"""GPQA-Diamond: one question, four options, one letter.

    {"id": "9ab2…", "question": "Which gas do plants take in?",
     "choices": ["CO2", "N2", "He", "Ar"], "answer": "A"}

The order of the options comes from the question's hash (`spot_eval.tasks.data.adapters`), so it is the same in every
run.
"""

from typing import Any

from spot_eval.tasks.lm_eval_bridge import dataset, mean_of_judged, results

__all__ = ["dataset", "gold", "mean", "process_results", "prompt"]

mean = mean_of_judged
process_results = results("choice")


def prompt(doc: dict[str, Any]) -> str:
    """The question, the options, and the one form in which the answer is asked for."""
    options = "\n".join(f"({letter}) {text}" for letter, text in zip("ABCD", doc["choices"], strict=True))
    return (
        f"{doc['question']}\n\n{options}\n\n"
        "Exactly one of the four options is right. Think it through step by step, then close with a line of "
        "this form, where X is the letter of the option you choose:\n\nAnswer: X"
    )


def gold(doc: dict[str, Any]) -> str:
    """The letter of the right option."""
    return doc["answer"]
