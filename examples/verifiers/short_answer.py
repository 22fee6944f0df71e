"""Short factual answers: right if the last line names one of the accepted answers, and no other.

    spot-eval pairs rectify errors.jsonl -o pairs.jsonl --oracle facts.jsonl --verifier short_answer:judge

row: {"answer": "Paris"} or {"answer": ["UK", "United Kingdom"]}
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any


def judge(row: Mapping[str, Any], text: str) -> bool | None:
    """True or False; None (not judged) where the reply is empty."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return None
    accepted = row["answer"] if isinstance(row["answer"], list) else [row["answer"]]
    return plain(re.sub(r"(?i)^\W*(the )?(final )?answer( is)?\W*", "", lines[-1])) in {plain(one) for one in accepted}


def plain(text: str) -> str:
    """Without case, accents, articles and marks: "The  Hague." and "hague" are one answer."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    words = re.findall(r"[a-z0-9]+", "".join(letter for letter in letters if not unicodedata.combining(letter)))
    return " ".join(word for word in words if word not in {"a", "an", "the"})
