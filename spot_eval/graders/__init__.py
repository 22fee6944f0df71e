"""Graders: text in, `Verdict` out. Each knows one kind of answer and nothing of tasks, models or files.

A task names its grader in its YAML (`metadata: {grader: maths}`); a task that names none is judged by its own
`process_results` (grader `lm_eval`). Hostile text is why they run in worker processes: see `pool`.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.graders.base import Grader, Verdict, no_answer, undecided

__all__ = ["GRADERS", "Grader", "Verdict", "load_grader", "no_answer", "undecided"]

GRADERS = {
    "maths": "spot_eval.graders.maths.grader",
    "choice": "spot_eval.graders.multiple_choice",
    "ifeval": "spot_eval.graders.ifeval",
    "connect4": "spot_eval.graders.connect4",
    "miniature": "spot_eval.graders.miniature",
    "code": "spot_eval.graders.code.grader",
    "reasoning_gym": "spot_eval.graders.reasoning_gym",
    "lm_eval": "spot_eval.graders.lm_eval",
}

GRADER_FIELDS = {
    "maths": ("answer",),
    "choice": ("answer",),
    "ifeval": ("key", "prompt", "instruction_id_list", "kwargs"),
    "connect4": ("state",),
    "code": ("test",),
    "reasoning_gym": ("generator", "question", "answer", "metadata", "config"),
    "miniature": (),
}
"""What each grader reads of a doc: a row without it is refused before anything is generated."""


def load_grader(name: str) -> Grader:
    """The grader called `name`; its module, and what that imports, is loaded now and not before.

    `module:function` makes a grader of a function of the user's own: (row, text) to a score (a bool, a fraction of 1,
    or None for not judged) or a `Verdict`. Raises UserError for a name that is neither, as that of a judge of another
    program, whose verdicts came with an imported run.
    """
    if ":" in name:
        return _own_grader(name)
    if name not in GRADERS:
        raise UserError(
            f"there is no grader {name!r} to judge with (verdicts of an imported run came with it); there are: "
            f"{', '.join(GRADERS)}, or a function: module:function"
        )
    grader: Grader = importlib.import_module(GRADERS[name]).GRADER
    return grader


def _own_grader(name: str) -> Grader:
    module_name, _, function_name = name.partition(":")
    if (here := os.getcwd()) not in sys.path:
        sys.path.append(here)
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError) as problem:
        raise UserError(f"verifier {name!r} cannot be loaded ({problem}); it is looked for from {here}") from problem

    def judge(doc: Mapping[str, Any], text: str) -> Verdict:
        found = function(doc, text)
        if isinstance(found, Verdict):
            return found
        return undecided("the verifier could not say") if found is None else Verdict(float(found), text[-200:])

    return Grader(name, 1, judge)
