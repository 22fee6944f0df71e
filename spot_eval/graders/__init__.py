"""Graders: text in, `Verdict` out. Each knows one kind of answer and nothing of tasks, models or files.

A task names its grader in its YAML (`metadata: {grader: maths}`); a task that names none is judged by its own
`process_results` (grader `lm_eval`). Hostile text is why they run in worker processes: see `pool`.
"""

from __future__ import annotations

import importlib

from spot_eval.errors import UserError
from spot_eval.graders.verdict import Grader, Verdict, no_answer, undecided

__all__ = ["GRADERS", "Grader", "Verdict", "load_grader", "no_answer", "undecided"]

GRADERS = {
    "maths": "spot_eval.graders.maths",
    "choice": "spot_eval.graders.choice",
    "ifeval": "spot_eval.graders.ifeval",
    "connect4": "spot_eval.graders.connect4",
    "miniature": "spot_eval.graders.miniature",
    "lm_eval": "spot_eval.graders.lm_eval",
}

GRADER_FIELDS = {
    "maths": ("answer",),
    "choice": ("answer",),
    "ifeval": ("key", "prompt", "instruction_id_list", "kwargs"),
    "connect4": ("state",),
    "miniature": (),
}
"""What each grader reads of a doc: a row without it is refused before anything is generated."""


def load_grader(name: str) -> Grader:
    """The grader called `name`; its module, and what that imports, is loaded now and not before.

    Raises UserError for the judge of a run that was made by another program.
    """
    if name not in GRADERS:
        raise UserError(f"the verdicts of {name!r} came with the run; nothing here can judge its answers again")
    grader: Grader = importlib.import_module(GRADERS[name]).GRADER
    return grader
