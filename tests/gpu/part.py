"""One part of the GPU line, in a process of its own: what it is given, and the JSON that it leaves."""

from __future__ import annotations

import argparse
import json
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from spot_eval.core.files import write_json


class Given(NamedTuple):
    """What a part is told: `tiny` takes the smallest shapes and no claims; `words` are its further arguments."""

    device: str
    tiny: bool
    words: list[str]


class Skip(Exception):
    """Why a part does not run here."""


def run_part(measure: Callable[[Given], dict[str, Any]]) -> None:
    """Measure, and write the result or the reason why there is none to the file that the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("words", nargs="*")
    told = parser.parse_args()
    started = time.monotonic()
    try:
        found = {"status": "done", **measure(Given(told.device, told.tiny, told.words))}
    except Skip as reason:
        found = {"status": "skipped", "verdict": str(reason)}
    except Exception as problem:  # noqa: BLE001 - the other parts go on, and this one says why it did not
        traceback.print_exc()
        first = (str(problem).strip().splitlines() or [""])[0]
        found = {"status": "failed", "verdict": f"{type(problem).__name__}: {first}"[:300]}
    write_json(told.json, json.loads(json.dumps(found | {"seconds": round(time.monotonic() - started, 1)})))
