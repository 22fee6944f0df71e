"""Runs made up for reports serve exports, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report.made_up_runs import write_run
from tests.report.report_pages import base_answer, candidate_answer


def odd_answer(task: str, doc_id: int, repeat: int) -> dict[str, object]:
    """As the report's candidate, and one text with half of a surrogate pair."""
    return (
        {"text": "half \ud83d of a pair"} if (task, doc_id) == ("sums", 5) else candidate_answer(task, doc_id, repeat)
    )


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "candidate", odd_answer, model="org/tiny sft")


@pytest.fixture(scope="session")
def base_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "base", base_answer, model="tiny")
