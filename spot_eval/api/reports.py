"""Reports of finished runs, as text or as a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from spot_eval.api.arguments import (
    RunLike,
    StrPath,
    name_of,
    path_of,
)

if TYPE_CHECKING:
    pass


def report_text(
    run: RunLike,
    baselines: Sequence[RunLike] = (),
    *,
    form: Literal["html", "md", "model-card"] = "html",
    policy: StrPath | None = None,
    curve: StrPath | None = None,
    by: Sequence[str] | None = None,
    drift: StrPath | None = None,
    budget_mb: float = 10.0,
) -> str:
    """Return a report of a run as text.

    Args:
        run: the run to report on.
        baselines: base runs, saved baselines and names of published tables to show beside it.
        form: an HTML page, Markdown for a pull request, or a section of a model card.
        policy: file of a gate policy; None for the policy of the run's last gate, or the built-in one.
        curve: a comparison.json with the checkpoints of a training run, to draw by step.
        by: columns to slice the docs by; None for the usual ones that the docs have.
        drift: folder of `spot-eval drift`; None for the run's own, if there is one.
        budget_mb: most megabytes of transcripts in the page.

    Raises UserError for a run that cannot be read, NotComparableError if a base cannot be compared with it.
    """
    from spot_eval.report.content import load_content
    from spot_eval.report.render import render

    content = load_content(
        Path(str(name_of(run))), [name_of(base) for base in baselines], path_of(policy), path_of(curve), by=by,
        drift_folder=path_of(drift),
    )  # fmt: skip
    return render(content, form, int(budget_mb * 1e6))


def write_report(
    run: RunLike,
    baselines: Sequence[RunLike] = (),
    out: StrPath | None = None,
    *,
    form: Literal["html", "md", "model-card"] = "html",
    policy: StrPath | None = None,
    curve: StrPath | None = None,
    by: Sequence[str] | None = None,
    drift: StrPath | None = None,
    budget_mb: float = 10.0,
) -> Path:
    """Write a report of a run and return the file. The arguments are those of `report_text`, and:

    Args:
        run: the run to report on.
        baselines: base runs, saved baselines and names of published tables to show beside it.
        out: the file; None for report.html, report.md or model-card.md in the run's folder.
        form: an HTML page, Markdown for a pull request, or a section of a model card.
        policy: file of a gate policy.
        curve: a comparison.json with the checkpoints of a training run.
        by: columns to slice the docs by.
        drift: folder of `spot-eval drift`.
        budget_mb: most megabytes of transcripts in the page.

    Raises as `report_text`, and UserError if the file cannot be written.
    """
    from spot_eval.core.files import write_atomically

    text = report_text(
        run, baselines, form=form, policy=policy, curve=curve, by=by, drift=drift, budget_mb=budget_mb
    )  # fmt: skip
    names = {"html": "report.html", "md": "report.md", "model-card": "model-card.md"}
    path = path_of(out) or Path(name_of(run)) / names[form]
    write_atomically(path, [text.encode(errors="replace")])  # a name may hold a lone surrogate
    return path
