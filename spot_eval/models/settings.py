"""`--engine-arg K=V`s, checked against what an engine takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from spot_eval.core.errors import UserError

SECRETS = {"key", "api_key", "apikey", "token", "auth_token", "access_token", "hf_token", "secret", "password"}


class EngineSettings(BaseModel):
    """The arguments of one engine, whose name is `engine`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    engine: ClassVar[str]

    @classmethod
    def parse(cls, arguments: Mapping[str, str]) -> Self:
        """Read the settings from `K=V` texts. Raises UserError naming the wrong one and those there are."""
        try:
            return cls.model_validate(dict(arguments))
        except ValidationError as problem:
            error: Any = problem.errors()[0]
            name = ".".join(str(part) for part in error["loc"])
            wrong = "there is no such argument" if error["type"] == "extra_forbidden" else error["msg"]
            raise UserError(
                f"--engine-arg {name}={arguments.get(name)}: {wrong}; "
                f"the {cls.engine} engine takes {', '.join(cls.model_fields)}"
            ) from problem


def refuse_secrets(arguments: Mapping[str, str]) -> None:
    """Raise UserError for a key on the command line, where every process of the machine can read it."""
    for name in arguments:
        if name.lower() in SECRETS:
            raise UserError(f"--engine-arg {name}=…: keys are read from the environment only (see docs/engines.md)")
