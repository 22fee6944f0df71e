"""Checks before any work starts: the narrowed suite, the baseline, and the needs of graders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.options import RunOptions
from spot_eval.core.progress import Say
from spot_eval.core.records import Doc
from spot_eval.runs.baseline import Baseline, refuse_incomparable
from spot_eval.tasks.suite import Suite, load_suite


def chosen_suite(options: RunOptions) -> Suite:
    """Return the suite as the command line narrows it. Raises UserError if it names a task that the suite lacks."""
    whole = load_suite(options.suite)
    whole.refuse_strangers(options.data_files)
    return whole.narrowed(
        tasks=options.tasks, repeats=options.repeats, max_new_tokens=options.max_new_tokens, times=options.times
    )


def check_baseline(config: Mapping[str, Any], baseline: Baseline | None, say: Say) -> None:
    """Report warnings about a comparison with the baseline. Raises NotComparableError if it would mean nothing."""
    for warning in refuse_incomparable(config, baseline) if baseline else ():
        say(f"beside the baseline: {warning}")


def preflight(ifeval_docs: Iterable[Doc], graders: set[str]) -> None:
    """Raise UserError if a grader lacks something it needs, before hours of generation."""
    if "ifeval" in graders:
        from spot_eval.graders import ifeval

        ifeval.preflight()
        for doc in ifeval_docs:
            if unknown := ifeval.unknown_instruction(doc.row):
                raise UserError(f"task {doc.task}, doc {doc.doc_id}: lm-eval has no checker for {unknown!r}")
    if "code" in graders:
        from spot_eval.graders.code import grader as code

        code.preflight()
