"""Transcripts go in by a stated order, within the budget, and nothing is left out in silence."""

from __future__ import annotations

import base64
import json
import random
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spot_eval.report.doc_table import change, doc_rows, most_telling_first
from spot_eval.report.transcripts import LONGEST, cut, encode, pack, question
from spot_eval.runs.finished import FinishedRun, read_run
from tests.report.made_up_runs import prose, write_run
from tests.report.report_pages import candidate_answer


def decode(block: str) -> Any:
    """What the browser does."""
    return json.loads(zlib.decompress(base64.b64decode(block), -zlib.MAX_WBITS))


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> list[FinishedRun]:
    """Forty docs of 4 kB of text a repeat, of which two are lost and three gained."""
    folder = tmp_path_factory.mktemp("sides")

    def answer(wrong: set[int]) -> Any:
        dice = random.Random(len(wrong))
        return lambda task, doc, repeat: {"text": f"doc {doc} repeat {repeat} {prose(dice, 700)}",
                                          "score": float(doc not in wrong)}  # fmt: skip

    suite = {"in_domain": {"sums": (40, 2)}}
    candidate = write_run(folder / "candidate", answer({30, 31}), suite=suite, model="candidate")
    base = write_run(folder / "base", answer({5, 6, 7}), suite=suite, model="base")
    return [read_run(candidate), read_run(base)]


def test_lost_docs_come_first_then_gained_then_the_rest(sides: list[FinishedRun]) -> None:
    rows = doc_rows(sides)
    order = [rows[at].id for at in most_telling_first(rows)]
    assert order[:6] == ["30", "31", "5", "6", "7", "0"]
    assert change(rows[30]) == -1


def test_with_room_everything_is_there(sides: list[FinishedRun]) -> None:
    rows = doc_rows(sides)
    texts = pack(sides, rows, 10_000_000)
    assert (texts.whole, texts.parts, texts.left_out, texts.absent) == (160, 0, 0, 0)
    assert len(texts.place) == 40
    block, entry = texts.place[12]
    found = decode(texts.blocks[block])[entry]
    assert found["messages"] == [{"role": "user", "content": "sums: what is 12 + 1?"}]
    assert found["gold"] == "13"
    assert [text[:18] for text in found["texts"][1]] == ["doc 12 repeat 0 " + found["texts"][1][0][16:18],
                                                         "doc 12 repeat 1 " + found["texts"][1][1][16:18]]  # fmt: skip


@pytest.mark.parametrize("budget", [0, 5_000, 30_000, 60_000, 120_000])
def test_the_budget_holds_and_every_transcript_is_counted(sides: list[FinishedRun], budget: int) -> None:
    rows = doc_rows(sides)
    texts = pack(sides, rows, budget)
    assert sum(map(len, texts.blocks)) == texts.size <= budget
    assert texts.whole + texts.parts + texts.left_out == 160
    assert len(texts.questions) == 40
    inside = [entry for block in texts.blocks for entry in decode(block)]
    assert len(inside) == len(texts.place)
    shown = [text for entry in inside for of_run in entry["texts"] for text in of_run]
    assert sum(isinstance(text, str) for text in shown) == texts.whole
    assert sum(isinstance(text, dict) for text in shown) == texts.parts


def test_flips_are_whole_before_others_are_cut(sides: list[FinishedRun]) -> None:
    texts = pack(sides, doc_rows(sides), 60_000)
    assert texts.whole
    assert texts.parts
    for at in (30, 31, 5):
        block, entry = texts.place[at]
        assert all(isinstance(text, str) for of_run in decode(texts.blocks[block])[entry]["texts"] for text in of_run)


def test_a_text_beyond_all_measure_is_cut_whatever_the_budget(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", lambda *_: {"text": "x" * (LONGEST + 1)}, suite={"general": {"orders": (1, 1)}})
    sides = [read_run(run)]
    texts = pack(sides, doc_rows(sides), 20_000_000)
    (text,) = decode(texts.blocks[0])[0]["texts"][0]
    assert text["length"] == LONGEST + 1
    assert len(text["head"]) + len(text["tail"]) < LONGEST


def test_what_has_no_text_is_counted_apart(candidate: Path) -> None:
    sides = [read_run(candidate)]
    texts = pack(sides, doc_rows(sides), 1_000_000)
    assert texts.absent == 1  # orders/4
    assert texts.whole == 28


def test_lines_written_elsewhere_and_lines_cut_short_are_read(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", candidate_answer)
    file = run / "generations.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    # keys in another order, blanks after colons; the last line torn
    file.write_text("\n".join(json.dumps(dict(reversed(line.items()))) for line in lines) + '\n{"key": "torn", "te')
    side = read_run(run)
    assert len(side.generation_index) == len(lines)
    assert pack([side], doc_rows([side]), 1_000_000).whole == 28


@given(st.text(st.characters(), max_size=50), st.integers(0, 9), st.integers(0, 9))
def test_a_cut_text_keeps_its_ends_and_its_length(text: str, head: int, tail: int) -> None:
    found = cut(text, (head, tail))
    if isinstance(found, str):
        assert found == text
        assert len(text) <= head + tail
    else:
        assert found is not None
        assert text.startswith(found["head"])
        assert text.endswith(found["tail"])
        assert (len(found["head"]), len(found["tail"]), found["length"]) == (head, tail, len(text))


@given(st.lists(st.text(st.characters(codec=None), max_size=20)))  # halves of surrogate pairs included
def test_whatever_a_model_wrote_comes_back(texts: list[str]) -> None:
    block = encode(texts)
    assert block.isascii()
    assert not set(block) & set("<>&\"'")
    assert decode(block) == json.loads(json.dumps(texts))


def test_a_question_is_one_short_line() -> None:
    assert question([{"role": "user", "content": "a\n\nb " * 500}]).startswith("a b a b")
    assert len(question([{"role": "user", "content": "long " * 500}])) == 160
    assert question([{"role": "system", "content": "x"}]) == ""
