"""A short form of the fuzz, and the inputs that once ended in a traceback."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

import pytest

from spot_eval.core.errors import UserError, sentence_of
from spot_eval.core.files import read_json
from spot_eval.core.record_files import read_records
from spot_eval.core.records import Sample
from spot_eval.interchange.inspect_logs import read_log
from spot_eval.models.checkpoint import context_length
from spot_eval.runs.leaderboard import read_entry
from spot_eval.tasks.data.rows import load_rows
from spot_eval.tasks.data.sources import ALL_SOURCES
from tests.fuzz.__main__ import KEPT, fuzz
from tests.fuzz.readers import INSPECT, readers
from tests.report.made_up_runs import write_run
from trainer.errors import TrainError
from trainer.pairs.pair_files import read_pairs as read_training_pairs
from trainer.settings import Lora, read_recipe, settings_from


def test_unchanged_files_are_read(tmp_path: Path) -> None:
    """Or every input would be refused for a reason of its own."""
    for name, reader in readers(tmp_path / "made").items():
        folder = tmp_path / name.replace("/", "-")
        for file, content in reader.files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(content)
        reader.read(folder)


def test_changed_files_end_in_a_result_or_one_sentence() -> None:
    found = fuzz(400, 1)
    assert found["faults"] == []
    refused = sum(one.get("refused", 0) for one in found["counts"].values())
    assert 100 < refused < 350


def test_the_kept_run_is_whole_and_found_no_fault(tmp_path: Path) -> None:
    kept = read_json(KEPT)
    assert kept["faults"] == 0
    assert not any("fault" in one for one in kept["counts"].values())
    assert kept["inputs"] == sum(sum(one.values()) for one in kept["counts"].values()) >= 100_000
    graders = {name for name in kept["counts"] if name.startswith("grader: ")}
    assert kept["counts"].keys() - graders == readers(tmp_path).keys(), "a reader that was never fuzzed"
    assert len(graders) == 5
    page = " ".join((KEPT.parents[2] / "docs" / "security.md").read_text().split())
    assert f"{kept['inputs']:,} inputs" in page


NUMBERS = re.compile(rb"(?<=[:\[,= ])-?\d+(\.\d+)?(?=[,\s}\]])")


@pytest.mark.parametrize("kind", ["inspect", "lm-eval", "promptfoo", "batch: answers", "recipe", "run: samples.jsonl"])
def test_a_whole_number_that_no_float_can_hold(tmp_path: Path, kind: str) -> None:
    """In the place of every number of the file; `float`, `math.isfinite` and `:g` raise OverflowError for it."""
    reader = readers(tmp_path / "made")[kind]
    content = reader.files[reader.changed]
    found = list(NUMBERS.finditer(content))
    assert found
    for number, at in enumerate(found):
        folder = tmp_path / str(number)
        for file, whole in reader.files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            changed = content[: at.start()] + b"1" + b"0" * 400 + content[at.end() :]
            (folder / file).write_bytes(changed if file == reader.changed else whole)
        with contextlib.suppress(UserError, TrainError):
            reader.read(folder)


def test_half_of_a_surrogate_pair_in_a_choice(tmp_path: Path) -> None:
    row = {"question": "x", "subject": "y", "choices": ["\ud800", "b", "c", "d"], "answer": 1}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    assert load_rows(ALL_SOURCES["mmlu"], file=tmp_path / "rows.jsonl").rows[0]["choices"][0] == "\ud800"


def test_a_pair_nested_too_deeply_to_train_on(tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text('{"prompt": ' + "[" * 100_000)
    with pytest.raises(TrainError):
        read_training_pairs(tmp_path / "pairs.jsonl")


@pytest.mark.parametrize("place", ["dataset", "config", "packages", "model_generate_config"])
def test_a_log_of_inspect_with_a_list_for_an_object(tmp_path: Path, place: str) -> None:
    log = json.loads(INSPECT)
    log["eval"][place] = [1]
    (tmp_path / "log.json").write_text(json.dumps(log))
    with pytest.raises(UserError, match=rf"expected an object at {place} \(eval.{place}\), found list"):
        read_log(tmp_path / "log.json")


@pytest.mark.parametrize("config", [{"text_config": [1]}, {"max_position_embeddings": True}, {"n_positions": -1}])
def test_a_context_length_of_another_type_is_none(config: dict[str, object]) -> None:
    assert context_length(config) is None


def test_a_recipe_with_a_number_for_betas_or_a_table(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text("betas = 9\n")
    with pytest.raises(TrainError, match="betas is 9; expected two numbers"):
        settings_from(read_recipe(str(tmp_path / "one.toml")))
    (tmp_path / "two.toml").write_text("miniature = 9\n")
    with pytest.raises(TrainError, match="miniature is 9; expected a table of settings"):
        read_recipe(str(tmp_path / "two.toml"))


def test_a_rank_that_is_no_longer_low() -> None:
    with pytest.raises(TrainError, match="rank is 100,000; adapters of a rank above 4,096"):
        Lora(rank=100_000)


def test_bounds_are_two_numbers(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    board = json.loads((run / "scoreboard.json").read_text())
    board["families"]["in_domain"]["bounds"] = [0.5]
    (run / "scoreboard.json").write_text(json.dumps(board))
    with pytest.raises(UserError, match="expected two numbers or null, found 1"):
        read_entry(run)


def test_a_long_value_is_cut_in_a_message() -> None:
    message = sentence_of(UserError(f"level {'x' * 5000} is none of 1, 2, 3"))
    assert message == f"level {'x' * 100}… is none of 1, 2, 3"
    path = "/a/" + "x" * 255
    assert sentence_of(UserError(f"{path}: empty")) == f"{path}: empty"


def test_a_record_that_is_no_object_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "samples.jsonl").write_text("\n")
    with pytest.raises(UserError, match="line 1"):
        list(read_records(tmp_path / "samples.jsonl", Sample))
