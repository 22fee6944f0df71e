"""What was lost, by slices: the harmed one first, none where nothing was lost; bad input."""

import numpy as np
import pytest

from spot_eval.comparison.slices import slices, slices_by
from spot_eval.core.errors import UserError
from tests.benchmarks.slices import rates
from tests.comparison.sliced_runs import doc, judged, write_docs


def values(found):
    return {row["value"]: row["docs"] for row in found["slices"]}


def test_the_harmed_slice_comes_first_and_nothing_is_named_for_nothing(tmp_path):
    """A short form of tests/benchmarks/slices.py; of 12 runs at 5 % false names, more than 4 come once in 4,000."""
    first, named, false = rates(12, tmp_path, seed=1)
    assert first >= 11 / 12
    assert named >= 8 / 12
    assert false <= 4 / 12


def test_rows_of_a_slice_and_what_lacks_the_column(tmp_path):
    write_docs(tmp_path, [{"level": at % 2} if at else {} for at in range(9)])
    base = judged(tmp_path, [doc(at, [1.0]) for at in range(9)])
    candidate = judged(tmp_path, [doc(at, [float(at % 2)]) for at in range(9)])
    found = slices(candidate, base, "level")
    assert (found["without"], values(found)) == (1, {"0": 4, "1": 4})
    lost = found["slices"][0]
    assert (lost["value"], lost["base"], lost["candidate"], lost["mean"]) == ("0", 1.0, 0.0, -1.0)
    assert lost["p_harm"] == pytest.approx(1 / 16)
    assert lost["q"] == pytest.approx(1 / 8)  # two slices


def test_columns_are_tested_together_and_the_usual_ones_are_found(tmp_path):
    write_docs(tmp_path, [{"level": at % 2, "type": at, "subject": None} for at in range(9)])
    base = judged(tmp_path, [doc(at, [1.0]) for at in range(9)])
    candidate = judged(tmp_path, [doc(at, [float(at % 2)]) for at in range(9)])
    by_level, by_type = slices_by(candidate, base, ["level", "type"])
    assert by_level["tested"] == by_type["tested"] == 2 + 9
    assert by_level["slices"][0]["q"] > slices(candidate, base, "level")["slices"][0]["q"]
    assert [one["by"] for one in slices_by(candidate, base)] == ["level"]
    assert slices_by(candidate, base, []) == []


def test_a_list_puts_a_doc_into_several_slices(tmp_path):
    write_docs(tmp_path, [{"instruction_id_list": ["a", "b"]}, {"instruction_id_list": ["b"]}])
    run = judged(tmp_path, [doc(0, [1.0]), doc(1, [0.0])])
    assert values(slices(run, run, "instruction")) == {"a": 1, "b": 2}


def test_numbers_are_cut_at_their_quartiles(tmp_path):
    run = judged(tmp_path, [doc(at, [1.0], tokens=at) for at in range(100)])
    assert values(slices(run, run, "length")) == {
        "up to 24.75": 25, "24.75 to 49.5": 25, "49.5 to 74.25": 25, "above 74.25": 25,
    }  # fmt: skip


def test_stones_of_a_board_and_rows_of_own_tasks(tmp_path):
    write_docs(tmp_path, [{"state": "XO_\n_X_"}, {"_task": {}, "row": {"state": "X__"}}])
    run = judged(tmp_path, [doc(0, [1.0]), doc(1, [0.0])])
    assert values(slices(run, run, "ply")) == {"3": 1, "1": 1}


def test_an_unchanged_model_loses_nothing_beyond_chance(tmp_path):
    rng = np.random.default_rng(3)
    chance = rng.random(4000)
    write_docs(tmp_path, [{"x": 1}] * 4000)
    base, same, worse = (
        judged(tmp_path, [doc(at, list((rng.random(3) < p * factor).astype(float))) for at, p in enumerate(chance)])
        for factor in (1.0, 1.0, 0.7)
    )
    unchanged, harmed = (slices(run, base, "x")["lost"]["t"] for run in (same, worse))
    assert unchanged["observed"]["mean"] == pytest.approx(1 / 6, abs=0.02)  # the mean of p (1 - p)
    assert abs(unchanged["excess"]["mean"]) < 4 * unchanged["excess"]["stderr"]
    assert harmed["excess"]["mean"] == pytest.approx(0.3 / 3, abs=0.02)  # the mean of p * 0.3 p


def test_one_repeat_does_not_tell_chance(tmp_path):
    write_docs(tmp_path, [{"x": 1}] * 2)
    base, now = judged(tmp_path, [doc(0, [1.0]), doc(1, [1.0])]), judged(tmp_path, [doc(0, [0.0]), doc(1, [1.0])])
    lost = slices(now, base, "x")["lost"]["t"]
    assert (lost["observed"]["mean"], lost["expected"]["mean"]) == (0.5, None)


@pytest.mark.parametrize("rows", [[{"level": 1}], []])
def test_bad_input_is_one_sentence(tmp_path, rows):
    run = judged(tmp_path, [doc(0, [1.0])])
    words = "neither run holds its docs.jsonl"
    if rows:
        write_docs(tmp_path, rows)
        words = "no doc of these runs has it; columns of the rows: length, level"
    with pytest.raises(UserError, match=words):
        slices(run, run, "subject")
