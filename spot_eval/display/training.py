"""A training run as lines of (label, text): what it would take, and what came out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

MEASURED = (
    ("reward_chosen", "r+"),
    ("reward_rejected", "r-"),
    ("tether", "tether"),
    ("edited_share", "gradient on edited tokens"),
)


def rehearsal_rows(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the lines of a dry run."""
    about, settings = found["estimate"], found["settings"]
    return [
        ("objective", f"{found['objective']}, learning rate {settings['learning_rate']:g}, beta {settings['beta']:g}"),
        ("pairs", f"{found['pairs']:,} kept"),
        *_dropped(found),
        ("steps", f"{found['steps']:,} of {settings['batch_size']} pairs"),
        ("tokens", f"{about['tokens_an_epoch']:,} per epoch, at most {about['longest_batch']:,} per forward pass"),
        ("parameters", f"{about['parameters']:,}, {about['trained']:,} of them trained"),
        ("memory", f"about {about['bytes'] / 1e9:.1f} GB per process"),
        (
            "time",
            f"about {_duration(about['seconds'])} on {found['processes']} x {found['device']}, at its present speed",
        ),
    ]


def result_rows(found: Mapping[str, Any], out: Path) -> list[tuple[str, str]]:
    """Return the lines of a finished training run, whose checkpoint is at `out`."""
    last, rounding = found["last"], found["rounding"]
    rows = [("objective", found["objective"]), ("pairs", f"{found['pairs']:,}"), *_dropped(found)]
    speed = found["tokens"] / found["seconds"] if found["seconds"] else 0.0
    rows.append(("steps", f"{found['steps']:,} in {_duration(found['seconds'])}, {speed:,.0f} tokens/s"))
    measured = [f"loss {last['loss']:.4f}"] if last else []
    measured += [f"{label} {last[name]:.3f}" for name, label in MEASURED if last.get(name) is not None]
    rows.append(("last step", ", ".join(measured)))
    if "norm_kept" in rounding:
        rows.append(
            (
                "rounding",
                f"{100 * rounding['norm_kept']:.0f} % of the update survives rounding to {rounding['dtype']}, and "
                f"{100 * rounding['weights_moved']:.0f} % of the changed weights",
            )
        )
    rows += [("warning", sentence) for sentence in found.get("warnings", [])]
    rows.append(("checkpoint", str(out)))
    if (out / "adapter").is_dir():
        rows.append(("adapter", f"{out / 'adapter'}, the same training unmerged"))
    return rows


def _dropped(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [("", f"{count:,} dropped: {reason}") for reason, count in found["dropped"].items()]


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
