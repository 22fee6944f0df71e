"""Records made up for the tests of this folder."""

from __future__ import annotations

from spot_eval.core.records import Generation, Sample

SAMPLE = Sample(
    key="k", task="t", doc_id=0, doc_hash="h", repeat=0, score=1.0, extracted="1", why="", truncated=None,
    unparsed=False, not_judged=False, prompt_tokens=None, output_tokens=3, text_hash="x", grader="maths/1",
    metrics={"a": 0.5, "b": None}, weights={"a": 2.0},
)  # fmt: skip


def generation(text: str) -> Generation:
    return Generation("k", "t", 0, "h", 0, 1, text, "stop", 3, 4, 10)
