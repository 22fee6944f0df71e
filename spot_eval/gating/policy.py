"""The gate's policy: a TOML file, checked. reports/gate.toml is the default, and says what each setting means."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from spot_eval.core.errors import UserError
from spot_eval.core.paths import folder
from spot_eval.tasks.suite import nearest, readable

PASS, FAIL, INCONCLUSIVE = "pass", "fail", "inconclusive"

# The chance of a false FAIL is shared out, so that the whole gate keeps to alpha whatever the suite looks like.
SHARES = {"families": 0.7, "guards": 0.2, "limits": 0.1}


def _fraction(value: float) -> float:
    if not 0 < value < 1:
        raise ValueError(f"{value:g} is not between 0 and 1; these are fractions, so three points are 0.03")
    return value


def _fraction_or_zero(value: float) -> float:
    return value if value == 0 else _fraction(value)


Fraction = Annotated[float, AfterValidator(_fraction)]
FractionOrZero = Annotated[float, AfterValidator(_fraction_or_zero)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Guards(_Strict):
    """Limits on how far a task may fall, significantly; `tasks` holds exceptions."""

    drop: Fraction = 0.05
    tasks: dict[str, Fraction] = Field(default_factory=dict)


class Limits(_Strict):
    """Largest growth over the base of the share of such answers, in each family; fractions."""

    truncated: FractionOrZero = 0.02
    unparsed: FractionOrZero = 0.02
    not_judged: FractionOrZero = 0.01


class Policy(_Strict):
    """The rules of passing. `families` names the gated ones with their margins; None gates all with `margin`."""

    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    inconclusive: Literal["fail", "warn"] = "fail"
    margin: Fraction = 0.03
    families: Annotated[dict[str, Fraction] | None, Field(min_length=1)] = None
    guards: Guards = Guards()
    limits: Limits = Limits()
    floors: dict[str, FractionOrZero] = Field(default_factory=dict)

    def margins(self, suite: Mapping[str, Any]) -> dict[str, float]:
        """The gated families of a resolved suite, with their margins.

        Raises UserError if the policy names a family or guards a task the suite does not have.
        """
        known = suite["families"]
        for family in self.families or ():
            if family not in known:
                raise UserError(f"the policy gates family {family!r}, which the suite has not{nearest(family, known)}")
        tasks = [task for members in known.values() for task in members]
        for task in self.guards.tasks:
            if task not in tasks:
                raise UserError(f"the policy guards task {task!r}, which the suite has not{nearest(task, tasks)}")
        return dict(self.families) if self.families is not None else dict.fromkeys(known, self.margin)

    def share(self, of: str) -> float:
        """The part of alpha that families, guards or limits may spend on false FAILs."""
        return self.alpha * SHARES[of]


def load_policy(path: Path | None) -> tuple[Policy, str]:
    """Return the policy in a file, or the default one, with its source.

    Raises UserError naming file and line, or file and setting.
    """
    source = "default" if path is None else str(path)
    file = folder("reports") / "gate.toml" if path is None else path
    try:
        return checked_policy(tomllib.loads(file.read_text(encoding="utf-8")), file), source
    except tomllib.TOMLDecodeError as problem:
        raise UserError(f"{file}: broken TOML ({problem})") from problem
    except RecursionError as problem:
        raise UserError(f"{file}: nested too deeply to be a policy") from problem
    except OSError as problem:
        raise UserError(f"--policy {file}: cannot be read ({problem.strerror})") from problem
    except UnicodeDecodeError as problem:
        raise UserError(f"{file}: byte {problem.start} is not UTF-8") from problem


def checked_policy(settings: Mapping[str, Any], name: object) -> Policy:
    """Return the policy that `settings` describe. Raises UserError naming `name` and the setting."""
    try:
        return Policy.model_validate(dict(settings))
    except ValidationError as problem:
        raise UserError(f"{name}: {'; '.join(readable(problem))}") from problem
