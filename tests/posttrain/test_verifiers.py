"""The worked verifiers: short answers and programs become pairs as mathematics does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spot_eval.core.options import RunOptions
from spot_eval.miniature import BASE
from spot_eval.posttrain.oracles import Asking
from spot_eval.posttrain.rectify import rectify
from tests.command_line import spot_eval

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


def test_programs_become_pairs_by_their_tests(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong programs of a run are elicited, mended by hand, verified in the sandbox, filtered, and trained on."""
    monkeypatch.chdir(tmp_path)
    problems = [
        {
            "task_id": f"made/{name}",
            "prompt": f'def {name}(a, b):\n    """Return a {sign} b."""\n',
            "entry_point": name,
            "test": f"def check(candidate):\n    assert candidate(7, 2) == {eval(f'7 {sign} 2')}\n",
        }
        for name, sign in (("add", "+"), ("sub", "-"), ("times", "*"))
    ]
    write("programs.jsonl", problems)

    def answer(name: str, sign: str) -> str:
        return f"Here it is:\n```python\ndef {name}(a, b):\n    return a {sign} b\n```"

    said = [("add", "-"), ("sub", "-"), ("times", "+")]  # one of three is right
    write("answered.jsonl", [
        {"task": "programs", "doc_id": at, "text": answer(*one), "finish_reason": "stop"} for at, one in enumerate(said)
    ])  # fmt: skip
    spot_eval("grade", "answered.jsonl", "--suite", "elicit-code", "--data", "programs=programs.jsonl",
              "--model-id", "made", "--out", "run")  # fmt: skip
    spot_eval("pairs", "elicit", "run", "-o", "errors.jsonl")
    errors = [json.loads(line) for line in Path("errors.jsonl").read_text().splitlines()]
    assert [row["rejected"] for row in errors] == [answer("add", "-"), answer("times", "+")]
    exits = "```python\nimport os\ndef times(a, b): os._exit(0)\n```"
    write(
        "hand.jsonl", [{"id": errors[0]["id"], "chosen": answer("add", "+")}, {"id": errors[1]["id"], "chosen": exits}]
    )
    spot_eval("pairs", "rectify", "errors.jsonl", "-o", "mended.jsonl", "--oracle", "hand.jsonl")
    spot_eval("pairs", "filter", "mended.jsonl", "-o", "pairs.jsonl", "--tokenizer", tiny)
    (pair,) = [json.loads(line) for line in Path("pairs.jsonl").read_text().splitlines()]
    assert (pair["chosen"], pair["meta"]["grader"]) == (answer("add", "+"), "code")
    assert 0 < pair["change_ratio"] < 0.1
    done = spot_eval("train", "--objective", "spot-bce", "--model", tiny, "--pairs", "pairs.jsonl", "--out", "better",
              "--steps", "2", "--batch-size", "1")  # fmt: skip
    assert Path("better/model.safetensors").is_file(), done.stderr


def write(name: str, rows: list[dict[str, object]]) -> None:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))
