"""compare, gate, power and baseline save as a user types them: exit codes, files, sentences."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from spot_eval import cli
from tests.gating.test_rules import still, task
from tests.made_runs import write_run

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Call]:
    """The command line in this process, in an empty directory: (exit code, stdout, stderr)."""
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    def called(*arguments: Any) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["spot-eval", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            cli.main()
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    yield called
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A base and what may come of it."""
    place = tmp_path_factory.mktemp("runs")
    quiet, lost, small = still(), task(400, lost=60, gained=20, wrong=100), task(400, lost=4, gained=4, wrong=100)

    def write(name: str, c: tuple[Any, ...], side: int, **changes: Any) -> Path:
        scores = {"a": quiet[side], "b": quiet[side], "c": c[side]}
        return write_run(place / name, scores, "base" if side else name, name=name, **changes)

    return {
        "base": write("base", small, 1),
        "good": write("run7-checkpoint-10", small, 0),
        "bad": write("run7-checkpoint-20", lost, 0),
        "other": write("other", small, 1, seed=1),
        "few": write_run(place / "few", {"c": task(30, lost=2, wrong=9)[0]}, "few", name="few"),
        "few_base": write_run(place / "few_base", {"c": task(30, lost=2, wrong=9)[1]}, "fb", name="few_base"),
    }


def test_gate_exit_codes(call: Call, runs: dict[str, Path], tmp_path: Path) -> None:
    code, out, _ = call("gate", runs["good"], "--baseline", runs["base"])
    assert (code, out.splitlines()[0].split(":")[0]) == (0, "PASS")
    code, out, _ = call("gate", runs["bad"], "--baseline", runs["base"])
    assert (code, out.splitlines()[0].split(":")[0]) == (3, "FAIL")
    code, out, _ = call("gate", runs["few"], "--baseline", runs["few_base"])
    assert (code, out.splitlines()[0].split(":")[0]) == (4, "INCONCLUSIVE")
    (tmp_path / "gate.toml").write_text("inconclusive = 'warn'\n")
    assert call("gate", runs["few"], "--baseline", runs["few_base"], "--policy", "gate.toml")[0] == 0
    table = [line for line in out.splitlines()[1:] if "written:" not in line]  # a path may be long
    assert max(map(len, table)) <= 120


