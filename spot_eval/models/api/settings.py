"""The settings of an endpoint, and the source of its key: the environment, and nowhere else."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self
from urllib.parse import urlsplit

from pydantic import Field

from spot_eval.core.errors import UserError
from spot_eval.models.settings import EngineSettings, refuse_secrets


class ApiSettings(EngineSettings):
    """The `--engine-arg`s of this engine. Times are in seconds, prices in any currency per million tokens."""

    engine: ClassVar[str] = "api"

    tokenizer: Path | None = None
    """A folder with the model's tokenizer: prompts are rendered here and sent as token ids."""
    served_model: str | None = None
    """The name the server knows the model by, where it is not the --model-id."""
    in_flight: int = Field(default=64, ge=1, le=4096)
    requests_per_minute: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    timeout: float = Field(default=1800.0, gt=0, allow_inf_nan=False)
    patience: float = Field(default=900.0, gt=0, allow_inf_nan=False)
    """For how long a server may answer nothing but "too many requests"."""
    retries: int = Field(default=5, ge=3, le=100)
    key_env: str = Field(default="SPOT_EVAL_API_KEY", min_length=1)
    max_model_len: int | None = Field(default=None, ge=2)
    price_in: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    price_out: float | None = Field(default=None, ge=0, allow_inf_nan=False)

    @classmethod
    def parse(cls, arguments: Mapping[str, str]) -> Self:
        """Read the settings as `EngineSettings.parse` does; refuse a key among the arguments without showing it."""
        refuse_secrets(arguments)
        if not re.fullmatch(r"[A-Za-z_]\w*|", arguments.get("key_env", "")):  # a key itself, more likely than not
            raise UserError("--engine-arg key_env=…: not the name of an environment variable, which holds the key")
        settings = super().parse(arguments)
        if settings.tokenizer is not None and not settings.tokenizer.expanduser().is_dir():
            raise UserError(
                f"--engine-arg tokenizer={settings.tokenizer}: is not a folder; give one with tokenizer files"
            )
        if (settings.price_in is None) != (settings.price_out is None):
            raise UserError("--engine-arg price_in and price_out go together: what a million tokens of each kind cost")
        return settings

    def key(self) -> str | None:
        """The key from the environment; None if the default variable is not set.

        Raises UserError if a variable was named that is not set, or holds what cannot be sent; never shows it.
        """
        key = os.environ.get(self.key_env, "").strip()
        if not key and "key_env" in self.model_fields_set:
            raise UserError(f"--engine-arg key_env={self.key_env}: this environment variable is not set")
        if not re.fullmatch(r"[!-~]*", key):
            raise UserError(f"{self.key_env} holds no key: there are blanks or non-ASCII characters in it; set it anew")
        return key or None


def base_url(model: str) -> str:
    """The URL all paths are put behind, such as http://host:8000/v1. Raises UserError if it cannot be one."""
    try:
        parts = urlsplit(model)
        host, _ = parts.hostname, parts.port
    except ValueError as problem:
        raise UserError(f"--model {model}: not a URL ({problem})") from problem
    if "@" in parts.netloc:
        raise UserError("--model http://…@…: a URL that holds a user or a key; keys are read from the environment only")
    example = "give the endpoint's base, such as http://host:8000/v1"
    if parts.scheme not in {"http", "https"} or not host:
        raise UserError(f"the api engine asks a URL, and {model!r} is none; {example}")
    if parts.query or parts.fragment:
        raise UserError(f"--model {parts.scheme}://{parts.netloc}{parts.path}?…: no queries here; {example}")
    path = parts.path.rstrip("/") or "/v1"
    if path.endswith("/completions"):
        raise UserError(f"--model {model}: the path of one operation; {example}")
    return f"{parts.scheme}://{parts.netloc}{path}"
