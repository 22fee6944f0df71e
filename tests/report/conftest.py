"""Runs made up for reports, and one browser for all tests that open them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.report.made_up_runs import write_run
from tests.report.report_pages import PATIENCE_MS, Page, base_answer, candidate_answer, write_report

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]


@pytest.fixture(scope="session")
def candidate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "candidate", candidate_answer, model="tiny-sft")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "base", base_answer, model="tiny")


@pytest.fixture(scope="session")
def report(candidate: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the two, as a file."""
    return write_report(tmp_path_factory.mktemp("reports") / "report.html", candidate, base)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless browser; that there is none is a failure, not a reason to skip."""
    from playwright.sync_api import expect, sync_playwright

    path = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    assert path, "the report is tested in a real browser: install Debian's `chromium`"
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    yield Page(context)
    context.close()
