"""A class of lm-eval by its name, and the arguments that it takes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.tasks.suite import nearest

PREFIX = "lm_eval:"
# What lm-eval's classes and the libraries under them raise.
CLASS_ERRORS = (
    OSError, RuntimeError, ValueError, TypeError, LookupError, AttributeError, AssertionError, ImportError,
)  # fmt: skip


def find_class(name: str) -> Any:
    """lm-eval's model class called `name`. Raises UserError if there is none, or its libraries are not installed."""
    import lm_eval.models  # noqa: F401 - registers them
    from lm_eval.api.registry import get_model, model_registry

    known = sorted(model_registry.keys())
    if name not in known:
        if not name:
            raise UserError("--engine lm_eval: name one of lm-eval's model classes too, such as lm_eval:hf")
        raise UserError(f"lm-eval has no model class {name!r}{nearest(name, known)}")
    try:
        return get_model(name)
    except ImportError as problem:
        raise UserError(f"{PREFIX}{name}: {line(problem)}") from problem


def typed(arguments: Mapping[str, str]) -> dict[str, Any]:
    """Return values as lm-eval's own command line reads them: booleans, numbers and None by how they are written."""
    from lm_eval.utils import handle_arg_string

    return {name: handle_arg_string(value) for name, value in arguments.items()}


def accepts(kind: Any, name: str) -> bool:
    """Return True if a class, or one it is derived from, has a parameter of that name."""
    return any("__init__" in vars(each) and takes(each.__init__, name) for each in kind.__mro__)


def takes(callable_: Any, name: str) -> bool:
    """Return True if a callable has a parameter of that name."""
    return name in inspect.signature(callable_).parameters


def positive(name: str, text: str) -> int:
    """Return the number that an argument gives. Raises UserError if it is not 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"--engine-arg {name}={text}: expected a number of requests, 1 or more")
    return int(text)


def line(problem: BaseException) -> str:
    """Return what went wrong, in one line."""
    said = " ".join(str(problem).split())[:300]
    return f"{type(problem).__name__}: {said}" if said else type(problem).__name__
