"""`pairs rectify` with an oracle behind an endpoint, as docs/code.md and docs/pairs.md have it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from spot_eval.posttrain.pair_files import read_pairs
from tests.command_line import spot_eval
from tests.models.api.endpoint import ID, Endpoint, Move, Say, good

ROW = {
    "id": "one",
    "prompt": "What is 2 + 2?",
    "rejected": "It is \\boxed{5}.",
    "meta": {"task": "sums", "grader": "maths", "gold": "4", "row": {"answer": "4"}},
}


def test_an_endpoint_corrects_and_the_verifier_accepts(tmp_path: Path) -> None:
    def behave(asked: dict[str, Any], before: int) -> Move:
        text = "<corrected>It is \\boxed{4}.</corrected>"
        part = {"message": {"role": "assistant", "content": text}} if "messages" in asked else {"text": text}
        return Say(200, good(asked, **part))

    (tmp_path / "errors.jsonl").write_text(json.dumps(ROW) + "\n")
    server = Endpoint(behave)
    try:
        given = ("pairs", "rectify", tmp_path / "errors.jsonl", "-o", tmp_path / "mended.jsonl", "--oracle", server.url)
        done = spot_eval(*given)
        assert done.returncode == 2
        assert "say so with --model-id" in done.stderr
        done = spot_eval(*given, "--model-id", ID)
        assert done.returncode == 0, done.stderr
    finally:
        server.stop()
    (pair,) = read_pairs(tmp_path / "mended.jsonl")
    assert pair["chosen"] == "It is \\boxed{4}."
