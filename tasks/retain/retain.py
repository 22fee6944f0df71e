"""Benchmarks of choices: which continuation does the model find likeliest? Prompts as lm-eval's own tasks have them.

{"id": "1c2f…", "question": "2 + 2 = ?", "subject": "arithmetic", "choices": ["3", "4", "5", "6"], "gold": [1]}
"""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lm_eval
import numpy
import yaml
from lm_eval.api.samplers import ContextSampler
from lm_eval.utils import apply_template

from spot_eval.tasks.lm_eval_bridge import dataset

__all__ = ["FirstOfSubject", "dataset", "gold", "golds", "mass_of_the_true", "truthful", "with_examples"]


def with_examples(examples: str, **metadata: Any) -> Any:
    """Return the rows of MMLU, with those of the source `examples` as split "dev", and the heading of each subject."""
    splits = dataset(**metadata)
    if "judged_row" in metadata:
        splits["dev"] = splits["test"]
        return splits
    splits["dev"] = dataset(**{**metadata, "source": examples})["test"]
    rows = splits["test"]
    headings = [_published(f"mmlu/default/mmlu_{name}.yaml", "description") for name in rows["subject"]]
    splits["test"] = rows.add_column("heading", headings)
    splits["test"].info.description = rows.info.description  # where the rows came from
    return splits


class FirstOfSubject(ContextSampler):
    """Take the first examples of the question's own subject, in the order of the file."""

    def sample(
        self, n: int, eval_doc: dict[str, Any] | None = None, df: Sequence[dict[str, Any]] | None = None, **kwargs: Any
    ) -> Sequence[dict[str, Any]]:
        """Return `n` examples. Raises ValueError if the subject has fewer."""
        del kwargs
        wanted = (eval_doc or {}).get("subject")
        own = [row for row in df or self.df if row["subject"] == wanted]
        if len(own) < n:
            raise ValueError(f"subject {wanted!r} has {len(own)} examples where {n} are asked for")
        return own[:n]


@functools.cache
def _published(file: str, setting: str) -> str:
    """Return a setting of one of lm-eval's own task files: published prompts are read there, not written again."""
    path = Path(str(lm_eval.__file__)).parent / "tasks" / file
    return str(yaml.safe_load(path.read_text(encoding="utf-8"))[setting])


def truthful(doc: Mapping[str, Any]) -> str:
    """Return a question of TruthfulQA after the six answered ones it is published with."""
    return apply_template(_published("truthfulqa/truthfulqa_mc1.yaml", "doc_to_text"), doc)


def gold(doc: Mapping[str, Any]) -> int:
    """Return the number of the right choice."""
    return doc["gold"][0]


def golds(doc: Mapping[str, Any]) -> list[int]:
    """Return the numbers of all right choices."""
    return list(doc["gold"])


def mass_of_the_true(doc: Mapping[str, Any], results: Sequence[tuple[float, bool]]) -> dict[str, float]:
    """Return, as acc, the share of the choices' probability that the true ones have."""
    logprobs = numpy.array([logprob for logprob, _ in results])
    share = numpy.exp(logprobs - logprobs.max())
    return {"acc": float(share[list(doc["gold"])].sum() / share.sum())}
