"""Make and read runs: run, load_run, grade."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spot_eval.api.arguments import (
    PolicyLike,
    RunLike,
    StrPath,
    path_of,
    paths_of,
    policy_of,
    speaker,
    text_of,
)
from spot_eval.api.results import Run

if TYPE_CHECKING:
    from spot_eval.core.progress import Say


def run(
    model: StrPath | None = None,
    *,
    suite: str | None = None,
    tasks: Sequence[str] = (),
    engine: str | None = None,
    engine_args: Mapping[str, str] | None = None,
    adapter: str | None = None,
    model_id: str | None = None,
    data_dirs: Sequence[StrPath] = (),
    data_files: Mapping[str, StrPath] | None = None,
    limit: int | None = None,
    repeats: int | None = None,
    max_new_tokens: int | None = None,
    seed: int = 0,
    fresh: bool = False,
    connect4_seed: int | None = None,
    fresh_seed: int | None = None,
    baseline: StrPath | None = None,
    out: StrPath | None = None,
    chat_template: str | None = None,
    skip_too_long: bool = False,
    trust_remote_code: bool = False,
    workers: int | None = None,
    until_verdict: bool = False,
    policy: PolicyLike = None,
    say: Say | None = None,
) -> Run:
    """Evaluate a checkpoint and return the finished run. The same call again resumes, and does no work twice.

    Args:
        model: folder, hub id or URL; None for the embedded miniature.
        suite: name or file; None for `spot`, or `miniature` without a model.
        tasks: only these tasks of the suite.
        engine: hf, vllm, api or lm_eval:CLASS; None for hf, or api for a URL.
        engine_args: settings of the engine, as docs/engines.md lists them.
        adapter: LoRA adapter to put on the model.
        model_id: name of the model behind a URL.
        data_dirs: local copies of the benchmark data.
        data_files: task to the file its rows are read from.
        limit: only the first docs of each task.
        repeats: samples per doc, for every task.
        max_new_tokens: most new tokens per answer.
        seed: seed of the sampling.
        fresh: draw new Connect4 boards and generated rows.
        connect4_seed: seed of the Connect4 boards.
        fresh_seed: seed of generated rows.
        baseline: run, saved baseline or name of a published table; the scoreboard then holds differences from it.
        out: run directory; None for runs/<model>-….
        chat_template: file of a chat template, or `none` for plain text prompts.
        skip_too_long: record prompts that exceed the context as not judged.
        trust_remote_code: allow Python code that comes with the checkpoint.
        workers: number of grading processes; None for one per core.
        until_verdict: ask in waves, and stop a family once the gate's verdict against `baseline` is certain.
        policy: with `until_verdict`: margins and alpha, as `gate` takes them.
        say: receives the messages; None prints them to stderr.

    Raises UserError for bad input, before anything is generated.
    """
    from spot_eval.core.errors import UserError
    from spot_eval.evaluation.defaults import run_options
    from spot_eval.evaluation.run import run as evaluate
    from spot_eval.evaluation.several import options_of_each

    if policy is not None and not until_verdict:
        raise UserError("policy is the gate's: give it to `gate`, or set until_verdict")
    options = run_options(
        text_of(model),
        suite=suite,
        engine=engine,
        tasks=tuple(tasks),
        engine_args=dict(engine_args or {}),
        model_id=model_id,
        data_dirs=[Path(folder) for folder in data_dirs],
        data_files=paths_of(data_files),
        limit=limit,
        repeats=repeats,
        max_new_tokens=max_new_tokens,
        seed=seed,
        fresh=fresh,
        connect4_seed=connect4_seed,
        fresh_seed=fresh_seed,
        baseline=text_of(baseline),
        out=path_of(out),
        chat_template=chat_template,
        skip_too_long=skip_too_long,
        trust_remote_code=trust_remote_code,
        workers=workers,
    )
    say = speaker(say)
    (options,) = options_of_each(options, [options.model], say, [adapter] if adapter else ())
    monitor = None
    if until_verdict:
        from spot_eval.gating.stopped import UntilVerdict

        monitor = UntilVerdict(*policy_of(policy))
    path, _ = evaluate(options, say, monitor=monitor)
    return load_run(path)


def load_run(path: StrPath) -> Run:
    """Return the finished run, or the saved baseline, at `path`. Raises UserError if there is neither."""
    from spot_eval.runs.finished import read_run

    return Run(read_run(Path(path)))


def grade(
    path: RunLike,
    *,
    suite: str | None = None,
    tasks: Sequence[str] = (),
    data_dirs: Sequence[StrPath] = (),
    data_files: Mapping[str, StrPath] | None = None,
    model_id: str | None = None,
    sampling: str | None = None,
    out: StrPath | None = None,
    baseline: StrPath | None = None,
    workers: int | None = None,
    say: Say | None = None,
) -> Run:
    """Judge the stored generations of a run again, or a .jsonl file of generations made elsewhere; no model is needed.

    Args:
        path: run directory, or file of generations. The next six apply to a file only.
        suite: suite that the file answers; None for `spot`.
        tasks: only these tasks of the file.
        data_dirs: local copies of the benchmark data.
        data_files: task to the file its rows are read from.
        model_id: name of the model that wrote the file.
        sampling: `suite` for the suite's settings, or `temperature=0.7,…`.
        out: run directory for the file; None for runs/….
        baseline: run, saved baseline or name of a published table; the scoreboard then holds differences from it.
        workers: number of grading processes; None for one per core.
        say: receives the messages; None prints them to stderr.

    Raises UserError for bad input, before anything is written.
    """
    from spot_eval.core.errors import UserError

    place = path.path if isinstance(path, Run) else Path(path)
    if place.is_dir() or not (place.exists() or place.suffix in {".jsonl", ".gz"}):
        of_file = {"suite": suite, "tasks": tasks, "data_dirs": data_dirs, "data_files": data_files,
                   "model_id": model_id, "sampling": sampling, "out": out}  # fmt: skip
        if given := [name.replace("_", "-") for name, value in of_file.items() if value]:
            raise UserError(
                f"{given[0]} applies to a FILE of generations only; the run at {place} has its own settings"
            )
        from spot_eval.evaluation.run import grade_again

        grade_again(place, text_of(baseline), workers, speaker(say))
        return load_run(place)
    from spot_eval.core.options import FileOptions
    from spot_eval.interchange.from_generations import grade_file

    options = FileOptions(
        file=place,
        suite=suite or "spot",
        tasks=tuple(tasks),
        data_dirs=[Path(folder) for folder in data_dirs],
        data_files=paths_of(data_files),
        model=model_id,
        sampling=sampling,
        baseline=text_of(baseline),
        out=path_of(out),
        workers=workers,
    )
    return load_run(grade_file(options, speaker(say))[0])
