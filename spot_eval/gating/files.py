"""The gate's verdict as files: gate.json, gate.md for a pull request, junit.xml for CI, regressions.jsonl for a look.

A line of regressions.jsonl is a doc that lost, as in comparison.json's flips, with what was asked and answered:

    {"task": "math500", "doc_id": 17, "doc_hash": "…", "candidate": 0.2, "base": 1.0, "mean": -0.8, "crossed": true, …,
     "messages": [{"role", "content"}], "gold": …, "answers": {"candidate": [{"repeat", "score", "extracted", "why",
     "truncated", "unparsed", "key"}], "base": […]}}

Answers are null where a run is a saved baseline, which holds no texts.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

from spot_eval.core.files import write_atomically, write_json, writing
from spot_eval.core.record_files import checked_rows, read_records, to_line
from spot_eval.core.records import Doc, Sample
from spot_eval.display.format import family_title, inert, percent, plain, signed
from spot_eval.display.verdict import GateRecord, drift_lines, imputed_lines, look_lines, seal_lines
from spot_eval.runs.judged import JudgedRun

SAMPLE_FIELDS = ("repeat", "score", "extracted", "why", "truncated", "unparsed", "key")
SIGNS = {"pass": "pass", "fail": "**FAIL**", "inconclusive": "inconclusive"}


def write_gate(
    out: Path, verdict: GateRecord, comparison: Mapping[str, Any], candidate: JudgedRun, base: JudgedRun
) -> None:
    """Write the gate's files into `out`, and gate.md into GitHub's step summary if there is one.

    Args:
        out: the folder.
        verdict: gate.json.
        comparison: comparison.json.
        candidate: the run that was judged.
        base: the run it was compared with.
    """
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    write_json(out / "comparison.json", comparison)
    lost = [flip for flip in comparison["comparisons"][0]["flips"] if flip["outcome"] == "lost"]
    write_atomically(out / "regressions.jsonl", (to_line(line) for line in regressions(lost, candidate, base)))
    write_atomically(out / "junit.xml", [junit(verdict)])
    text = markdown(verdict)
    write_atomically(out / "gate.md", [text.encode()])
    write_json(out / "gate.json", verdict)  # last: where it is, the others are
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with writing(Path(summary)), Path(summary).open("a", encoding="utf-8") as file:
            file.write(text)


def markdown(verdict: GateRecord) -> str:
    """The verdict first, then the numbers it stands on. Nothing in it acts as markup that is not ours."""
    lines = [
        f"## spot-eval gate: {verdict['verdict'].upper()}",
        "",
        inert(f"{verdict['candidate']['model']} against {verdict['base']['model']}: {verdict['summary']}"),
        "",
        *(f"- {inert(reason)}" for reason in verdict["reasons"]),
        *([""] if verdict["reasons"] else []),
        f"| | verdict | base | now | difference | at least ({_level(verdict)}) | margin |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for name, one in verdict["families"].items():
        lines.append(_row(f"**{inert(family_title(name))}**", one, one["margin"]))
        for task in one["tasks"]:
            if task in verdict["guards"]:
                guard = verdict["guards"][task]
                lines.append(_row(inert(task), guard, guard["drop"]))
    shown = [limit for limit in verdict["limits"] if (limit["mean"] or 0) > 0 or limit["verdict"] != "pass"]
    if shown:
        lines += ["", "| more than in the base | verdict | base | now | limit |", "|---|---|---:|---:|---:|"]
        lines += [
            f"| {inert(family_title(one['family']))}: {one['flag'].replace('_', ' ')} | {SIGNS[one['verdict']]} "
            f"| {percent(one['base'])} | {percent(one['candidate'])} | +{100 * one['limit']:g} |"
            for one in shown
        ]
    imputed = [f"- {inert(line)}" for line in (*look_lines(verdict), *imputed_lines(verdict))]
    said = [*verdict["notes"], *verdict["warnings"], *drift_lines(verdict), *seal_lines(verdict)]
    notes = [f"- {inert(note)}" for note in said]
    lines += ["", *imputed, *notes] if imputed or notes else []
    lines += ["", f"{verdict['lost']} docs lost, {verdict['gained']} gained. Percent, ± one standard error.", ""]
    return "\n".join(lines)


def _level(verdict: GateRecord) -> str:
    return "at its look" if "looks" in verdict else f"{100 * (1 - verdict['alpha']):g} %"


def _row(name: str, one: GateRecord, limit: float) -> str:
    return (
        f"| {name} | {SIGNS[one['verdict']]} | {percent(one['base'])} | {percent(one['candidate'])} "
        f"| {signed(one['mean'], one['stderr'])} | {signed(one['lower'])} | {-100 * limit:g} |"
    )


def junit(verdict: GateRecord) -> bytes:
    """Return a test case for each family, guard and limit.

    Inconclusive is a failure of that type, or skipped where it is only a warning.

    Readers of JUnit files know no third verdict.
    """
    warned = verdict["policy"]["inconclusive"] == "warn"
    cases = list(_cases(verdict))
    failed = sum(one["verdict"] == "fail" or (one["verdict"] == "inconclusive" and not warned) for *_, one in cases)
    skipped = sum(one["verdict"] == "inconclusive" and warned for *_, one in cases)
    suite = Xml.Element(
        "testsuite", name="spot-eval gate", tests=str(len(cases)), failures=str(failed), skipped=str(skipped)
    )
    for kind, name, one in cases:
        case = Xml.SubElement(suite, "testcase", classname=f"gate.{kind}", name=plain(name))
        if one["verdict"] == "inconclusive" and warned:
            Xml.SubElement(case, "skipped", message=plain(one["reason"]))
        elif one["verdict"] != "pass":
            Xml.SubElement(case, "failure", type=one["verdict"], message=plain(one["reason"]))
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + Xml.tostring(suite, encoding="utf-8") + b"\n"


def _cases(verdict: GateRecord) -> Iterator[tuple[str, str, GateRecord]]:
    for kind in ("families", "guards"):
        for name, one in verdict[kind].items():
            yield kind, name, one
    for one in verdict["limits"]:
        yield "limits", f"{one['family']} {one['flag']}", one


def regressions(lost: Sequence[Mapping[str, Any]], candidate: JudgedRun, base: JudgedRun) -> Iterator[dict[str, Any]]:
    """The lost docs, the largest loss first, with question, gold and both runs' answers."""
    wanted = {(flip["task"], flip["doc_hash"]) for flip in lost}
    asked = next((_docs(run.path, wanted) for run in (candidate, base) if not run.saved), {})
    answers = {
        side: None if run.saved else _answers(run.path, wanted)
        for side, run in (("candidate", candidate), ("base", base))
    }
    for flip in lost:
        doc = flip["task"], flip["doc_hash"]
        yield {
            **flip,
            **asked.get(doc, {"messages": None, "gold": None}),
            "answers": {side: found and found[doc] for side, found in answers.items()},
        }


def _docs(run: Path, wanted: set[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
    lines = checked_rows(run / "docs.jsonl", Doc) if (run / "docs.jsonl").is_file() else ()
    return {
        (line["task"], line["doc_hash"]): {"messages": line["messages"], "gold": line["gold"]}
        for line in lines
        if (line["task"], line["doc_hash"]) in wanted
    }


def _answers(run: Path, wanted: set[tuple[str, str]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for sample in read_records(run / "samples.jsonl", Sample):
        if (sample.task, sample.doc_hash) in wanted:
            found[sample.task, sample.doc_hash].append({name: getattr(sample, name) for name in SAMPLE_FIELDS})
    return found
