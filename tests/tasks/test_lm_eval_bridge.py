"""What the shims hand to lm-eval: rows with their origin, verdicts as metrics, means of what was judged."""

import json
import math

import pytest

from spot_eval.graders import Grader, Verdict, no_answer, undecided
from spot_eval.tasks import lm_eval_bridge as bridge

VERDICTS = {
    "right": Verdict(1.0, "4", metrics={"other": 0.5}),
    "silent": no_answer("nothing said"),
    "odd": undecided("timeout"),
}


def test_verdicts_become_metrics(monkeypatch):
    fake = Grader("fake", 1, lambda doc, text: VERDICTS[text])
    monkeypatch.setattr(bridge, "load_grader", lambda name: fake)
    process = bridge.results("fake", "other")
    assert process({}, ["right"]) == {"score": 1, "unparsed": 0, "not_judged": 0, "other": 0.5}
    assert process({}, ["silent"]) == {"score": 0, "unparsed": 1, "not_judged": 0, "other": 0}
    assert process({}, ["odd"]) == {"score": None, "unparsed": 0, "not_judged": 1, "other": None}


def test_what_was_not_judged_is_outside_the_mean():
    assert bridge.mean_of_judged([1.0, None, 0.0, math.nan]) == 0.5
    assert math.isnan(bridge.mean_of_judged([None]))


def test_rows_carry_their_origin(gpqa_file):
    split = bridge.dataset("gpqa_diamond", data_files={"gpqa_diamond": str(gpqa_file)}, version=1, docs=198)["test"]
    said = json.loads(split.info.description)
    assert said["origin"] == str(gpqa_file)
    assert (said["revision"], said["rows"], len(said["sha256"])) == (None, 6, 64)
    assert list(split[0]) == ["id", "question", "choices", "answer"]


def test_an_unknown_source_is_an_error():
    with pytest.raises(KeyError, match="spelt_wrong"):
        bridge.dataset("spelt_wrong")
