"""The worked verifiers: short answers and code edits become pairs as mathematics does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spot_eval.core.options import RunOptions
from spot_eval.miniature import BASE
from spot_eval.posttrain.oracles import Asking
from spot_eval.posttrain.rectify import rectify

EXAMPLES = Path(__file__).parents[2] / "examples" / "verifiers"
ASKING = Asking(RunOptions(model=str(BASE)), {})


def verified(folder: Path, verifier: str, gold: object, said: dict[str, str]) -> dict[str, int]:
    """The counts of `said` (id to corrected answer), all to one question with `gold`."""
    errors, hand = folder / "errors.jsonl", folder / "hand.jsonl"
    rows = [{"id": name, "prompt": "?", "rejected": "wrong", "gold": gold} for name in said]
    errors.write_text("".join(json.dumps(row) + "\n" for row in rows))
    hand.write_text("".join(json.dumps({"id": name, "chosen": text}) + "\n" for name, text in said.items()))
    return rectify(errors, folder / "pairs.jsonl", str(hand), ASKING, verifier=verifier, say=lambda sentence: None)


def test_short_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLES)
    said = {
        "a": "It moved in 1831.\nAnswer: The Hague.", "b": "den haag", "c": "The Hague or Paris", "d": "Paris",
    }  # fmt: skip
    counts = verified(tmp_path, "short_answer:judge", ["The Hague", "Den Haag"], said)
    assert counts == {"verified": 2, "the corrected answer is wrong": 2}


def test_code_edits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLES)
    said = {
        "right": "Mended:\n```python\ndef add(a, b):\n    return a + b\n```",
        "wrong": "```python\ndef add(a, b):\n    return a - b\n```",
        "leaves early": "```python\nimport sys\ndef add(a, b):\n    return a - b\nsys.exit(0)\n```",
        "loops": "```python\nwhile True: pass\n```",
        "no code": "I would add them.",
    }
    counts = verified(tmp_path, "code_edit:judge", "assert add(2, 3) == 5", said)
    assert counts == {"verified": 1, "the corrected answer is wrong": 3, "not judged": 1}
