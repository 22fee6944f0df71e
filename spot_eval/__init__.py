"""spot-eval: did this checkpoint get better without forgetting?

    import spot_eval

    run = spot_eval.run("ckpt/", suite="spot-quick", baseline="runs/base")
    spot_eval.gate(run, "runs/base").verdict       # "pass", "fail" or "inconclusive"

The names below come from `spot_eval.api`, loaded when the first of them is used. The command line starts at
`spot_eval.cli`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spot_eval.api import certify, compare, gate, grade, load_run, power, report_text, run, train, write_report
    from spot_eval.core.errors import NotComparableError, UserError

__version__ = "0.1.0"
__all__ = [
    "NotComparableError",
    "UserError",
    "__version__",
    "certify",
    "compare",
    "gate",
    "grade",
    "load_run",
    "power",
    "report_text",
    "run",
    "train",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'spot_eval' has no attribute {name!r}")
    if name.endswith("Error"):
        from spot_eval.core import errors

        return getattr(errors, name)
    from spot_eval import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
