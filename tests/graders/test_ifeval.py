"""lm-eval's checkers, made repeatable: recorded labels are reproduced, whatever the order."""

import json
import os
import random
import subprocess
import sys

import pytest

from spot_eval.core.errors import UserError
from spot_eval.graders import ifeval, load_grader
from spot_eval.tasks.data.rows import load_rows
from spot_eval.tasks.data.sources import SOURCES

GRADER = load_grader("ifeval")
PARTS = ("prompt_strict", "prompt_loose", "inst_strict", "inst_loose")


@pytest.fixture(autouse=True)
def _punkt(request):
    if request.function.__name__.startswith("test_missing"):
        return
    try:
        ifeval.preflight()
    except UserError as problem:
        pytest.skip(str(problem))


def doc(*instructions, key=7):
    return {
        "key": key,
        "prompt": "Say something.",
        "instruction_id_list": [name for name, _ in instructions],
        "kwargs": [kwargs for _, kwargs in instructions],
    }


NO_COMMA = ("punctuation:no_comma", {"num_words": None, "relation": None})
JSON_ONLY = ("detectable_format:json_format", {})
SHORT = ("length_constraints:number_words", {"num_words": 4, "relation": "less than"})


def test_all_instructions_followed():
    verdict = GRADER.judge(doc(NO_COMMA, SHORT), "Three plain words")
    assert verdict.score == 1
    assert verdict.metrics == dict.fromkeys(PARTS, 1.0)


def test_one_of_two_broken_is_half_by_instruction_and_none_by_prompt():
    verdict = GRADER.judge(doc(NO_COMMA, SHORT), "Now there are, alas, six words")
    assert verdict.score == 0
    verdict = GRADER.judge(doc(NO_COMMA, SHORT), "Now, then")
    assert verdict.metrics == {"prompt_strict": 0, "prompt_loose": 0, "inst_strict": 0.5, "inst_loose": 0.5}
    assert verdict.why == "not followed: punctuation:no_comma"


def test_loose_forgives_a_first_line():
    verdict = GRADER.judge(doc(NO_COMMA), "Sure, here it is:\nno marks at all")
    assert (verdict.metrics["prompt_strict"], verdict.metrics["prompt_loose"]) == (0, 1)


def test_thinking_is_not_part_of_the_answer():
    assert GRADER.judge(doc(NO_COMMA), "<think>well, well</think>none here").score == 1


def test_thinking_that_never_ends_is_an_empty_answer():
    verdict = GRADER.judge(doc(NO_COMMA), "<think>none here")
    assert verdict.score == 0
    assert verdict.unparsed
    assert verdict.metrics == dict.fromkeys(PARTS, 0.0)


def test_a_checker_that_breaks_is_not_judged():
    verdict = GRADER.judge(doc(JSON_ONLY), "[" * 100_000)
    assert verdict.not_judged
    assert "RecursionError" in verdict.why


def test_an_unknown_instruction_is_not_judged():
    assert GRADER.judge(doc(("made:up", {})), "text").not_judged


def test_the_callers_random_numbers_are_left_alone():
    random.seed(5)
    expected = random.random()
    random.seed(5)
    GRADER.judge(doc(("language:response_language", {"language": "de"})), "Das ist ein Satz.")
    assert random.random() == expected


def test_a_verdict_does_not_depend_on_what_came_before():
    """Two words that are Italian or Croatian: unseeded, langdetect wavers on them."""
    wavering = doc(("language:response_language", {"language": "it"}))
    text = "una nova"
    scores = set()
    for _ in range(20):
        GRADER.judge(doc(("language:response_language", {"language": "en"}), key=random.random()), "hello you")
        scores.add(GRADER.judge(wavering, text).score)
    assert len(scores) == 1


def test_missing_punkt_names_the_mending_command(tmp_path):
    code = "from spot_eval.graders.ifeval import preflight; preflight()"
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NLTK_DATA": str(tmp_path)}
    ran = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    if ran.returncode == 0:
        pytest.skip("punkt_tab lies in a folder of this machine that nltk always searches")
    assert "UserError" in ran.stderr
    assert "python -m nltk.downloader punkt_tab" in ran.stderr


def labelled(mirror, name):
    text = (mirror / "graders" / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


@pytest.mark.real
def test_recorded_gpt4_labels_are_reproduced(mirror):
    """Google's GPT-4 responses with the labels of the published checker, strict and loose, in any order."""
    docs = {row["key"]: row for row in load_rows(SOURCES["ifeval"], [mirror]).rows}
    rows = [row for row in labelled(mirror, "ifeval_gpt4_responses_open.jsonl") if row["label_status"] == "ok"]
    assert len(rows) == 328
    random.Random(1).shuffle(rows)
    wrong = []
    for row in rows:
        got = GRADER.judge(docs[row["key"]], row["prediction"]).metrics
        strict, loose = row["expected_strict"], row["expected_loose"]
        expected = (all(strict), all(loose), sum(strict) / len(strict), sum(loose) / len(loose))
        if tuple(got[part] for part in PARTS) != expected:
            wrong.append((row["key"], got, expected))
    assert not wrong


@pytest.mark.real
def test_upstream_unit_cases_are_reproduced(mirror):
    for row in labelled(mirror, "ifeval_unit_cases_open.jsonl"):
        verdict = GRADER.judge(doc((row["instruction_id"], row["kwargs"])), row["prediction"])
        assert verdict.score == float(row["expected"]), row


BLOCKS = (
    "<think>\n{}\n</think>\n\n",
    "<thought>{}</thought>\n",
    "[THINK]{}[/THINK]\n\n",
    "<Reasoning>\n{}\n</Reasoning>\n\n\n",
)
THOUGHT = "First I count, 1, 2, 3.\n\n* a list\n\nP.S. never an answer, {} I think. **bold**"


@pytest.mark.real
def test_thinking_before_a_real_response_changes_no_verdict(mirror):
    """The published checker's labels hold for each response with a thought before it, whatever the thought holds."""
    docs = {row["key"]: row for row in load_rows(SOURCES["ifeval"], [mirror]).rows}
    rows = [row for row in labelled(mirror, "ifeval_gpt4_responses_open.jsonl") if row["label_status"] == "ok"]
    wrong = []
    for number, row in enumerate(rows):
        reply = BLOCKS[number % len(BLOCKS)].format(THOUGHT) + row["prediction"]
        got = GRADER.judge(docs[row["key"]], reply).metrics
        strict, loose = row["expected_strict"], row["expected_loose"]
        expected = (all(strict), all(loose), sum(strict) / len(strict), sum(loose) / len(loose))
        if tuple(got[part] for part in PARTS) != expected:
            wrong.append((row["key"], number % len(BLOCKS), got, expected))
    assert not wrong
