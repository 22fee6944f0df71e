"""Find `tasks/` and `reports/`: beside the package in a checkout, inside it in a wheel; and show paths to others."""

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


def shown_path(path: str | Path) -> str:
    """Return a path for files that are sent to others: without the folders above that only this machine has.

    Inside the working directory it is relative, inside the home directory it begins with `~`, and elsewhere its last
    two parts stand after `…`. What is not absolute is returned as it is.
    """
    given = Path(path)
    if not given.is_absolute():
        return str(path)
    for folder, prefix in ((Path.cwd(), Path()), (Path.home(), Path("~"))):
        # a root or a home of "/" holds everything, so nothing would be left out
        if len(folder.parts) > 1 and given.is_relative_to(folder):
            return str(prefix / given.relative_to(folder))
    return str(Path("…", *given.parts[-2:])) if len(given.parts) > 3 else str(given)
