"""Load the content of a report: a run, its bases, their comparisons, and the gate's verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from spot_eval.comparison.compare import compare_one
from spot_eval.comparison.slices import slices_by
from spot_eval.core.errors import UserError
from spot_eval.core.files import read_json
from spot_eval.gating.decide import gate
from spot_eval.gating.policy import Policy, load_policy
from spot_eval.report import verdict
from spot_eval.report.curves import load_curves
from spot_eval.runs.baseline import PublishedBaseline, load_baseline
from spot_eval.runs.drift_files import DriftFiles, read_drift
from spot_eval.runs.finished import FinishedRun, read_scored_run


@dataclass(frozen=True)
class ReportContent:
    """The content of a report: a run, its bases (the first counts for the gate), and the conclusions."""

    candidate: FinishedRun
    bases: Sequence[FinishedRun] = ()
    comparisons: Sequence[Mapping[str, Any]] = ()  # one per base, as in comparison.json
    published: Sequence[PublishedBaseline] = ()
    gate: Mapping[str, Any] | None = None  # as in gate.json, against the first base
    alpha: float = 0.05
    curves: Mapping[str, Any] | None = None  # a comparison.json with checkpoints of a training run
    lost: Sequence[Mapping[str, Any]] = ()  # slices of the docs, as `comparison.slices` returns them, one per column
    drift: DriftFiles | None = None

    @property
    def sides(self) -> list[FinishedRun]:
        """All runs, the candidate first."""
        return [self.candidate, *self.bases]

    @property
    def labels(self) -> list[str]:
        """A name for each run; no two are equal."""
        names = [side.name for side in self.sides]
        names = [name if names.count(name) == 1 else side.path.resolve().name
                 for name, side in zip(names, self.sides, strict=True)]  # fmt: skip
        roles = ["candidate", *(f"base {number}" if number > 1 else "base" for number in range(1, len(names)))]
        return [name if names.count(name) == 1 else role for name, role in zip(names, roles, strict=True)]

    @property
    def warnings(self) -> list[str]:
        """The warnings of all comparisons, each once."""
        return list(dict.fromkeys(warning for one in self.comparisons for warning in one["warnings"]))

    @property
    def verdict(self) -> dict[str, Any]:
        """The verdict in words."""
        return verdict.gated(self.gate, self.comparisons[0]) if self.gate else verdict.alone(self.candidate.board)


def load_content(
    run: Path,
    bases: Sequence[str],
    policy_file: Path | None = None,
    curve_file: Path | None = None,
    *,
    by: Sequence[str] | None = None,
    drift_folder: Path | None = None,
) -> ReportContent:
    """Load the content of a report of `run`.

    Args:
        run: a run directory.
        bases: run directories, saved baselines, names of published tables.
        policy_file: the gate's policy.
        curve_file: a comparison.json with the checkpoints of a training run.
        by: columns to slice the docs by; None for the usual ones that the docs have.
        drift_folder: the folder of `spot-eval drift`; None for the run's own folder, if there is one.

    The gate judges against the first base that is a run, by `policy_file`, or by the policy of the run's last gate, or
    by the default one. Raises UserError if a file cannot be read, NotComparableError if a base cannot be compared.
    """
    curves = load_curves(curve_file) if curve_file else None
    candidate = read_scored_run(run)
    drift = _drift(run, drift_folder)
    sides: list[FinishedRun] = []
    published: list[PublishedBaseline] = []
    for name in bases:
        if (found := Path(name)).is_dir():
            if found.resolve() == run.resolve():
                raise UserError(f"{name} is the run itself; name another run as its base")
            sides.append(read_scored_run(found))
        else:
            baseline = load_baseline(name)  # raises if it is neither a run nor a table
            assert isinstance(baseline, PublishedBaseline)
            published.append(baseline)
    if not sides:
        if by:
            raise UserError("--by shows what was lost against a base run; add --baseline RUN")
        return ReportContent(candidate, published=published, curves=curves, drift=drift)
    policy, source = load_policy(policy_file) if policy_file else _last_policy(run, sides[0]) or load_policy(None)
    decided, first = gate(candidate, sides[0], policy, source)
    others = [compare_one(candidate, side, policy.alpha) for side in sides[1:]]
    lost = slices_by(candidate, sides[0], by, policy.alpha)
    return ReportContent(
        candidate, sides, [*first["comparisons"], *others], published, decided, policy.alpha, curves, lost, drift
    )


def _drift(run: Path, folder: Path | None) -> DriftFiles | None:
    found = read_drift(folder or run)
    if folder is not None and found is None:
        raise UserError(f"{folder} holds no drift.json; measure it: spot-eval drift CKPT --baseline RUN -o {folder}")
    return found


def _last_policy(run: Path, base: FinishedRun) -> tuple[Policy, str] | None:
    """Return the policy by which the gate last judged this pair, so that report and gate agree."""
    path = run / "gate.json"
    if not path.is_file():
        return None
    decided: dict[str, Any] = read_json(path)
    try:
        if Path(decided["base"]["path"]).resolve() != base.path.resolve():
            return None
        settings = dict(decided["policy"])
        source = str(settings.pop("source"))
        return Policy.model_validate(settings), source
    except (KeyError, TypeError, ValidationError) as problem:
        raise UserError(f"{path} is not a gate.json of this version; run the gate again") from problem
