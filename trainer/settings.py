"""All that decides a training run, as one frozen record, and the recipe files that fill it.

A recipe is a TOML file of this record's names. `recipes/` holds one a method, each with a table for 8B models (the
paper's settings, arXiv 2603.01683) and one for the miniature; `spot-bco/miniature` names the latter.
"""

from __future__ import annotations

import json
import math
import sys
import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from trainer.errors import TrainError

RECIPES = Path(__file__).parent / "recipes"


LARGEST_RANK = 4096
"""The width of an 8B model; an adapter of this rank has more weights than the layer it adapts."""


@dataclass(frozen=True)
class Lora:
    """Low-rank adapters on linear layers other than the head; the reference is the model without them.

    modules: names of layers, or the ends of such names (`q_proj`), as peft's target_modules; empty for all.
    """

    rank: int = 16
    alpha: float = 32.0
    modules: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.rank, int) or isinstance(self.rank, bool) or self.rank < 1:
            raise TrainError(f"lora: rank is {self.rank!r}; expected a whole number of at least 1")
        if self.rank > LARGEST_RANK:
            raise TrainError(
                f"lora: rank is {self.rank:,}; adapters of a rank above {LARGEST_RANK:,} are no longer low-rank"
            )
        if not _is_finite(self.alpha) or self.alpha <= 0:
            raise TrainError(f"lora: alpha is {self.alpha!r}; expected a number above 0")
        names = self.modules
        if not isinstance(names, list | tuple) or not all(isinstance(one, str) and one.strip() for one in names):
            raise TrainError(f"lora: modules is {names!r}; expected names of linear layers, such as q_proj")
        object.__setattr__(self, "modules", tuple(names))  # TOML and JSON have lists


@dataclass(frozen=True)
class Settings:
    """The settings of a training run. Defaults are the paper's settings for full fine-tuning of 8B models.

    batch_size: pairs an optimizer step, over all processes. token_budget: tokens a forward pass on one process, at
    most (a longer pair goes alone). max_tokens: prompt and answer of one side together. dtype: what is computed in;
    weights, gradients and optimizer are fp32 whatever it is. layout: shared, packed or separate, at most.
    """

    objective: str = "spot-bco"
    beta: float = 0.1
    shift: str = "paper"
    learning_rate: float = 1e-6
    schedule: str = "cosine"
    warmup: float = 0.05
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 1e-8
    clip: float = 1.0
    epochs: float = 2.0
    steps: int | None = None
    batch_size: int = 32
    max_tokens: int = 8192
    token_budget: int = 16384
    dtype: str = "bfloat16"
    layout: str = "shared"
    gradient_checkpointing: bool = True
    lora: Lora | None = None
    seed: int = 0
    shuffle: bool = True
    chat: bool = True

    def __post_init__(self) -> None:
        for name in ("beta", "learning_rate", "warmup", "weight_decay", "eps", "clip", "epochs"):
            if not _is_finite(getattr(self, name)):
                raise TrainError(f"{name} is {getattr(self, name)!r}; expected a finite number")
        for name in ("weight_decay", "eps"):
            if getattr(self, name) < 0:
                raise TrainError(f"{name} is {getattr(self, name)}; expected 0 or more")
        if len(self.betas) != 2 or not all(_is_finite(each) and 0 <= each < 1 for each in self.betas):
            raise TrainError(f"betas is {self.betas!r}; expected two numbers from 0 to below 1")
        for name in ("beta", "learning_rate", "clip", "epochs", "batch_size", "max_tokens", "token_budget"):
            if not getattr(self, name) > 0:
                raise TrainError(f"{name} is {getattr(self, name)}; expected a number above 0")
        for name, known in (
            ("schedule", ("cosine", "linear", "constant")),
            ("dtype", ("bfloat16", "float32")),
            ("layout", ("shared", "packed", "separate")),
            ("shift", ("paper", "trl020")),
        ):
            if getattr(self, name) not in known:
                raise TrainError(f"{name} {getattr(self, name)!r} is not known; there are {', '.join(known)}")
        if not 0 <= self.warmup < 1:
            raise TrainError(f"warmup is {self.warmup}; expected a fraction of the steps, from 0 to below 1")
        if self.steps is not None and self.steps < 1:
            raise TrainError(f"steps is {self.steps}; expected at least 1")

    def record(self) -> dict[str, Any]:
        """Return the settings as a JSON file reads back: tuples are lists, and adapters on all layers name none."""
        found: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        if self.lora and not self.lora.modules:
            del found["lora"]["modules"]
        return found


