"""`spot-eval baseline deepen`: ask a base run's questions more often, so that its luck weighs less on every candidate.

The deep base is a run beside the base, `BASE-x4`, of the same configuration with more repeats. It takes over the base's
own generations, can be killed and goes on, and is sealed as any run. The base itself stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spot_eval.core.errors import UserError
from spot_eval.core.options import RunOptions
from spot_eval.core.progress import Say
from spot_eval.evaluation.prepare import Fetching, prepare
from spot_eval.evaluation.run import run
from spot_eval.runs.directory import differing
from spot_eval.runs.judged import JudgedRun

TIMES = re.compile(r"x([1-9][0-9]{0,3})")


@dataclass(frozen=True)
class Given:
    """Options that a manifest does not say, or says of another machine; None takes the manifest's."""

    model: str | None = None
    suite: str | None = None
    chat_template: str | None = None
    data_dirs: Sequence[Path] = ()
    data_files: Mapping[str, Path] = field(default_factory=dict)
    engine_args: Mapping[str, str] = field(default_factory=dict)
    trust_remote_code: bool = False
    workers: int | None = None


def parse_times(text: str) -> int:
    """Return 4 for `x4`. Raises UserError for anything but a whole number of at least 2 after an x."""
    found = TIMES.fullmatch(text)
    if found is None or int(found[1]) < 2:
        raise UserError(f"--repeats {text}: expected x and a whole number of at least 2, such as x4")
    return int(found[1])


def deepen(base: JudgedRun, times: int, given: Given, say: Say) -> Path:
    """Ask every question of `base` `times` as often; return the directory of the deep base.

    Args:
        base: the run to ask more often; it stays as it is.
        times: factor of the repeats, 2 or more.
        given: what the manifest of the base does not say.
        say: receives the sentences a user should read meanwhile.

    Raises UserError if the base cannot be deepened, or if its configuration cannot be had again.
    """
    options = _options(base, times, given)
    prepared = prepare(options, Fetching(say), lambda _: None)
    _refuse_another(base, prepared.complete()[2])
    return run(options, say)[0]


def _options(base: JudgedRun, times: int, given: Given) -> RunOptions:
    """Return the options that made `base`, with more repeats."""
    if base.saved:
        raise UserError(
            f"{base.path} is a saved baseline, which keeps no questions to ask again; deepen the run that it was saved "
            "from, and save the deep run in its place"
        )
    if base.times > 1:
        raise UserError(
            f"{base.path} is a deep base already (x{base.times}); to make a deeper one, deepen the run it was made from"
        )
    config, model = base.config, base.manifest.get("model", {})
    if not any(task["sampling"].get("temperature") for task in config["suite"]["tasks"].values()):
        raise UserError(f"{base.path} is greedy: another repeat would be a copy, so it cannot be deepened")
    place, engine = given.model or model.get("path") or model.get("url"), config["engine"].get("name")
    if not place or config.get("prompts"):
        raise UserError(f"{base.path} holds answers that were made elsewhere, so they cannot be asked for again")
    if not isinstance(engine, str):
        raise UserError(f"{base.path / 'manifest.json'} names no engine, so its questions cannot be asked again")
    # a value of another type is no option: the configuration that comes out differs, and is refused
    changes = {name: value for name, value in config["changes"].items() if type(value) in {int, str}}
    numbers = {name: value for name, value in changes.items() if isinstance(value, int) and value >= 0}
    return RunOptions(
        model=str(place),
        model_id=_text(config["model"].get("id")),
        adapter=_text(model.get("adapter")),
        suite=given.suite or config["suite"]["name"],
        tasks=str(changes["tasks"]).split(",") if changes.get("tasks") else (),
        engine=engine,
        engine_args={
            **{name: str(value) for name, value in base.manifest.get("engine_args", {}).items()},
            **given.engine_args,
        },
        data_dirs=given.data_dirs,
        data_files=given.data_files,
        limit=numbers.get("limit") or None,
        repeats=numbers.get("repeats") or None,
        times=times,
        max_new_tokens=numbers.get("max_new_tokens") or None,
        seed=config["seed"] or 0,
        connect4_seed=numbers.get("connect4_seed"),
        fresh_seed=numbers.get("fresh_seed"),
        out=base.path.with_name(f"{base.path.resolve().name}-x{times}"),
        chat_template=given.chat_template or ("none" if config["model"].get("chat_template") == "none" else None),
        skip_too_long=bool(config.get("skip_too_long")),
        trust_remote_code=given.trust_remote_code,
        workers=given.workers,
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _refuse_another(base: JudgedRun, config: Mapping[str, Any]) -> None:
    """Raise UserError if a deep base would differ from `base` in more than its repeats."""
    there, here = _but_repeats(base.config), _but_repeats(config)
    for name, old, new in differing(there, here):
        raise UserError(
            f"{base.path} cannot be deepened here: its {name} was {old!r:.60}, and would be {new!r:.60}; give what "
            "differs (--model, --suite FILE, --chat-template, --data-dir, --data, --engine-arg) as for the base"
        )


def _but_repeats(config: Mapping[str, Any]) -> dict[str, Any]:
    suite = config["suite"]
    tasks = {task: {**entry, "repeats": None} for task, entry in suite["tasks"].items()}
    changes = {name: value for name, value in config["changes"].items() if name != "deepened"}
    return {**config, "suite": {**suite, "tasks": tasks}, "changes": changes}
