"""Arguments as the Python API takes them: paths as text or Path, runs by folder or as `Run`, policies as mappings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spot_eval.api.results import Run

if TYPE_CHECKING:
    from spot_eval.core.progress import Say
    from spot_eval.gating.policy import Policy
    from spot_eval.runs.judged import JudgedRun

StrPath = str | os.PathLike[str]
RunLike = Run | StrPath
PolicyLike = StrPath | Mapping[str, Any] | None


def speaker(say: Say | None) -> Say:
    """Return `say`, or the function that prints to stderr."""
    if say is not None:
        return say
    from spot_eval.display.messages import say as to_stderr

    return to_stderr


def text_of(value: StrPath | None) -> str | None:
    """Return a path as text; None stays None."""
    return None if value is None else os.fspath(value)


def path_of(value: StrPath | None) -> Path | None:
    """Return a path; None stays None."""
    return None if value is None else Path(value)


def paths_of(files: Mapping[str, StrPath] | None) -> dict[str, Path]:
    """Return the files as paths."""
    return {name: Path(file) for name, file in (files or {}).items()}


def name_of(run: RunLike) -> str:
    """Return the folder or name that stands for a run."""
    return str(run.path) if isinstance(run, Run) else os.fspath(run)


def judged_run(run: RunLike) -> JudgedRun:
    """Return the judged run that `run` is or names. Raises UserError for a published table."""
    if isinstance(run, Run):
        return run.finished
    from spot_eval.runs.baseline import load_base_run

    return load_base_run(os.fspath(run))


def policy_of(policy: PolicyLike) -> tuple[Policy, str]:
    """Return a gate policy and where it came from: a file, a mapping, or the built-in one."""
    from spot_eval.gating.policy import checked_policy, load_policy

    if isinstance(policy, Mapping):
        return checked_policy(policy, "policy"), "given in Python"
    return load_policy(path_of(policy))
