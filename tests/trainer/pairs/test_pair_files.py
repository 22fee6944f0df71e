"""Reading pairs: what is there is kept, what is wrong is named with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trainer.errors import TrainError
from trainer.pairs.pair_files import read_pairs

GOOD = {"id": "a", "prompt": "2 + 2?", "rejected": "5", "chosen": "4"}


def write(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def test_a_pair_keeps_its_columns(tmp_path: Path) -> None:
    row = {**GOOD, "gold": 4, "change_ratio": 0.5, "source": "oracle", "meta": {"k": 1}}
    (pair,) = read_pairs(write(tmp_path / "p.jsonl", row))
    assert (pair.id, pair.chosen, pair.rejected, pair.gold, pair.change_ratio) == ("a", "4", "5", "4", 0.5)
    assert pair.prompt == [{"role": "user", "content": "2 + 2?"}]
    assert pair.meta == {"k": 1}


def test_a_prompt_may_be_messages(tmp_path: Path) -> None:
    messages = [{"role": "system", "content": "Brief."}, {"role": "user", "content": "2 + 2?"}]
    (pair,) = read_pairs(write(tmp_path / "p.jsonl", {**GOOD, "prompt": messages}))
    assert pair.prompt == messages


def test_objectives_of_one_side_need_no_rejected(tmp_path: Path) -> None:
    (pair,) = read_pairs(write(tmp_path / "p.jsonl", {"prompt": "2 + 2?", "chosen": "4"}), rejected=False)
    assert (pair.id, pair.rejected) == ("1", "")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("{", "line 2: not JSON"),
        ("[1]", "line 2: expected an object, found list"),
        ({"prompt": "q", "chosen": "a"}, "line 2: no column 'rejected' (it has chosen, prompt)"),
        ({**GOOD, "chosen": "  "}, "line 2: 'chosen' is empty (pair a)"),
        ({**GOOD, "rejected": 5}, "line 2: column 'rejected' is neither a text nor a list of turns: 5"),
        ({**GOOD, "rejected": "4"}, "line 2: chosen and rejected are equal (pair a)"),
        ({**GOOD, "chosen": "\ud800"}, "line 2: a text holds half a character"),
        ({**GOOD, "prompt": "2 \udc00"}, "line 2: a text holds half a character"),
        ({**GOOD, "prompt": [{"role": "user"}]}, "line 2: column 'prompt' is neither a text nor"),
    ],
)
def test_what_is_no_pair_is_one_sentence(tmp_path: Path, row: object, says: str) -> None:
    with pytest.raises(TrainError) as problem:
        read_pairs(write(tmp_path / "p.jsonl", GOOD, row))
    assert says in str(problem.value)
    assert "\n" not in str(problem.value)


def test_no_file_and_no_pairs(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="cannot read"):
        read_pairs(tmp_path / "none.jsonl")
    with pytest.raises(TrainError, match="holds no pairs"):
        read_pairs(write(tmp_path / "empty.jsonl", ""))
