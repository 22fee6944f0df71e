"""The report of two runs of the protocol's size (15,000 samples each): CPU time to build it, its size, its first paint.

    spot-eval report      7.1 s of CPU (limit 15), 6.7 MB (limit 15): ok
    first paint           180 ms (limit 1,000), docs after 420 ms: ok

First paint is what the browser itself says (first-contentful-paint), median of five loads from disk. Exits 1 above the
limits. `make bench` runs it.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spot_eval.core.files import write_json
from tests.benchmarks.figures import Figure
from tests.report.made_up_runs import PROTOCOL, write_protocol_run

KEPT = Path(__file__).with_suffix(".json")
BUILD_LIMIT_S = 15.0  # of CPU, the interpreter's start included
SIZE_LIMIT_MB = 15.0
PAINT_LIMIT_MS = 1000.0
LOADS = 5
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def cpu_seconds(arguments: list[str]) -> float:
    """User and system time of one call."""
    before = os.times()
    subprocess.run([sys.executable, "-m", "spot_eval", *arguments], check=True, capture_output=True)
    after = os.times()
    return after.children_user - before.children_user + after.children_system - before.children_system


def paint_times(report: Path) -> tuple[list[float], list[float]]:
    """Milliseconds from the start of each load to its first paint, and until its docs are listed."""
    from playwright.sync_api import sync_playwright

    chromium = next(
        found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))
    )
    painted, listed = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        for _ in range(LOADS):
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            page = context.new_page()
            page.goto(report.as_uri(), wait_until="commit")
            page.wait_for_selector("#doc h3")
            listed.append(float(page.evaluate("performance.now()")))
            painted.append(float(page.evaluate(PAINTED)))
            context.close()
        browser.close()
    return painted, listed


def figures(kept: Mapping[str, Any]) -> list[Figure]:
    """The page beside its limits."""
    names = {"cpu_s": "report of two protocol runs, CPU time", "mb": "its size", "first_paint_ms": "its first paint"}
    return [Figure(work, "limit", kept[name] / kept["limits"][name]) for name, work in names.items()]


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        candidate = write_protocol_run(Path(folder) / "candidate", "candidate", 2, {"math500": 0.05, "ifeval": -0.03})
        base = write_protocol_run(Path(folder) / "base", "base", 1, {})
        report = Path(folder) / "report.html"
        seconds = cpu_seconds(["report", str(candidate), str(base), "-o", str(report)])
        megabytes = report.stat().st_size / 1e6
        painted, listed = paint_times(report)
    samples = sum(docs * repeats for members in PROTOCOL.values() for docs, repeats in members.values())
    paint = statistics.median(painted)
    built = seconds <= BUILD_LIMIT_S and megabytes <= SIZE_LIMIT_MB
    write_json(KEPT, {
        "samples": samples, "cpu_s": round(seconds, 1), "mb": round(megabytes, 1), "first_paint_ms": round(paint),
        "limits": {"cpu_s": BUILD_LIMIT_S, "mb": SIZE_LIMIT_MB, "first_paint_ms": PAINT_LIMIT_MS},
    })  # fmt: skip
    print(f"two runs of {samples:,} samples")
    print(f"spot-eval report  {seconds:.1f} s of CPU (limit {BUILD_LIMIT_S:g}), {megabytes:.1f} MB "
          f"(limit {SIZE_LIMIT_MB:g}): {'ok' if built else 'TOO MUCH'}")  # fmt: skip
    quick = "ok" if paint <= PAINT_LIMIT_MS else "TOO SLOW"
    docs = statistics.median(listed)
    print(f"first paint       {paint:.0f} ms (limit {PAINT_LIMIT_MS:,.0f}), docs after {docs:.0f} ms: {quick}")
    return 0 if built and paint <= PAINT_LIMIT_MS else 1


if __name__ == "__main__":
    sys.exit(main())