def _is_finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


SCALES = ("8b", "miniature")


@dataclass(frozen=True)
class Recipe:
    """A recipe file: its name, what it says it is for, and the settings it names."""

    name: str
    about: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


def recipe_names() -> list[str]:
    """The recipes that come with the package."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def recipe_for(name: str | None, objective: str | None, *, miniature: bool) -> Recipe | None:
    """The recipe called `name`, else that of the objective for this kind of model; None for a mixture: it has none."""
    if name:
        return read_recipe(name)
    wanted = objective or Settings().objective
    scale = "miniature" if miniature else "8b"
    return read_recipe(f"{wanted}/{scale}") if wanted in recipe_names() else None


def read_recipe(name: str) -> Recipe:
    """A recipe of the package by its name, `spot-bco` or `spot-bco/miniature`, or a TOML file.

    Raises TrainError naming what it does not know.
    """
    method, _, scale = name.partition("/")
    ours = method in recipe_names() and scale in ("", *SCALES)
    path = RECIPES / f"{method}.toml" if ours else Path(name)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        known = ", ".join(recipe_names())
        raise TrainError(
            f"no recipe {name!r}; there are {known}, each also as NAME/miniature, or give a TOML file"
        ) from problem
    except RecursionError as problem:
        raise TrainError(f"{path}: nested too deeply to be a recipe") from problem
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise TrainError(f"{path}: not TOML ({problem})") from problem
    about = str(content.pop("about", ""))
    tables = {one: content.pop(one, {}) for one in SCALES}
    for one, table in tables.items():
        if not isinstance(table, dict):
            raise TrainError(f"{path}: {one} is {table!r}; expected a table of settings")
    content |= tables[scale if ours and scale else SCALES[0]]
    types = [one.name for one in fields(Settings)]
    if unknown := sorted(set(content) - set(types)):
        raise TrainError(f"{path}: {unknown[0]!r} is no setting; there are {', '.join(types)}")
    return Recipe(name, about, content)


def settings_from(recipe: Recipe | None, **given: Any) -> Settings:
    """The defaults, then the recipe's settings, then those `given` that are not None.

    Raises TrainError if a value has another type than the setting.
    """
    merged = (recipe.settings if recipe else {}) | {name: value for name, value in given.items() if value is not None}
    if isinstance(lora := merged.get("lora"), dict):
        known = [one.name for one in fields(Lora)]
        if unknown := sorted(set(lora) - set(known)):
            raise TrainError(f"lora has no setting {unknown[0]!r}; there are {', '.join(known)}")
        merged["lora"] = Lora(**lora)
    if "betas" in merged:
        if not isinstance(merged["betas"], list | tuple):
            raise TrainError(f"betas is {merged['betas']!r}; expected two numbers from 0 to below 1")
        merged["betas"] = tuple(merged["betas"])
    plain = Settings()
    for name, value in merged.items():
        default = getattr(plain, name)
        wanted = (int, float) if isinstance(default, float) else type(default)
        if default is not None and (not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool)):
            raise TrainError(f"{name} is {value!r}; expected {type(default).__name__}")
    return replace(plain, **merged)


def learning_rate_factor(schedule: str, step: int, steps: int, warmup: float) -> float:
    """Return the factor of the learning rate at 0-based `step` of `steps`: a linear rise from 0, then the schedule.

    The same as transformers' schedules of these names.

    Args:
        schedule: constant, linear or cosine.
        step: 0-based number of the step.
        steps: how many the run takes.
        warmup: fraction of the steps in which the rate rises.
    """
    rise = math.ceil(steps * warmup)
    if step < rise:
        return step / rise
    done = (step - rise) / max(1, steps - rise)
    if schedule == "cosine":
        return max(0.0, 0.5 * (1 + math.cos(math.pi * done)))
    return 1.0 - done if schedule == "linear" else 1.0
