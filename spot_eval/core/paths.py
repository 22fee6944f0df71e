"""Find `tasks/` and `reports/`: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def folder(name: str) -> Path:
    """Return the folder `tasks` or `reports` of this installation."""
    beside = _PACKAGE.parent / name
    # a checkout is known by its pyproject: site-packages may hold somebody else's `tasks`
    if (_PACKAGE.parent / "pyproject.toml").is_file() and beside.is_dir():
        return beside
    return _PACKAGE / "_data" / name
