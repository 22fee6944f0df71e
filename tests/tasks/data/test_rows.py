"""The same docs from a file, a mirror or the hub; a bad row is named; nothing at hand says how to go on."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spot_eval.core.errors import UserError
from spot_eval.tasks.data import rows as rows_module
from spot_eval.tasks.data.rows import MissingData, at_hand, load_rows
from spot_eval.tasks.data.sources import SOURCES

GPQA = Path(__file__).parents[2] / "data" / "gpqa_made_up.csv"
REVISION = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def _nothing_around(monkeypatch, tmp_path, request):
    """No mirror and no hub but what a test sets up itself."""
    if "real" not in request.keywords:
        monkeypatch.delenv("SPOT_EVAL_DATA", raising=False)
    for name in ("HF_HUB_CACHE", "HF_DATASETS_CACHE", "HF_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "cache" / name))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def jsonl(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


ROW = {"problem": "What is 20 + 5?", "answer": "025"}


def test_a_file_comes_before_the_mirror_and_directories_in_order(tmp_path, monkeypatch):
    one, two = tmp_path / "one", tmp_path / "two"
    jsonl(one / "aime24/aime24.jsonl", ROW)
    jsonl(two / "aime24/aime24.jsonl", ROW, ROW)
    named = jsonl(tmp_path / "mine.jsonl", ROW, ROW, ROW)
    source = SOURCES["aime24"]
    assert load_rows(source, [one, two]).origin == str(one / "aime24/aime24.jsonl")
    assert len(load_rows(source, [two, one]).rows) == 2
    assert load_rows(source, [one, two], named).origin == str(named)
    monkeypatch.setenv("SPOT_EVAL_DATA", os.pathsep.join([str(two), str(one)]))
    assert len(load_rows(source).rows) == 2
    assert len(load_rows(source, [one]).rows) == 1


def test_the_hash_is_of_the_docs_and_not_of_the_file(tmp_path):
    rows = load_rows(SOURCES["aime24"], file=jsonl(tmp_path / "a.jsonl", ROW))
    other = load_rows(SOURCES["aime24"], file=jsonl(tmp_path / "b.jsonl", {"url": "x", **ROW, "answer": "25"}))
    changed = load_rows(SOURCES["aime24"], file=jsonl(tmp_path / "c.jsonl", {**ROW, "answer": "26"}))
    assert rows.rows == [
        {"id": hashlib.sha256(b"What is 20 + 5?").hexdigest()[:12], "problem": ROW["problem"], "answer": "25"}
    ]
    assert rows.sha256 == other.sha256 != changed.sha256
    assert rows.revision is None


def test_the_same_problem_twice_keeps_ids_apart(tmp_path):
    ids = [doc["id"] for doc in load_rows(SOURCES["aime24"], file=jsonl(tmp_path / "a.jsonl", ROW, ROW)).rows]
    assert ids[1] == ids[0] + "-2"


@pytest.mark.parametrize(
    ("task", "text", "message"),
    [
        ("aime24", '{"problem": "x", "answer": "1"}\n{"problem": ', r"a.jsonl, line 2: broken JSON"),
        ("aime24", "[1]\n", r"line 1: expected a JSON object, found list"),
        ("aime24", '{"problem": "x"}\n', r"line 1: field 'answer' is missing \(the row has problem\)"),
        (
            "aime24",
            '\n{"problem": 3, "answer": "1"}\n',
            r"line 2: field 'problem' is int where text is expected",
        ),
        ("aime24", '{"problem": "x", "answer": true}\n', r"field 'answer' is bool"),
        ("aime24", '{"problem": " ", "answer": "1"}\n', r"line 1: field 'problem' is empty"),
        ("aime24", "\n\n", r"a.jsonl: no rows"),
        ("math500", '{"problem": "x", "solution": "no box"}\n', r"field 'solution' has no .boxed"),
        ("olympiadbench", '{"question": "x", "answer": [1]}\n', r"field 'answer' is not a list of answers"),
        (
            "ifeval",
            '{"key": 1, "prompt": "x", "instruction_id_list": ["a"], "kwargs": []}\n',
            r"'kwargs' is empty",
        ),
        (
            "ifeval",
            '{"key": 1, "prompt": "x", "instruction_id_list": "a", "kwargs": [{}]}\n',
            r"not a list of str",
        ),
        (
            "ifeval",
            '{"key": 1, "prompt": "x", "instruction_id_list": ["a"], "kwargs": [{}, {}]}\n',
            r"2 entries for 1 instructions",
        ),
        ("connect4", '{"state": "(0,0):X"}\n', r"field 'state' is not a board: cell \(0,1\) is missing"),
    ],
)
def test_a_bad_row_is_named(tmp_path, task, text, message):
    path = tmp_path / "a.jsonl"
    path.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        load_rows(SOURCES[task], file=path)
    assert not isinstance(caught.value, MissingData)


def test_a_wrong_connect4_label_is_refused(tmp_path, boards):
    row = json.loads(boards.read_text().split("\n")[1])
    wrong = {**row, "answer": [[[0, 0]], []]}
    with pytest.raises(UserError, match=r"field 'answer' is .*; on this board it is"):
        load_rows(SOURCES["connect4"], file=jsonl(tmp_path / "a.jsonl", wrong))


def test_a_missing_file_or_directory_is_an_error_and_not_skipped(tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"--data aime24=.*there is no such file"):
        load_rows(SOURCES["aime24"], file=tmp_path / "none.jsonl")
    with pytest.raises(UserError, match=r"--data-dir: .*none is not a directory"):
        load_rows(SOURCES["aime24"], [tmp_path / "none"])
    monkeypatch.setenv("SPOT_EVAL_DATA", str(tmp_path / "none"))
    with pytest.raises(UserError, match=r"SPOT_EVAL_DATA: .*none is not a directory"):
        at_hand(SOURCES["aime24"])


def test_nothing_at_hand_says_what_was_tried_and_how_to_go_on(tmp_path):
    assert at_hand(SOURCES["aime24"], [tmp_path]) is None
    with pytest.raises(MissingData) as caught:
        load_rows(SOURCES["aime24"], [tmp_path])
    said = str(caught.value)
    for part in (
        str(tmp_path),
        "HuggingFaceH4/aime_2024",
        "--data-dir DIR",
        "--data aime24=FILE",
        "hf auth login",
    ):
        assert part in said
    assert "\n" not in said


def test_gated_gpqa_names_the_licence_and_the_token():
    with pytest.raises(MissingData) as caught:
        load_rows(SOURCES["gpqa_diamond"])
    for part in ("https://huggingface.co/datasets/Idavidrein/gpqa", "HF_TOKEN", "CSV or JSONL"):
        assert part in str(caught.value)
    assert [name for name, source in SOURCES.items() if source.gated] == ["gpqa_diamond"]


def test_the_import_is_light():
    heavy = {"datasets", "pandas", "huggingface_hub", "lm_eval", "sympy"}
    code = f"import sys, spot_eval.tasks.data.rows; print({heavy} & {{*sys.modules}})"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def cached(tmp_path, task, *rows):
    repo = tmp_path / "hub" / f"datasets--{SOURCES[task].hub.replace('/', '--')}"
    jsonl(repo / "snapshots" / REVISION / "test.jsonl", *rows)
    (repo / "refs").mkdir()
    (repo / "refs/main").write_text(REVISION)
    return repo


def test_the_hub_cache_serves_offline_and_its_revision_is_recorded(tmp_path, monkeypatch):
    repo = cached(tmp_path, "aime24", ROW)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "prepared")
    assert at_hand(SOURCES["aime24"]) == f"hub cache {repo}"
    for kept in ("by its ref", "as the only snapshot"):
        rows = load_rows(SOURCES["aime24"])
        assert (rows.revision, rows.origin, rows.rows[0]["answer"]) == (
            REVISION,
            "hub:HuggingFaceH4/aime_2024",
            "25",
        ), kept
        (repo / "refs/main").unlink(missing_ok=True)


def test_a_folder_of_the_datasets_cache_is_at_hand(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))
    (tmp_path / "google___if_eval").mkdir()
    assert at_hand(SOURCES["ifeval"]) == f"datasets cache {tmp_path / 'google___if_eval'}"
    assert at_hand(SOURCES["math500"]) is None


@pytest.fixture
def hub(monkeypatch):
    """A hub that answers with the rows it is given; remembers what it was asked."""
    import datasets

    asked = []

    def serve(rows, split="train"):
        class Info:
            sha = REVISION

        def load(path, name=None, **more):
            asked.append((path, name, more))
            return datasets.DatasetDict({split: datasets.Dataset.from_list(rows)})

        monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", lambda *_, **__: Info())
        monkeypatch.setattr("datasets.load_dataset", load)
        return asked

    return serve


def test_the_hub_is_asked_for_the_revision_it_resolved(hub):
    asked = hub([ROW])
    rows = load_rows(SOURCES["aime24"])
    assert asked == [("HuggingFaceH4/aime_2024", None, {"revision": REVISION})]
    assert (rows.origin, rows.revision) == ("hub:HuggingFaceH4/aime_2024", REVISION)


def test_a_bad_hub_row_is_named_with_its_revision(hub):
    hub([{**ROW, "answer": ""}])
    with pytest.raises(UserError, match="hub:HuggingFaceH4/aime_2024@01234567, row 1: field 'answer' is empty"):
        load_rows(SOURCES["aime24"])


def in_hub_columns(task, row):
    """A mirror row with the columns PAPER.md lists for the hub."""
    if task in ("math500", "minerva"):
        return {"problem": row["problem"], "solution": row["solution"]}
    if task == "olympiadbench":
        listed = json.dumps([row["answer_raw"]])
        return {"question": row["problem"], "answer": listed} | {
            name: row[name] for name in ("unit", "error", "is_multiple_answer")
        }
    if task == "connect4_published":
        return {"state": row["state"], "answer": str(row["answer"])}
    if task == "humaneval":
        return row
    if task == "ifeval":
        return row  # Dataset.from_list fills every missing keyword with None, as the hub does
    return {"problem": row["problem"], "answer": row["answer"]}


@pytest.mark.real
@pytest.mark.parametrize(
    "task", [name for name, source in SOURCES.items() if name != "gpqa_diamond" and not source.drawn]
)
def test_hub_and_mirror_give_the_same_docs(task, hub, monkeypatch):
    mirrored = load_rows(SOURCES[task])
    assert len(mirrored.rows) == SOURCES[task].docs
    file = rows_module._file(SOURCES[task], (), None)
    assert file is not None
    text = file.read_text(encoding="utf-8")
    raw = [json.loads(line) for line in text.split("\n") if line]
    monkeypatch.delenv("SPOT_EVAL_DATA")
    hub([in_hub_columns(task, row) for row in raw])
    from_hub = load_rows(SOURCES[task])
    assert from_hub.rows == mirrored.rows
    assert from_hub.sha256 == mirrored.sha256
    if "answer" in raw[0] and task != "connect4_published":
        assert [doc["answer"] for doc in mirrored.rows] == [row["answer"] for row in raw]
