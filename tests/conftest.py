"""Fixtures: a tiny checkpoint, the mirror of real data where there is one."""

from __future__ import annotations

import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "examples"))
os.environ.setdefault("HF_HUB_OFFLINE", "1")  # tests never ask the network
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does, and before torch is loaded
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in a shell's background job; what tests start inherits it
    signal.signal(signal.SIGINT, signal.default_int_handler)
settings.register_profile("spot-eval", deadline=None)  # these machines share their cores
settings.load_profile("spot-eval")
MIRROR = os.environ.get("SPOT_EVAL_DATA")


def _has_cuda() -> bool:
    if not Path("/dev/nvidiactl").exists():  # torch takes a second to say so
        return False
    import torch

    return torch.cuda.is_available()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    absent = {
        "real": not MIRROR and "SPOT_EVAL_DATA is not set: no mirror of the real benchmarks",
        "cuda": not _has_cuda() and "torch sees no CUDA device here",
        "vllm": not find_spec("vllm") and "vllm is not installed here: `make test-vllm` has an environment for it",
    }
    for item in items:
        for marker, reason in absent.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The mirror of the real benchmarks; only for tests marked `real`."""
    assert MIRROR
    return Path(MIRROR)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Qwen3 checkpoint with random weights."""
    from tiny_model import build

    return build(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def boards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small file of Connect4 boards."""
    from connect4 import generate_boards
    from connect4.boards.set_files import set_lines

    path = tmp_path_factory.mktemp("boards") / "boards.jsonl"
    path.write_bytes(set_lines(generate_boards(24, seed=3)))
    return path


@pytest.fixture(scope="session")
def gpqa_file() -> Path:
    """Made-up rows in GPQA's columns."""
    return ROOT / "tests" / "data" / "gpqa_made_up.csv"
