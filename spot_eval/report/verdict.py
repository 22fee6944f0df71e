"""The verdict in words: what the gate decided, or what the comparison shows, or, for one run alone, its score.

    {"tone": "pass" | "fail" | "doubt" | "plain", "mark": "✓", "word": "Passed", "sentence": "…",
     "points": [{"tone", "word", "name", "why"}, …]}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from spot_eval.report import words
from spot_eval.report.figures import tone

TONES = {"pass": "pass", "fail": "fail", "inconclusive": "doubt"}
WORDS = {"pass": "Passed", "fail": "Failed", "inconclusive": "Inconclusive"}
MARKS = {"pass": "✓", "fail": "✕", "inconclusive": "≈"}

Verdict = dict[str, Any]


def gated(gate: Mapping[str, Any]) -> Verdict:
    """What gate.json says: every family, and what else did not pass."""
    return {
        "tone": TONES[gate["verdict"]],
        "mark": MARKS[gate["verdict"]],
        "word": WORDS[gate["verdict"]],
        "sentence": gate["summary"],
        "points": list(_gate_points(gate)),
    }


def _gate_points(gate: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for family, found in gate["families"].items():
        yield _point(found, words.family_title(family))
    for task, found in gate["guards"].items():
        if found["verdict"] != "pass":
            yield _point(found, task)
    for limit in gate["limits"]:
        if limit["verdict"] != "pass":
            yield _point(limit, f"{words.family_title(limit['family'])}, {limit['flag'].replace('_', ' ')}")


def _point(found: Mapping[str, Any], name: str) -> dict[str, str]:
    verdict = found["verdict"]
    return {"tone": TONES[verdict], "word": WORDS[verdict], "name": name, "why": found["reason"]}


def compared(comparison: Mapping[str, Any], alpha: float) -> Verdict:
    """What a comparison shows where no gate was asked."""
    overall = comparison["overall"]
    lost = sum(task["lost"] for task in comparison["tasks"].values())
    gained = sum(task["gained"] for task in comparison["tasks"].values())
    docs = sum(task["docs"] for task in comparison["tasks"].values())
    flips = f"{words.several(gained, 'doc')} gained and {lost:,} lost of {docs:,}."
    points = []
    for family, found in comparison["families"].items():
        if found["mean"] is None:
            missing = ", ".join(found["missing"])
            points.append({"tone": "doubt", "word": "not known", "name": words.family_title(family),
                           "why": f"without {missing}" if missing else "no doc is judged in both runs"})  # fmt: skip
            continue
        how = {"better": "better", "worse": "worse", "": "no clear change"}[tone(found)]
        low, high = found["interval"]
        why = (
            f"{words.difference(found['mean'], found['stderr'])} points, between {words.points(low)} and "
            f"{words.points(high)} ({100 * (1 - alpha):g} %)"
        )
        points.append({"tone": {"better": "pass", "worse": "fail", "": ""}[tone(found)], "word": how,
                       "name": words.family_title(family), "why": why})  # fmt: skip
    if overall["mean"] is None:
        return {"tone": "doubt", "mark": "", "word": "No overall difference", "points": points,
                "sentence": f"Some of the suite's tasks are missing. {flips}"}  # fmt: skip
    low, high = overall["interval"]
    word = f"{words.points(overall['mean'])} points overall"
    clear = {"better": "That is more than chance.", "worse": "That is more than chance.",
             "": "That could be chance."}[tone(overall)]  # fmt: skip
    return {
        "tone": {"better": "pass", "worse": "fail", "": "plain"}[tone(overall)],
        "mark": "",
        "word": word,
        "sentence": f"The {100 * (1 - alpha):g} % interval reaches from {words.points(low)} to {words.points(high)} points. "
        f"{clear} {flips}",
        "points": points,
    }


def alone(board: Mapping[str, Any]) -> Verdict:
    """One run without a base: its score, and no judgement."""
    overall = board["overall"]
    tasks = words.several(len(board["tasks"]), "task")
    docs = words.several(sum(task["docs"] for task in board["tasks"].values()), "doc")
    if overall["mean"] is None:
        missing = ", ".join(overall.get("missing", []))
        return {"tone": "plain", "mark": "", "word": "No overall score", "points": [],
                "sentence": f"{tasks}, {docs}. Without {missing} there is no overall mean."}  # fmt: skip
    return {
        "tone": "plain",
        "mark": "",
        "word": f"{words.score(overall['mean'])} %",
        "sentence": f"Overall, the unweighted mean of {tasks} ({docs})"
        + (f", {words.score(overall['mean'], overall['stderr']).error} standard error." if overall["stderr"] else "."),  # type: ignore[union-attr]
        "points": [],
    }
