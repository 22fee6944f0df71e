"""The miniature's task of log-likelihoods: near replies, one of them right, and what the base knows of them."""

from __future__ import annotations

from pathlib import Path

from spot_eval.core.files import read_json
from spot_eval.miniature.choices import CHOICES, choice_rows, choices
from spot_eval.miniature.world import items
from tests.command_line import spot_eval


def test_choices_differ_and_the_gold_is_the_answer() -> None:
    asked = {item.prompt: item for item in items("mini_instructions", "test", 3, 400)}
    rows = choice_rows("test", 3, 100)
    assert len(rows) == 100
    for row in rows:
        listed = row["choices"]
        assert isinstance(listed, list)
        assert len(set(listed)) == CHOICES
        assert listed[row["gold"]] == asked[str(row["prompt"])].answer  # type: ignore[index]
    places = [row["gold"] for row in rows]
    assert all(10 <= places.count(place) <= 45 for place in range(CHOICES)), "the right one is anywhere"
    assert rows[:20] == choice_rows("test", 3, 20)
    assert not any(row["kind"] == "closing" for row in rows)


def test_the_habit_of_a_doubled_word_is_among_the_choices() -> None:
    doubled = next(item for item in items("mini_instructions", "test", 3, 400)
                   if item.kind == "copy" and any(a == b for a, b in zip(item.answer.split(), item.answer.split()[1:],
                                                                        strict=False)))  # fmt: skip
    found = choices(doubled)
    assert found
    lost = [one for one in found.listed if len(one.split()) == len(doubled.answer.split()) - 1]
    assert lost


def test_the_suite_runs_on_the_embedded_base(tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = spot_eval("run", "--suite", "miniature-retain", "--model", "miniature", "--engine-arg", "device=cpu",
                     "--limit", "60", "-o", str(out))  # fmt: skip
    assert done.returncode == 0, done.stderr
    task = read_json(out / "scoreboard.json")["tasks"]["mini_choices"]
    assert task["docs"] == 60
    assert 0.75 <= task["mean"] <= 0.98, "88 % of 400"
    assert task["metrics"]["acc_norm"]["mean"] >= task["mean"] - 0.1
