"""The verdict in words: the gate's decision, or the score of a run without a base.

{"tone": "pass" | "fail" | "doubt" | "plain", "mark": "✓", "word": "Passed", "sentence": "…",
 "points": [{"tone", "word", "name", "why"}, …]}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from spot_eval.display import format

TONES = {"pass": "pass", "fail": "fail", "inconclusive": "doubt"}
WORDS = {"pass": "Passed", "fail": "Failed", "inconclusive": "Inconclusive"}
SEVERITY = ("fail", "doubt", "pass")
MARKS = {"pass": "✓", "fail": "✕", "inconclusive": "≈"}

VerdictCard = dict[str, Any]


def gated(gate: Mapping[str, Any], comparison: Mapping[str, Any]) -> VerdictCard:
    """Return the gate's decision: every family, and whatever else did not pass."""
    lost, gained = gate["lost"], gate["gained"]
    docs = sum(task["docs"] for task in comparison["tasks"].values())
    flips = f"{format.several(gained, 'doc')} gained and {lost:,} lost of {docs:,}."
    return {
        "tone": TONES[gate["verdict"]],
        "mark": MARKS[gate["verdict"]],
        "word": WORDS[gate["verdict"]],
        "sentence": f"{format.with_minus(format.sentence(gate['summary']))} {flips}{_stop(gate)}",
        "points": sorted(_points(gate), key=lambda point: SEVERITY.index(point["tone"])),
    }


def _stop(gate: Mapping[str, Any]) -> str:
    """Return a sentence about the looks of a run that had some; empty for any other run."""
    looks = gate.get("looks")
    if not looks:
        return ""
    how = "stopped early" if looks["stopped_early"] else "was looked at while it ran"
    at = ", ".join(
        f"{format.family_title(family)} at look {one['sequential']['look']}"
        for family, one in gate["families"].items()
        if one["sequential"]["look"]
    )
    return (
        f" The run {how} ({at}, of at most {looks['planned']}): the gate's bounds are those of the look, "
        "and the scores are the naive means of what was asked."
    )


def _points(gate: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Yield families, then guards and limits that did not pass."""
    for family, found in gate["families"].items():
        yield _point(found, format.family_title(family), format.family_named(family), f"family {family}")
    for task, found in gate["guards"].items():
        if found["verdict"] != "pass":
            yield _point(found, task, f"task {task}")
    for limit in gate["limits"]:
        if limit["verdict"] != "pass":
            name = f"{format.family_title(limit['family'])}, {limit['flag'].replace('_', ' ')}"
            yield _point(limit, name, format.family_named(limit["family"]), f"family {limit['family']}")


def _point(found: Mapping[str, Any], name: str, *said: str) -> dict[str, str]:
    """Return a claim about `name`; its reason begins with one of `said`, which the name makes needless."""
    verdict, why = found["verdict"], found["reason"]
    for of in said:
        why = why.removeprefix(of).lstrip(": ")
    return {"tone": TONES[verdict], "word": WORDS[verdict], "name": name, "why": format.with_minus(why)}


def alone(board: Mapping[str, Any]) -> VerdictCard:
    """Return the score of a run without a base, and no judgement."""
    overall = board["overall"]
    tasks = format.several(len(board["tasks"]), "task")
    docs = format.several(sum(task["docs"] for task in board["tasks"].values()), "doc")
    if overall["mean"] is None:
        missing = ", ".join(overall.get("missing", []))
        return {"tone": "plain", "mark": "", "word": "No overall score", "points": [],
                "sentence": f"{tasks}, {docs}. Without {missing} there is no overall mean."}  # fmt: skip
    score = format.score(overall["mean"], overall["stderr"], overall.get("bounds"))
    assert score is not None
    kind = "exact 95 % bound" if overall.get("bounds") else "standard error"
    said = f", {score.error.strip('()')} {kind}" if score.error else ""
    return {
        "tone": "plain",
        "mark": "",
        "word": f"{score.text} %",
        "sentence": f"Overall, the unweighted mean of {tasks} ({docs}){said}.",
        "points": [],
    }
