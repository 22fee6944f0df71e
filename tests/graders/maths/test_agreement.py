"""Agreement with labels that others gave: nine files of graded answers, and the golds of six benchmarks.

Truth is `expected_corrected` where the upstream label is plainly wrong (the mirror's SOURCES.md says which),
else `expected`; rows whose label is a convention of one library are left out. A disagreement has to be listed
here with its reason, and has to go from here once it is none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify

from spot_eval.graders import Verdict
from spot_eval.graders.pool import Job, Pool

pytestmark = pytest.mark.real

DISAGREEMENTS: dict[str, str] = {}
GOLDS_NOT_EQUAL_TO_THEMSELVES: dict[str, str] = {}

AT_LEAST = {"gsm8k_openai_solutions": 0.995, "qwen_math_cot_100x8": 0.995, "verifiers_math_python": 0.995}
UNIT_CASES = [
    "math_verify_tests",
    "lighteval_math",
    "inspect_ai_math",
    "hendrycks_is_equiv",
    "skythought_math_equal",
    "open_instruct_gsm8k_verifier",
]
BENCHMARKS = ["aime24", "aime25", "amc23", "math500", "minerva", "olympiadbench"]


def rows(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        pytest.skip(f"{path} is absent: this mirror has no such file")
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def labelled(mirror: Path, name: str) -> list[dict[str, Any]]:
    given = rows(mirror / "graders" / f"{name}_open.jsonl")
    return [row for row in given if row["label_status"] == "ok" or row.get("expected_corrected") is not None]


def truth(row: dict[str, Any]) -> bool:
    corrected = row.get("expected_corrected")
    return bool(row["expected"] if corrected is None else corrected)


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(2) as pool:
        yield pool


def disagreements(pool: Pool, given: list[dict[str, Any]]) -> set[str]:
    jobs = []
    for row in given:
        settings = row.get("settings") or {}
        doc = {"answer": row["gold"], "precision": settings.get("precision")}
        jobs.append(Job("maths", "judge", (doc, row["prediction"])))
    verdicts = dict(pool.run(jobs))
    assert all(isinstance(verdict, Verdict) for verdict in verdicts.values())
    return {row["id"] for i, row in enumerate(given) if verdicts[i].score != float(truth(row))}  # type: ignore[union-attr]


def plain_math_verify(row: dict[str, Any]) -> bool:
    settings = row.get("settings") or {}
    configs = {"latex": LatexExtractionConfig(), "expr": ExprExtractionConfig()}
    types = settings.get("match_types")
    chosen = [configs[name] for name in types] if isinstance(types, list) else list(configs.values())
    options = {key: settings[key] for key in ("strict", "allow_set_relation_comp") if key in settings}
    gold, answer = parse(row["gold"], chosen), parse(row["prediction"], chosen)
    return verify(gold, answer, float_rounding=settings.get("precision", 6), **options)


@pytest.mark.parametrize("name", [*AT_LEAST, *UNIT_CASES])
def test_agreement_with_labels(pool: Pool, mirror: Path, name: str) -> None:
    given = labelled(mirror, name)
    found = disagreements(pool, given)
    listed = {row["id"] for row in given} & DISAGREEMENTS.keys()
    assert found == listed
    assert len(found) <= len(given) * (1 - AT_LEAST.get(name, 0.0))


@pytest.mark.slow
def test_unit_cases_no_worse_than_plain_math_verify(pool: Pool, mirror: Path) -> None:
    for name in UNIT_CASES:
        given = labelled(mirror, name)
        plain = sum(plain_math_verify(row) != truth(row) for row in given)
        assert len(disagreements(pool, given)) <= plain, name


def test_hostile_rows_are_never_right(pool: Pool, mirror: Path) -> None:
    given = rows(mirror / "graders" / "inspect_ai_math_open.jsonl")
    security = [row for row in given if row["label_status"] == "security"]
    assert security
    assert not disagreements(pool, security)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_gold_is_right_against_itself(pool: Pool, mirror: Path, name: str) -> None:
    docs = rows(mirror / name / f"{name}.jsonl")
    jobs = [Job("maths", "judge", (doc, f"So it is $\\boxed{{{doc['answer']}}}$.")) for doc in docs]
    verdicts = dict(pool.run(jobs))
    wrong = {doc["id"] for i, doc in enumerate(docs) if verdicts[i].score != 1}  # type: ignore[union-attr]
    assert wrong == {doc["id"] for doc in docs} & GOLDS_NOT_EQUAL_TO_THEMSELVES.keys()


def test_the_same_verdicts_with_eight_workers_as_with_one(mirror: Path) -> None:
    given = labelled(mirror, "math_verify_tests") + labelled(mirror, "qwen_math_cot_100x8")[:150]
    jobs = [Job("maths", "judge", ({"answer": row["gold"]}, row["prediction"])) for row in given]
    with Pool(1) as one, Pool(8) as eight:
        assert dict(one.run(jobs)) == dict(eight.run(jobs))
