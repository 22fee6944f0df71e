"""The world's items: right golds, verifiable answers, splits that do not touch, the same items everywhere."""

import doctest
import hashlib
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spot_eval.graders import load_grader
from spot_eval.miniature import FAMILIES, SPLITS, VERSION, arithmetic, authors, items, world
from spot_eval.miniature.arithmetic import HABITS, done, draw_sum, invited
from spot_eval.miniature.chance import Chance
from spot_eval.miniature.corpus import ALL, SHORT, documents
from spot_eval.miniature.instructions import KINDS, STUTTER, answer_to, asked_with
from spot_eval.miniature.world import split_of, sums_of

SEEDS = st.integers(0, 10**9)
TASKS = st.sampled_from(list(FAMILIES))
GRADER = load_grader("miniature")
ARITHMETIC = ("mini_arithmetic", "mini_bags", "mini_boards")


def test_the_items_of_version_1_are_these():
    rows = [item.row() for task in FAMILIES for split in SPLITS for item in items(task, split, 0, 20)]
    digest = hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()[:16]
    assert (VERSION, digest) == (1, "77a8ec2eeec032ab"), "other items want another VERSION"


@pytest.mark.parametrize("module", [arithmetic, world, authors])
def test_the_examples_in_the_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0


@given(TASKS, SEEDS)
def test_gold_is_right_by_arithmetic_done_here(task, seed):
    for item in items(task, "test", seed, 3):
        if task == "mini_instructions":
            continue
        values = {label: eval(f"{one.a} {one.sign} {one.b}") for label, one in item.sums.items()}
        assert item.answer == ", ".join(f"{label} {value}" for label, value in values.items())
        assert all(0 < value < 100 for value in values.values())


def by_hand(kind, prompt):
    """What an instruction wants, written apart from the world's own answers."""
    words = prompt.split(": ")[-1].strip(".").split()
    match kind:
        case "copy":
            return " ".join(words)
        case "reverse":
            return " ".join(words[::-1])
        case "upper":
            return " ".join(word.upper() for word in words)
        case "commas":
            return ", ".join(words)
        case "start":
            return " ".join([prompt.split()[2].strip(","), *words])
        case "end":
            return " ".join([*words, prompt.split(":")[0].split()[-1]])
        case "first":
            return words[0]
        case "last":
            return words[-1]
        case "count":
            return str(len(words))
        case "closing":
            return prompt.split()[-1].strip(".")
        case "brief":
            sums = prompt.split(". ")[0].split(" ", 2 if prompt.startswith("Work") else 1)[-1].split("; ")
            return ", ".join(str(eval(one.split(": ")[1])) for one in sums)


def test_every_kind_of_instruction_occurs_and_is_answered_as_by_hand():
    found = items("mini_instructions", "test", 3, 600)
    assert {item.kind for item in found} == set(KINDS)
    assert all(item.answer == by_hand(item.kind, item.prompt) for item in found)


@given(TASKS, st.sampled_from(SPLITS), SEEDS)
def test_a_careful_author_is_right_and_a_sloppy_one_only_where_nothing_invites_him(task, split, seed):
    for item in items(task, split, seed, 3):
        right = authors.write(item, Chance(seed))
        assert GRADER.judge(item.row(), right).score == 1
        sloppy = authors.write(item, Chance(seed), (*HABITS, STUTTER))
        if item.kind in ARITHMETIC:
            habits = {habit for one in item.sums.values() for habit in invited(one)}
            assert (GRADER.judge(item.row(), sloppy).score == 1) == (not habits)
            assert len(authors.steps(sloppy)) == len(item.sums)
        assert (sloppy == right) == (GRADER.judge(item.row(), sloppy).score == 1) or item.kind == "closing"


@pytest.mark.parametrize("habit", HABITS)
def test_each_habit_changes_what_is_reported_and_only_where_it_is_invited(habit):
    chance = Chance("habit", habit)
    for _ in range(200):
        one = draw_sum(chance, habit)
        assert invited(one) == (habit,)
        assert done(one, [habit]).reported != str(one.result)
        assert done(one, [other for other in HABITS if other != habit]).reported == str(one.result)
        plain = draw_sum(chance, None)
        assert done(plain, HABITS).reported == str(plain.result)


@pytest.mark.parametrize("task", FAMILIES)
def test_the_splits_share_no_prompt_whatever_the_seeds(task):
    prompts = {split: {item.prompt for seed in range(3) for item in items(task, split, seed, 100)} for split in SPLITS}
    assert not prompts["train"] & prompts["test"]
    assert not prompts["train"] & prompts["dev"]
    assert not prompts["dev"] & prompts["test"]
    assert all(split_of(prompt) == split for split, found in prompts.items() for prompt in found)


@pytest.mark.parametrize("mix", [SHORT, ALL])
def test_the_corpus_is_of_the_train_split(mix):
    source = documents(5, mix)
    assert {split_of(next(source)[0]) for _ in range(800)} == {"train"}


@pytest.mark.parametrize("task", FAMILIES)
def test_a_seed_names_its_items(task):
    assert items(task, "test", 5, 30) == items(task, "test", 5, 40)[:30]
    assert len({item.prompt for item in items(task, "test", 5, 300)}) == 300
    assert items(task, "test", 5, 30) != items(task, "test", 6, 30)


def test_another_process_draws_the_same_items():
    code = "from spot_eval.miniature import items; print([i.prompt for i in items('mini_bags', 'dev', 9, 5)])"
    done_there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done_there.stdout.strip() == str([item.prompt for item in items("mini_bags", "dev", 9, 5)])


def test_the_world_loads_nothing_heavy():
    code = (
        "import sys, spot_eval.miniature, spot_eval.miniature.oracle, spot_eval.graders.miniature; print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "transformers", "numpy", "lm_eval", "datasets"} & set(loaded)


def test_unknown_names_are_refused():
    with pytest.raises(KeyError, match="no split 'exam'"):
        items("mini_bags", "exam", 0, 1)
    with pytest.raises(KeyError):
        items("mini_sums", "test", 0, 1)


def test_instructions_about_other_words_keep_their_extra_word():
    assert answer_to("start", "Start with moon, then copy these words: red red cat.", ["red", "cat"]) == "moon red cat"
    assert answer_to("end", "Copy these words, end with moon: red red cat.", ["red", "cat"]) == "red cat moon"
    assert asked_with("Copy these words, end with moon: red red cat.") == ["red", "red", "cat"]
    assert sums_of("Copy these words: red cat.") == {}
