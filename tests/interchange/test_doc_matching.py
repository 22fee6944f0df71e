"""Which doc a row answers: found by any of its columns, or refused with the reason."""

from __future__ import annotations

from typing import Any

import pytest

from spot_eval.core.errors import UserError
from spot_eval.core.keys import doc_hash
from spot_eval.core.records import Doc
from spot_eval.interchange.doc_matching import AskedDocs, repeats_of
from spot_eval.interchange.generations_file import GenerationRow


def doc(number: int, question: str, gold: str) -> Doc:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}]
    return Doc("sums", number, doc_hash(messages, gold), messages, gold, {"answer": gold})


DOCS = [doc(0, "What is 1+1?", "2"), doc(1, "What is 2+2?", "4"), doc(2, "Again?", "5"), doc(3, "Again?", "6")]


def row(**columns: Any) -> GenerationRow:
    absent = dict.fromkeys(("doc_id", "doc_hash", "messages", "prompt", "finish_reason", "prompt_tokens",
                            "output_tokens", "model"))  # fmt: skip
    return GenerationRow(**{**absent, "line": 1, "task": "sums", "text": "x", "repeat": 0, **columns})


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"doc_id": 1}, (1, "unknown")),
        ({"doc_hash": DOCS[1].doc_hash}, (1, "asked")),
        ({"doc_id": 1, "doc_hash": DOCS[1].doc_hash}, (1, "asked")),
        ({"messages": DOCS[1].messages}, (1, "asked")),
        ({"prompt": "What is 2+2?"}, (1, "asked")),
        ({"doc_id": 1, "prompt": "<user>What is 2+2?<assistant>"}, (1, "asked")),  # rendered by a chat template
        ({"doc_id": 1, "prompt": "Two and two?"}, (1, "other")),
        ({"doc_id": 3, "messages": DOCS[2].messages}, (3, "asked")),  # both docs ask it
        ({"doc_id": 1, "messages": DOCS[1].messages[1:]}, (1, "other")),  # its own question, without the system prompt
    ],
)
def test_a_doc_is_found_by_what_the_row_says(columns: dict[str, Any], expected: tuple[int, str]) -> None:
    found, prompt = AskedDocs("sums", DOCS).find(row(**columns), "here")
    assert (found.doc_id, prompt) == expected


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"doc_id": 4}, "here, column doc_id: sums has docs 0 to 3, found 4"),
        ({"doc_hash": "5b"}, "here, column doc_hash: no doc of sums has '5b'"),
        ({"doc_id": 0, "doc_hash": DOCS[1].doc_hash}, "here: doc_id is that of doc 0 of sums, doc_hash that of doc 1"),
        ({"prompt": "What?"}, "here, column prompt: no doc of sums asks this word for word"),
        ({"messages": DOCS[1].messages[1:]}, "here, column messages: no doc of sums asks this"),
        ({"prompt": "Again?"}, "here, column prompt: docs 2 and 3 of sums ask this; add doc_id to choose one"),
        ({"doc_id": 0, "messages": DOCS[1].messages}, "this is the prompt of doc 1 of sums, not of doc 0"),
        ({"doc_id": 0, "prompt": "<user>What is 2+2?<assistant>"}, "this is the prompt of doc 1 of sums, not of doc 0"),
    ],
)
def test_a_row_of_no_doc_or_of_two_is_refused(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        AskedDocs("sums", DOCS).find(row(**columns), "here")
    assert message in str(caught.value)


def test_repeats_are_counted_from_zero_without_gaps() -> None:
    assert repeats_of([("a", 0, 0), ("a", 1, 2), ("a", 1, 1), ("b", 0, 0)]) == {"a": 3, "b": 1}
    with pytest.raises(UserError, match="a goes up to 2, but no row has 0"):
        repeats_of([("a", 0, 1), ("a", 0, 2)])
    with pytest.raises(UserError, match="a goes up to 1000000000, but no row has 1"):
        repeats_of([("a", 0, 0), ("a", 0, 10**9)])
