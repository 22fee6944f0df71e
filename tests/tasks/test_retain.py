"""Suites `retain` and `spot-wide`: the hub's columns, the prompts of lm-eval's own tasks, golds that are right."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from spot_eval.core.errors import UserError
from spot_eval.tasks.check import check_tasks
from spot_eval.tasks.data.adapters import RawRow
from spot_eval.tasks.data.rows import load_rows
from spot_eval.tasks.data.sources import CHOICES
from spot_eval.tasks.loader import TaskLoader
from spot_eval.tasks.suite import load_suite
from tests.command_line import records, spot_eval

QUESTION = {"question": "2 + 2 = ?", "subject": "abstract_algebra", "choices": ["3", "4", "5", "6"], "answer": 1}
ROWS: dict[str, dict[str, Any]] = {
    "mmlu": QUESTION,
    "hellaswag": {
        "ctx_a": "A man sits down.", "ctx_b": "he", "activity_label": "Tea", "label": "1",
        "endings": ["flies [substeps] off", "drinks", "sings", "melts"],
    },
    "winogrande": {"sentence": "Ann thanked Bea, as _ had helped.", "option1": "Ann", "option2": "Bea", "answer": "2"},
    "arc_challenge": {
        "question": "What do plants need?", "answerKey": "C",
        "choices": {"text": ["sand", "noise", "light"], "label": ["A", "B", "C"]},
    },
    "truthfulqa_mc1": {"question": "Is it cheese?", "mc1_targets": {"choices": ["No.", "Yes."], "labels": [1, 0]}},
    "truthfulqa_mc2": {
        "question": "Is it cheese?", "mc2_targets": {"choices": ["No.", "Yes.", "Rock."], "labels": [1, 0, 1]},
    },
}  # fmt: skip


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SPOT_EVAL_DATA", raising=False)
    for task, row in {**ROWS, "mmlu_dev": QUESTION}.items():
        text = "".join(json.dumps({**row, "question": f"{n}? "} if "mmlu" in task else row) + "\n" for n in range(5))
        (tmp_path / f"{task}.jsonl").write_text(text)
    return tmp_path


def asked(folder: Path, task: str) -> dict[str, Any]:
    loaded = TaskLoader(load_suite("retain").narrowed(tasks=[task]), data_dirs=[folder]).load(task, 1)
    return dict(loaded.docs[0].likelihood or {})


def test_prompts_are_those_of_the_benchmark(rows: Path) -> None:
    mmlu = asked(rows, "mmlu")
    (context,) = mmlu["contexts"]
    assert mmlu["continuations"] == [" A", " B", " C", " D"]
    assert context.count("Answer: B\n\n") == 5  # five examples of the subject, then the question
    assert " about abstract algebra.\n\n" in context
    assert context.endswith("\n\n0?\nA. 3\nB. 4\nC. 5\nD. 6\nAnswer:")
    hellaswag = asked(rows, "hellaswag")
    assert hellaswag["contexts"] == ["Tea: A man sits down. He"]
    assert hellaswag["continuations"][0] == " flies off"
    winogrande = asked(rows, "winogrande")
    assert winogrande["contexts"] == ["Ann thanked Bea, as Ann", "Ann thanked Bea, as Bea"]
    assert set(winogrande["continuations"]) == {" had helped."}
    assert asked(rows, "arc_challenge")["contexts"] == ["Question: What do plants need?\nAnswer:"]
    truthful = asked(rows, "truthfulqa_mc1")
    assert truthful["contexts"][0].endswith("\n\nQ: Is it cheese?\nA:")
    assert truthful["contexts"][0].count("Q: ") == 7


def test_each_gold_is_right_without_the_data_in_the_grading_worker(rows: Path) -> None:
    found = {one.task: one for one in check_tasks("retain", data_dirs=[rows]) if one.task in ROWS}
    assert {name: (one.ok, one.gold_asked, one.gold_right) for name, one in found.items()} == dict.fromkeys(
        ROWS, (True, 5, 5)
    )


@pytest.mark.parametrize(
    ("task", "change", "message"),
    [
        ("mmlu", {"answer": 4}, "field 'answer' is '4', which is none of its 4 choices; expected 0 to 3"),
        ("mmlu", {"choices": ["3", "4"]}, "field 'choices' has 2 entries where 4 are expected"),
        ("hellaswag", {"label": "7"}, "field 'label' is '7', which is none of its 4 choices"),
        ("hellaswag", {"label": ""}, "field 'label' is empty"),
        ("winogrande", {"answer": "3"}, "field 'answer' is '3'; expected 1 or 2"),
        ("winogrande", {"sentence": "No blank."}, "field 'sentence' has no blank (_)"),
        ("arc_challenge", {"answerKey": "D"}, "field 'answerKey' is 'D', which is none of its choices (A, B, C)"),
        ("truthfulqa_mc1", {"mc1_targets": {"choices": ["No."], "labels": [0]}}, "marks none of its choices as right"),
        ("truthfulqa_mc1", {"mc1_targets": {"choices": ["a", "b"], "labels": [1, 1]}}, "marks 2 choices as right"),
        (
            "truthfulqa_mc2",
            {"mc2_targets": {"choices": ["a", "b"], "labels": [1]}},
            "needs one label, 0 or 1, for each",
        ),
    ],
)
def test_a_row_whose_gold_is_no_choice_is_one_sentence(task: str, change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        CHOICES[task].adapter(RawRow({**ROWS[task], **change}, "rows.jsonl, line 3"))
    assert str(caught.value).startswith("rows.jsonl, line 3")
    assert message in str(caught.value)


def test_spot_wide_is_spot_with_the_general_family_of_retain() -> None:
    spot, wide, retain = (load_suite(name) for name in ("spot", "spot-wide", "retain"))
    assert wide.families == {**spot.families, "general": retain.families["general"]}
    assert set(spot.tasks) <= set(wide.tasks)
    assert {wide.sampling, retain.sampling} == {spot.sampling}
    assert wide.settings("ifeval") == spot.settings("ifeval")


def test_the_commands_of_the_page_run(rows: Path, tiny: Path, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "retain.md").read_text()
    (block,) = re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
    commands = [shlex.split(line.replace("ckpt/", str(tiny))) for line in block.splitlines()]
    assert len(commands) == 3
    for _, *arguments in commands:
        run = arguments[0] == "run"
        extra = ["--out", tmp_path / "out", "--engine-arg", "device=cpu"] if run else []
        done = spot_eval(*arguments, "--data-dir", rows, *extra)
        assert done.returncode == 0, done.stderr
    assert len(records(tmp_path / "out")) == 10


def test_examples_are_no_text_that_ties_docs(rows: Path) -> None:
    (mmlu,) = (one for one in check_tasks("retain", data_dirs=[rows]) if one.task == "mmlu")
    assert not mmlu.notes


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "stock"),
    [
        ("mmlu", "mmlu/default/mmlu_abstract_algebra.yaml"),
        ("winogrande", "winogrande/default.yaml"),
        ("arc_challenge", "arc/arc_challenge.yaml"),
        ("truthfulqa_mc1", "truthfulqa/truthfulqa_mc1.yaml"),
    ],
)
def test_requests_are_those_of_lm_evals_own_task(mirror: Path, name: str, stock: str) -> None:
    import lm_eval
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.tasks._yaml_loader import load_yaml

    files = {split: str(mirror / name / f"{name}.jsonl") for split in ("train", "validation", "test")}
    files["dev"] = str(mirror / "mmlu_dev" / "mmlu_dev.jsonl")  # its first five rows are the subject's
    config = load_yaml(Path(str(lm_eval.__file__)).parent / "tasks" / stock, resolve_func=True)
    config.pop("tag", None)
    rows = {"dataset_path": "json", "dataset_name": None, "dataset_kwargs": {"data_files": files}}
    if name != "mmlu":
        del files["dev"]
    task = ConfigurableTask(config={**config, **rows})
    shots = 5 if name == "mmlu" else 0
    loaded = TaskLoader(load_suite("retain").narrowed(tasks=[name]), data_dirs=[mirror]).load(name, 8)
    for row, doc in zip(task.eval_docs, loaded.docs, strict=False):
        context = task.fewshot_context(row, shots)
        asked_of = [one.args for one in task.construct_requests(row, context, metadata=("", 0, 1))]
        ours = doc.likelihood or {}
        contexts = ours["contexts"] * (1 if len(ours["contexts"]) > 1 else len(ours["continuations"]))
        assert list(zip(contexts, ours["continuations"], strict=True)) == asked_of


@pytest.mark.real
def test_golds_of_the_real_rows_are_right(mirror: Path) -> None:
    found = {one.task: one for one in check_tasks("retain", data_dirs=[mirror])}
    for name in set(ROWS) - {"truthfulqa_mc2"}:
        assert (found[name].ok, found[name].gold_right) == (True, 10), found[name].problems


@pytest.mark.real
def test_every_real_row_has_a_gold_among_its_choices(mirror: Path) -> None:
    published = {"mmlu": 14042, "mmlu_dev": 285, "winogrande": 1267, "arc_challenge": 1172, "truthfulqa_mc1": 817}
    for name, count in published.items():
        assert len(load_rows(CHOICES[name], [mirror]).rows) == count
