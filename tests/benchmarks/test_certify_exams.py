"""The kept certificates are those of the page, and the modelled base is what the page says."""

from __future__ import annotations

import numpy as np

from spot_eval.gating.certify.certify import certify
from spot_eval.gating.policy import Policy
from tests.benchmarks import certify_exams
from tests.benchmarks.calibration_worlds import SPOT

KEPT = certify_exams.kept()


def test_the_page_shows_the_kept_result() -> None:
    text = certify_exams.PAGE.read_text(encoding="utf-8")
    assert text.count(certify_exams.START) == 1
    shown = text.partition(certify_exams.START)[2].partition(certify_exams.END)[0]
    assert shown.strip() == certify_exams.page(KEPT).strip()


def test_a_kept_rate_is_made_again() -> None:
    kept = KEPT["Suite spot, modelled"]
    again = certify(certify_exams.modelled_spot(), Policy(families={"general": 0.03}), draws=40, seed=1)
    for harm in again["harms"]:
        if harm["name"] not in {"wrong in ifeval", "truncated"}:
            continue
        before = next(one for one in kept["harms"] if one["name"] == harm["name"])
        for cell in harm["cells"]:
            same = next((one for one in before["cells"] if one["size"] == cell["size"]), None)
            if same is not None:
                old, new = (one["families"]["general"]["family"] for one in (same, cell))
                # one gated family instead of three is tested at three times the level
                assert new >= old - 4 * np.sqrt(0.25 / 40)
    assert again["tasks"]["ifeval"]["noise"] == "measured"


def test_the_modelled_base_has_the_benchmarks_sizes_and_truncated_answers() -> None:
    base = certify_exams.modelled_spot()
    assert {name: len(docs) for name, docs in base.docs.items()} == {name: task.docs for name, task in SPOT.items()}
    cut = [flag for docs in base.docs.values() for doc in docs.values() for flag in doc.truncated]
    assert abs(np.mean(cut) - certify_exams.TRUNCATED) < 0.01


def test_false_alarms_of_the_kept_exams_keep_to_alpha() -> None:
    for found in KEPT.values():
        for cell in found["false_alarms"].values():
            assert cell["fail"] - 3 * cell["error"] <= found["policy"]["alpha"]
