"""From the command line's names to a story, and from a story to a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spot_eval.baseline import PublishedBaseline, load_baseline
from spot_eval.compare import ALPHA, compare_one
from spot_eval.errors import UserError
from spot_eval.files import read_json
from spot_eval.report.page import Story, html
from spot_eval.report.sides import Side, load_side


def load_story(run: Path, bases: Sequence[str]) -> Story:
    """The story of `run` beside `bases` (run directories, saved baselines, names of published tables).

    Raises UserError where one cannot be read, NotComparableError where one may not be compared.
    """
    candidate = load_side(run)
    sides: list[Side] = []
    published: list[PublishedBaseline] = []
    for name in bases:
        if (found := Path(name)).is_dir():
            if found.resolve() == run.resolve():
                raise UserError(f"{name} is the run itself; name another run as its base")
            sides.append(load_side(found))
        else:
            baseline = load_baseline(name)  # raises for what is neither
            assert isinstance(baseline, PublishedBaseline)
            published.append(baseline)
    comparisons = [compare_one(candidate.judged, side.judged) for side in sides]
    return Story(candidate, sides, comparisons, published, _gate(run, sides), ALPHA)


def _gate(run: Path, bases: Sequence[Side]) -> dict[str, Any] | None:
    """The gate's decision about this pair of runs, where one lies in the run's directory."""
    path = run / "gate.json"
    if not bases or not path.is_file():
        return None
    gate = read_json(path)
    decided_against = Path(gate.get("base", {}).get("path", ""))
    return gate if decided_against.resolve() == bases[0].path.resolve() else None


def render(story: Story, form: str, budget: int) -> str:
    """The story as `html`, `md` or `model-card`; `budget` is how many bytes the page's transcripts may take."""
    return html(story, budget)
