"""What is refused before any work starts: the suite as narrowed, the baseline, what a grader lacks."""

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
    """The suite as the command line narrows it. Raises UserError where it names what the suite does not have."""
    whole = load_suite(options.suite)
    whole.refuse_strangers(options.data_files)
    return whole.narrowed(tasks=options.tasks, repeats=options.repeats, max_new_tokens=options.max_new_tokens)


def check_baseline(config: Mapping[str, Any], baseline: Baseline | None, say: Say) -> None:
    """Says what makes a comparison weaker; raises NotComparableError for what makes it meaningless."""
    for warning in refuse_incomparable(config, baseline) if baseline else ():
        say(f"beside the baseline: {warning}")


def preflight(ifeval_docs: Iterable[Doc], graders: set[str]) -> None:
    """Raises UserError for what a grader needs and has not got, before hours of generation."""
    if "ifeval" in graders:
        from spot_eval.graders import ifeval

        ifeval.preflight()
        for doc in ifeval_docs:
            if unknown := ifeval.unknown_instruction(doc.row):
                raise UserError(f"task {doc.task}, doc {doc.doc_id}: lm-eval has no checker for {unknown!r}")
    if "code" in graders:
        from spot_eval.graders.code import grader as code

        code.preflight()
