"""A job goes on only as the run that was begun: same weights, pairs and settings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from trainer.errors import TrainError
from trainer.settings import Settings
from trainer.training.job import Job, begin


@pytest.fixture
def job(tiny: Path, pairs_file: Path, tmp_path: Path) -> Job:
    return Job(tiny, pairs_file, tmp_path / "out", Settings(beta=0.3))


def test_what_was_begun_is_begun_again_alike(job: Job) -> None:
    first = begin(job)
    written = json.loads((job.folder / "settings.json").read_text())
    assert {name: written[name] for name in ("weights", "pairs")} == {
        name: first[name] for name in ("weights", "pairs")
    }
    assert begin(replace(job, save_minutes=1.0, save_every=3)) == first


def test_other_settings_do_not_go_on_with_a_run(job: Job) -> None:
    begin(job)
    with pytest.raises(TrainError, match=r"was begun with beta = 0\.3, not 0\.1; take that again, or another --out"):
        begin(replace(job, settings=replace(job.settings, beta=0.1)))


def test_other_pairs_or_weights_do_not_go_on_with_a_run(job: Job, tmp_path: Path) -> None:
    begin(job)
    other = tmp_path / "other.jsonl"
    other.write_text(job.pairs.read_text().replace("done.", "ready."))
    with pytest.raises(TrainError, match="was begun with other pairs"):
        begin(replace(job, pairs=other))
    file = job.folder / "settings.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "weights": "of another model"}))
    with pytest.raises(TrainError, match="was begun with another model"):
        begin(job)


def test_pairs_that_cannot_be_read_are_one_sentence_and_nothing_is_written(job: Job, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match=r"cannot read .*nowhere\.jsonl: No such file"):
        begin(replace(job, pairs=tmp_path / "nowhere.jsonl"))
    assert not job.out.exists()
