"""`vllm serve` on loopback, on a CPU, for tests and benchmarks."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import httpx

ID = "org/tiny"
CPU = {
    "OMP_NUM_THREADS": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1",
}  # fmt: skip


class Server:
    """`vllm serve` in a process group of its own."""

    def __init__(self, checkpoint: Path, scratch: Path, max_num_seqs: int = 64) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/v1"
        self.log = scratch / f"serve-{port}.log"
        options = [
            "--host", "127.0.0.1", "--port", str(port), "--served-model-name", ID, "--dtype", "float32",
            "--enforce-eager", "--max-model-len", "2048", "--no-enable-chunked-prefill",
            "--max-num-batched-tokens", "4096", "--max-num-seqs", str(max_num_seqs),
        ]  # fmt: skip
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "vllm.entrypoints.cli.main", "serve", str(checkpoint), *options],
                stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, **CPU, "PYTHONPATH": named_vllm(scratch)},
            )  # fmt: skip
        deadline = time.monotonic() + 600
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"vllm serve did not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.5)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/models", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """All of its processes, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def named_vllm(scratch: Path) -> str:
    """A PYTHONPATH with which vLLM's command line finds the version of a distribution called vllm."""
    paths = [path for path in [os.environ.get("PYTHONPATH")] if path]
    try:
        metadata.version("vllm")
    except metadata.PackageNotFoundError:  # a build of another name, which runs as well
        folder = scratch / "names" / "vllm-0.dist-info"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 0+cpu\n")
        paths.append(str(folder.parent))
    return os.pathsep.join(paths)
