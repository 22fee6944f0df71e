"""Fixtures of training runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.trainer.training.jobs import QUICK, Make
from trainer.settings import Settings
from trainer.training.job import Job


@pytest.fixture
def make(tiny: Path, pairs_file: Path, tmp_path: Path) -> Make:
    def job(name: str = "out", settings: Settings = QUICK, **options: Any) -> Job:
        return Job(**{"model": tiny, "pairs": pairs_file, "out": tmp_path / name, "settings": settings,
                      "cache": tmp_path / "cache", "device": "cpu", **options})  # fmt: skip

    return job
