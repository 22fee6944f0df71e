"""The list of docs stays within its bytes; no number of the page depends on what it leaves out."""

from __future__ import annotations

import base64
import json
import re
import zlib
from typing import Any

import pytest

from spot_eval.report import doc_table, html
from spot_eval.report.content import load_content
from tests.report.made_up_runs import write_run

SUITE = {"in_domain": {"sums": (300, 2)}, "general": {"orders": (200, 1)}}


def answer_of(model: str) -> Any:
    def answer(task: str, doc_id: int, repeat: int) -> dict[str, Any]:
        lost = model == "new" and doc_id % 50 == 0
        return {"score": 0.0, "extracted": f"{doc_id} is not it"} if lost else {}

    return answer


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("runs")
    new, base = (write_run(folder / name, answer_of(name), suite=SUITE, model=name) for name in ("new", "base"))
    return load_content(new, [str(base)])


def index_of(page: str) -> Any:
    packed = re.search(r'id="index">([^<]*)<', page)
    assert packed
    return json.loads(zlib.decompress(base64.b64decode(packed[1]), -zlib.MAX_WBITS))


def ids(page: str) -> dict[str, list[str]]:
    return {task["name"]: task["ids"] for task in index_of(page)["tasks"]}


@pytest.mark.parametrize(("name", "most"), [("MOST_SAMPLES", 120), ("MOST_INDEX", 2_000)])
def test_the_docs_that_changed_most_are_listed(
    content: Any, monkeypatch: pytest.MonkeyPatch, name: str, most: int
) -> None:
    whole = html.html(content, 10_000_000)
    monkeypatch.setattr(html if name == "MOST_INDEX" else doc_table, name, most)
    page = html.html(content, 10_000_000)
    assert {task: len(of) for task, of in ids(whole).items()} == {"sums": 300, "orders": 200}
    listed = ids(page)
    assert set(listed["sums"]) >= {"0", "50", "100", "150", "200", "250"}
    assert set(listed["orders"]) >= {"0", "50", "100", "150"}
    assert listed["sums"] == sorted(listed["sums"], key=int)
    count = sum(map(len, listed.values()))
    assert f"The {500 - count:,} docs that changed least are left out of this list" in page
    assert "The scores of all docs are here." in whole
    if name == "MOST_INDEX":
        assert len(re.search(r'id="index">([^<]*)<', page)[1]) <= most  # type: ignore[index]
    numbers = [re.search(r'id="scoreboard".*?id="docs"', text, re.DOTALL)[0] for text in (whole, page)]  # type: ignore[index]
    assert re.sub(r"<p class=.*?</p>", "", numbers[0]) == re.sub(r"<p class=.*?</p>", "", numbers[1])
