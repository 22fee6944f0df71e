"""What was typed in the version before still works, with one line that says what to type now."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands.test_verdict import Call, call, runs  # noqa: F401 - fixtures


def test_old_option_names_work_with_a_hint(call: Call, runs: dict[str, Path]) -> None:  # noqa: F811
    code, old, err = call("power", "--base", runs["base"], "--json")
    assert (code, err) == (0, "spot-eval: --base is now --baseline; the old name stops working in the next version\n")
    code, new, err = call("power", "--baseline", runs["base"], "--json")
    assert (code, new, err) == (0, old, "")
    for given in (["--output", "a.json"], ["--output=a.json"]):
        code, _, err = call("compare", runs["good"], runs["base"], *given)
        assert (code, err.count("--output is now --out;")) == (0, 1)
        assert json.loads(Path("a.json").read_text())["comparisons"]
        Path("a.json").unlink()
    code, _, err = call("report", runs["good"], runs["base"], "--format", "md", "--output", "b.md")
    assert (code, Path("b.md").is_file()) == (0, True)
    assert "--output is now --out" in err


def test_an_old_name_after_two_dashes_is_a_value(call: Call) -> None:  # noqa: F811
    code, _, err = call("compare", "--", "--output", "x")
    assert code == 2
    assert "is now" not in err


def test_baseline_save_takes_its_folder_with_or_without_o(call: Call, runs: dict[str, Path]) -> None:  # noqa: F811
    code, _, err = call("baseline", "save", runs["base"], "old")
    assert code == 0
    assert f"write `baseline save {runs['base']} -o old`" in err
    assert call("baseline", "save", runs["base"], "-o", "new")[0] == 0
    for name in ("baseline.json", "scoreboard.json", "scores.jsonl"):
        assert Path("old", name).read_bytes() == Path("new", name).read_bytes()
    assert call("baseline", "save", runs["base"])[0] == 2
    assert call("baseline", "save", runs["base"], "a", "-o", "b")[0] == 2
    assert not Path("a").exists()
    assert not Path("b").exists()


@pytest.mark.parametrize("verb", ["compare", "report"])
def test_the_base_may_be_given_by_name(call: Call, runs: dict[str, Path], verb: str) -> None:  # noqa: F811
    extra = ["--json"] if verb == "compare" else ["--format", "md"]
    code, by_place, _ = call(verb, runs["good"], runs["base"], *extra)
    assert code == 0
    code, by_name, _ = call(verb, runs["good"], "--baseline", runs["base"], *extra)
    assert (code, by_name) == (0, by_place)


def test_power_answers_for_the_suite_of_the_base(call: Call, runs: dict[str, Path]) -> None:  # noqa: F811
    code, out, _ = call("power", "--baseline", runs["base"], "--json")
    plan = json.loads(out)
    assert (code, list(plan["tasks"])) == (0, ["a", "b", "c"])
    assert {entry["source"] for entry in plan["tasks"].values()} == {"base"}
    assert plan["tasks"]["c"]["docs"] == 400
    code, out, _ = call("power", "--baseline", runs["base"])
    assert out.startswith("s v1, against base")
    code, out, _ = call("power", "--baseline", runs["base"], "--repeats", 4, "--limit", 50, "--json")
    assert (json.loads(out)["tasks"]["c"]["docs"], json.loads(out)["tasks"]["c"]["repeats"]) == (50, 4)
    code, out, err = call("power", "--baseline", runs["base"], "--suite", "spot")
    assert (code, out) == (2, "")
    assert "has no task of suite spot; leave out --suite" in err
