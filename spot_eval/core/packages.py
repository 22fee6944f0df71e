"""Check that `connect4` and `trainer` are our packages: the package index has others of those names."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from spot_eval.core.errors import UserError


def check_own(name: str) -> None:
    """Raise UserError naming the intruder if `import name` would not find the package beside `spot_eval`."""
    ours = Path(__file__).parents[2] / name / "__init__.py"
    found = importlib.util.find_spec(name)
    if found is None:
        raise UserError(
            f"package {name!r} is missing beside {ours.parent.parent / 'spot_eval'}; install spot-eval again"
        )
    origin = Path(found.origin) if found.origin else None
    if origin is None or origin.resolve() != ours.resolve():
        where = origin or next(iter(found.submodule_search_locations or []), "an unknown place")
        raise UserError(
            f"import {name!r} finds {where}, not spot-eval's own {ours}; uninstall the other project of that name, "
            "or take its folder off PYTHONPATH"
        )
