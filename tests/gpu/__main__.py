"""Run the GPU line: `python -m tests.gpu [--out FILE] [--parts A,B] [--device cpu --tiny]`.

Each part runs in a process of its own, under a limit of its own. The file is written after each, so that what is done
stays when the machine goes. A part that ran replaces its result of an earlier run; the others keep theirs. Each result
names its machine. Exits with 1 where a part failed, or came out otherwise than it should.

`python -m tests.gpu.table` prints the table of docs/gpu.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from spot_eval.core.files import read_json, write_json

ROOT = Path(__file__).parent.parent.parent
KEPT = ROOT / "tests" / "benchmarks" / "gpu.json"
WHOLE_S = 560.0
PARTS = {
    "attention": (["attention"], 90),
    "precision": (["precision"], 120),
    "processes": (["processes"], 120),
    "train 1.7B": (["speed", "1.7B", "ours"], 80),
    "train 1.7B, TRL": (["speed", "1.7B", "trl"], 80),
    "evaluation": (["evaluation"], 240),
    "train 8B LoRA": (["speed", "8B", "ours", "lora"], 100),
    "train 8B LoRA, TRL": (["speed", "8B", "trl", "lora"], 100),
}
"""Name to the module with its words, and seconds at most."""


def card(device: str) -> dict[str, Any]:
    """Return the device and the versions that the numbers belong to."""
    import torch
    import transformers

    if device != "cuda":
        return {"device": device, "torch": torch.__version__, "transformers": transformers.__version__}
    if not torch.cuda.is_available():
        raise SystemExit("torch sees no CUDA device; `--device cpu --tiny` tries the parts without one")
    properties = torch.cuda.get_device_properties(0)
    return {"device": properties.name, "memory_gb": round(properties.total_memory / 1e9, 1), "cuda": torch.version.cuda,
            "torch": torch.__version__, "transformers": transformers.__version__}  # fmt: skip


def run(name: str, told: argparse.Namespace, left_s: float) -> dict[str, Any]:
    """Return the result of one part."""
    (module, *words), limit = PARTS[name]
    limit = min(limit, left_s)
    if limit < 15:
        return {"status": "skipped", "verdict": "no time was left"}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "part.json"
        command = [sys.executable, "-m", f"tests.gpu.{module}", "--json", str(file), "--device", told.device, *words]
        log = told.out.with_suffix(".log")
        with log.open("ab") as output:
            output.write(f"--- {name}\n".encode())
            output.flush()
            process = subprocess.Popen(
                [*command, *(["--tiny"] if told.tiny else [])], cwd=ROOT, stdout=output, stderr=output,
                env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
                start_new_session=True,
            )  # fmt: skip
            try:
                process.wait(limit)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()
                return {"status": "timed out", "verdict": f"not done after {limit:.0f} s"}
        if not file.is_file():
            return {"status": "failed", "verdict": f"exit code {process.returncode}; see {log.name}"}
        return json.loads(file.read_text())


def main() -> int:
    """Run the parts in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=KEPT)
    parser.add_argument("--parts", help="names of parts, with commas between them")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="smallest shapes, to try the parts; no result to keep")
    told = parser.parse_args()
    if told.tiny and told.out == KEPT:
        parser.error("--tiny writes no result to keep; give --out FILE")
    wanted = told.parts.split(",") if told.parts else list(PARTS)
    if unknown := [name for name in wanted if name not in PARTS]:
        parser.error(f"there is no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    started = time.monotonic()
    machine = card(told.device)
    kept = read_json(told.out) if told.out.is_file() else {"parts": {}}
    if kept.setdefault("tiny", told.tiny) != told.tiny:
        parser.error(f"{told.out} is of {'tiny' if kept['tiny'] else 'whole'} shapes; give another --out FILE")
    ran: dict[str, Any] = {}
    for name in wanted:
        found = ran[name] = run(name, told, WHOLE_S - (time.monotonic() - started))
        if found["status"] != "skipped" or name not in kept["parts"]:
            kept["parts"][name] = {**found, "machine": machine}
            write_json(told.out, kept)
        print(f"{name}: {found['status']}, {found['verdict']} ({found.get('seconds', 0):.0f} s)", flush=True)
    wrong = [name for name, one in ran.items() if one["status"] in ("failed", "timed out") or one.get("fine") is False]
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