def test_gate_leaves_the_documented_files(
    call: Call, runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    code, out, _ = call("gate", runs["bad"], "--baseline", runs["base"], "--out", "verdict", "--json")
    verdict = json.loads(out)
    assert verdict == json.loads(Path("verdict/gate.json").read_text())
    assert (code, verdict["verdict"]) == (3, "fail")
    names = {file.name for file in Path("verdict").iterdir()}
    assert names == {"gate.json", "gate.md", "junit.xml", "regressions.jsonl", "comparison.json"}
    assert summary.read_text() == "before\n" + Path("verdict/gate.md").read_text()
    assert summary.read_text().startswith("before\n## spot-eval gate: FAIL")
    lines = [json.loads(line) for line in Path("verdict/regressions.jsonl").read_text().splitlines()]
    assert len(lines) == verdict["lost"] == 66
    first = lines[0]
    assert first["messages"] == [{"role": "user", "content": f"What is {first['doc_id']}?"}]
    assert [answer["score"] for answer in first["answers"]["candidate"]] == [0.0]
    suite = Xml.parse("verdict/junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("11", "2", "0")
    failed = {case.get("name") for case in suite if case.find("failure") is not None}
    assert failed == {"general", "c"}


def test_what_is_not_comparable_or_no_run_is_one_sentence(call: Call, runs: dict[str, Path], tmp_path: Path) -> None:
    config = json.loads((runs["base"] / "manifest.json").read_text())["config"]
    config["suite"]["tasks"]["c"]["sampling"]["top_k"] = 5
    write_run(tmp_path / "hot", dict.fromkeys("abc", still()[1]), suite=config["suite"])
    for verb in (["gate", runs["good"], "--baseline", "hot"], ["compare", runs["good"], "hot"]):
        code, out, err = call(*verb)
        assert (code, out) == (5, "")
        assert err == "spot-eval: error: hot is not comparable: c's top_k is 5 there, 20 here\n"
    for verb, message in (
        (["gate", runs["good"]], "gate needs a base"),
        (["gate", runs["good"], "--baseline", "qwen3-8b"], "it has no docs to compare or gate with"),
        (["gate", "nowhere", "--baseline", runs["base"]], "neither a run directory nor"),
        (["gate", runs["good"], "--baseline", runs["base"], "--policy", "no.toml"], "no.toml: cannot be read"),
        (["compare", runs["good"]], "compare needs a run and a base"),
        (["compare", runs["good"], "qwen3-8b"], "it has no docs to compare"),
        (["baseline", "save", "nowhere", "-o", "saved"], "nowhere does not exist"),
        (["baseline", "save", runs["good"], "-o", runs["base"]], "exists and is not a saved baseline"),
        (["power", "--margin", "3"], "three points are 0.03"),
        (["power", "--docs", "aime=3"], "expected a task of suite spot"),
        (["power", "--baseline", "nowhere"], "neither a run directory nor"),
    ):
        code, out, err = call(*verb)
        assert (code, out) == (2, ""), verb
        assert message in err
        assert err.count("\n") == 1
    assert not (tmp_path / "saved").exists()


def test_an_unknown_family_in_the_policy_is_named_and_nothing_written(
    call: Call, runs: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "gate.toml").write_text("[families]\ngenral = 0.03\n")
    code, _, err = call("gate", runs["good"], "--baseline", runs["base"], "--policy", "gate.toml", "--out", "verdict")
    assert code == 2
    assert "family 'genral', which the suite has not; the nearest: general" in err
    assert not (tmp_path / "verdict").exists()


def test_a_saved_baseline_stands_wherever_a_base_run_does(call: Call, runs: dict[str, Path], tmp_path: Path) -> None:
    code, _, err = call("baseline", "save", runs["base"], "-o", "saved")
    assert code == 0
    assert "holds on average over base runs" in err
    files = {file.name: file.read_text() for file in (tmp_path / "saved").iterdir()}
    assert files.keys() == {"baseline.json", "scoreboard.json", "scores.jsonl", "seal.json"}
    assert not any("/models" in text or "/data" in text for text in files.values())
    verdicts = []
    for base in (runs["base"], "saved"):
        code, out, _ = call("gate", runs["bad"], "--baseline", base, "--out", "verdict", "--json")
        verdict = json.loads(out)
        assert code == 3
        verdicts.append({name: verdict[name] for name in ("verdict", "families", "guards", "limits", "lost")})
    assert verdicts[0] == verdicts[1]
    assert any("on average over base runs, not for each saved base" in note for note in verdict["notes"])
    regression = json.loads((tmp_path / "verdict" / "regressions.jsonl").read_text().splitlines()[0])
    assert regression["answers"]["base"] is None
    assert regression["answers"]["candidate"]
    assert call("compare", runs["good"], "saved")[0] == 0
    assert call("baseline", "save", runs["good"], "-o", "saved")[0] == 0  # replaced
    assert json.loads((tmp_path / "saved" / "baseline.json").read_text())["manifest"]["model"] == {
        "name": "run7-checkpoint-10"
    }
    code, _, err = call("gate", "saved", "--baseline", runs["base"])
    assert code == 2
    assert "choose with --out" in err


def test_a_broken_baseline_names_file_and_line(call: Call, runs: dict[str, Path], tmp_path: Path) -> None:
    call("baseline", "save", runs["base"], "-o", "saved")
    scores = tmp_path / "saved" / "scores.jsonl"
    lines = scores.read_text().splitlines()
    scores.write_text("\n".join([lines[0], '{"task": "a", "doc_hash": "x"}', *lines[2:]]) + "\n")
    code, _, err = call("compare", runs["good"], "saved")
    assert code == 2
    assert "scores.jsonl, line 2: not a record as this version writes it; doc_id: it is missing" in err


def test_compare_writes_its_file_and_a_curve(call: Call, runs: dict[str, Path]) -> None:
    code, out, _ = call("compare", runs["good"], runs["base"])
    assert code == 0
    assert "run7-checkpoint-10 minus base (%)" in out
    assert max(map(len, out[: out.index("overall")].splitlines())) <= 80
    assert len(json.loads((runs["good"] / "comparison.json").read_text())["comparisons"]) == 1
    code, out, _ = call("compare", runs["bad"], runs["good"], runs["base"], "-o", "all.json")
    whole = json.loads(Path("all.json").read_text())
    assert [point["step"] for point in whole["curves"][0]["points"]] == [10, 20]
    assert "run7, by step: difference to base" in out
    code, out, _ = call("compare", runs["other"], runs["base"], "--json")
    assert json.loads(out)["comparisons"][0]["warnings"] == ["the runs have different seeds (0 and 1)"]


def test_power_speaks_before_anything_is_run(call: Call, runs: dict[str, Path]) -> None:
    code, out, _ = call("power")
    assert code == 0
    assert "an unchanged checkpoint passes the whole gate with 86 % chance" in out
    assert max(map(len, out[: out.index("points.")].splitlines())) <= 80
    code, out, _ = call("power", "--suite", "spot-quick", "--json")
    assert json.loads(out)["warnings"]
    code, out, _ = call("power", "--suite", "spot", "--limit", 20, "--json")
    assert json.loads(out)["tasks"]["math500"]["docs"] == 20


def test_names_of_others_cannot_act_as_markup(call: Call, tmp_path: Path) -> None:
    families = {"<b>f|x</b>[red]": ["a\x1b[31m<script>"]}
    hostile = {"a\x1b[31m<script>": task(400, lost=60, wrong=9)[0]}
    fair = {"a\x1b[31m<script>": task(400, lost=60, wrong=9)[1]}
    write_run(tmp_path / "n", hostile, "n", families=families, name="<script>x</script>|[red]")
    write_run(tmp_path / "b", fair, "b", families=families)
    code, out, _ = call("gate", "n", "--baseline", "b")
    assert code == 3
    assert "[red]" in out
    text = (tmp_path / "n" / "gate.md").read_text()
    assert "<script" not in text
    assert "<b>" not in text
    assert "\x1b" not in text + out
    assert Xml.parse(tmp_path / "n" / "junit.xml").getroot().get("failures") == "2"
