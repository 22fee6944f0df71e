"""Parts of the reproduction: what their arms train on, what is claimed, and that finished work is not done again."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spot_eval.core.errors import UserError
from spot_eval.core.files import read_json, write_json
from spot_eval.miniature import BASE, items, teacher
from spot_eval.models.checkpoint import fingerprint
from spot_eval.posttrain.pair_files import tokens_of
from spot_eval.reproduction import part_data
from spot_eval.reproduction.exam import PARTS, WEIGHTS
from spot_eval.reproduction.page import html, markdown
from spot_eval.reproduction.part_run import built, run_part, setting_of, stage_folder, training_of
from spot_eval.reproduction.parts import ALL, GAMMA
from spot_eval.reproduction.self_oracle import verified, voted
from spot_eval.reproduction.work import Place
from tests.benchmarks.reproduction_parts import KEPT, marks
from tests.command_line import spot_eval
from tests.reproduction.test_page import numbers_in

ROOT = Path(__file__).parents[2]
TOKENS = tokens_of(str(BASE))


@pytest.mark.parametrize("part", ALL.values(), ids=list(ALL))
def test_claims_are_about_arms_and_arms_start_from_earlier_ones(part: Any) -> None:
    names = [arm.name for arm in part.arms]
    assert len(names) == len(set(names))
    for claim in part.claims:
        assert claim.regime == part.name
        assert {claim.method, claim.against} <= {*names, "base"}
    done: set[str] = set()
    for stage in part.stages:
        assert {arm.start for arm in stage.arms} - {None} <= done
        done |= {arm.name for arm in stage.arms}


def made(folder: Path, count: int = 12) -> Path:
    """A folder as the main experiment leaves it, of `count` errors; every third is mended in the teacher's words."""
    rows: dict[str, list[dict[str, Any]]] = {"mended": [], "taught": [], "pairs": []}
    for number, item in enumerate(items("mini_arithmetic", "train", 5, count)):
        steps = [f"{label}: so {one.a} {one.sign} {one.b} is {one.result}." for label, one in item.sums.items()]
        right = f"{' '.join(steps)} Answer: {item.answer}."
        rewritten = number % 3 == 0
        row = {
            "id": f"p{number}", "prompt": [{"role": "user", "content": item.prompt}],
            "rejected": right.replace(" is ", " is 9", 1), "chosen": teacher.solve(item) if rewritten else right,
            "gold": item.answer, "change_ratio": None, "source": None,
            "meta": {"how": "rewritten" if rewritten else "edited"},
        }  # fmt: skip
        rows["mended"].append(row)
        rows["taught"].append({**row, "rejected": None, "chosen": teacher.solve(item)})
        if not rewritten:
            rows["pairs"].append(row)
    place = folder / "made"
    place.mkdir(parents=True)
    for name, each in rows.items():
        (place / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in each))
    write_json(place / "counts.json", {"pairs": len(rows["pairs"])})
    return folder


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_direct_answers_are_of_the_same_errors(tmp_path: Path) -> None:
    folder = made(tmp_path / "d")
    assert part_data.rectified_and_direct(BASE, folder, tmp_path, 0) == {"rectified": 8, "direct": 8}
    mended, direct = lines(folder / "rectified.jsonl"), lines(folder / "direct.jsonl")
    assert [(row["id"], row["rejected"]) for row in mended] == [(row["id"], row["rejected"]) for row in direct]
    assert all(row["chosen"].startswith("Solution.") for row in direct)
    assert not any(row["chosen"].startswith("Solution.") for row in mended)


def test_amounts_and_gammas(tmp_path: Path) -> None:
    folder = made(tmp_path / "d")
    assert part_data.amounts(BASE, folder, tmp_path, 0) == {"all": 8, "half": 4, "quarter": 2}
    counts = part_data.gammas(BASE, folder, tmp_path, 0)
    assert (counts["gamma"], counts["all"]) == (8, 12)
    assert 0 < counts["small"] <= 8
    small = lines(folder / "small.jsonl")
    assert max(row["change_ratio"] for row in small) <= part_data.SMALL_GAMMA


def test_filters_are_compared_at_equal_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_data, "EQUAL_SIZE", 6)
    counts = part_data.proximities(BASE, made(tmp_path / "d"), tmp_path, 0)
    names = ("lcs", "likelihood", "edit", "embedding", "first")
    assert [counts[name] for name in names] == [6] * 5
    assert (counts["lcs, written anew"], counts["first, written anew"]) == (0, 2)


def test_own_corrections_by_a_verifier_and_by_votes() -> None:
    item = items("mini_arithmetic", "train", 5, 1)[0]
    right = teacher.solve(item)
    (label, one), *_ = item.sums.items()
    wrong = right.replace(f"{label} {one.result}", f"{label} {one.result + 1}")
    other = right.replace("Answer:", "Answer: x 1,")

    def pairs(*texts: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        return verified([item], [texts], TOKENS), voted([item], [texts], TOKENS)

    for found in pairs(wrong, right, right, right, wrong, wrong, other):
        assert [(row["rejected"], row["chosen"]) for row in found] == [(wrong, right)]
    # the nearest of several
    padded = right.replace("Solution.", "Solution. Solution. Solution.")
    assert verified([item], [[wrong, padded, right]], TOKENS)[0]["chosen"] == right
    # votes look at no gold: most are wrong, so the right first answer is "mended" into a wrong one
    by_verifier, by_votes = pairs(right, wrong, wrong, wrong, right, other, other)
    assert by_verifier == []
    assert by_votes[0]["meta"] == {"right": False, "was_right": True}
    # neither a tie nor too few votes accept
    assert pairs(other, wrong, wrong, wrong, right, right, right)[1] == []
    assert pairs(other, wrong, wrong, right, "nothing", "nothing", "nothing")[1] == []


def test_finished_work_is_not_done_again(tmp_path: Path) -> None:
    part = replace(GAMMA, seeds=(0, 1), items=2)
    folder = tmp_path / "gamma"
    place = Place(folder, BASE)
    identity = fingerprint(BASE, "float32", None)[:16]
    listed = [name for name in PARTS for _ in range(2 * WEIGHTS[name])]
    folder.mkdir()
    write_json(folder / "part.json", part.record(identity))
    base = place.base_answers("parts", 2)
    base.parent.mkdir(parents=True)
    write_json(base, {"right": "01" * (len(listed) // 2), "texts": [""] * len(listed), "parts": listed})
    for seed in part.seeds:
        stage_folder(place, 0, seed).mkdir(parents=True)
        write_json(stage_folder(place, 0, seed) / "counts.json", {"gamma": 5, "all": 6, "small": 3})
        for number, arm in enumerate(part.arms):
            setting = setting_of(part, arm, seed, identity)
            kl = [0.01 * (number + 1)] * len(listed)
            found = {"setting": setting.record(), "right": "1" * len(listed), "kl": kl, "tokens": [1] * len(listed)}
            write_json(place.result(setting), found)
    found = run_part(part, folder, jobs=1)
    assert [row["method"] for row in found["rows"]] == ["base", "gamma 0.6", "no filter", "gamma 0.06"]
    assert found["rows"][2]["gain"]["mean"] == pytest.approx(0.5)
    assert found["rows_of_data"] == {seed: {"gamma": 5, "all": 6, "small": 3} for seed in ("0", "1")}
    assert {one["verdict"] for one in found["claims"]} == {"undecided", "holds"}  # equal gains; drifts apart
    assert "| small | 3 | 3 |" in markdown(found)
    assert "Does the filter on the change ratio help?" in html(found)
    arm = part.arms[1]
    training = training_of(place, 0, arm, 1)
    assert (training.pairs.name, training.start, training.steps) == ("all.jsonl", BASE, 100)


def test_arms_say_what_differs_and_how_they_train(tmp_path: Path) -> None:
    second, modules, mixed = ALL["second-base"], ALL["modules"], ALL["mixed"]
    place = Place(tmp_path, BASE)
    arms = {arm.name: arm for arm in (*second.arms, *modules.arms, *mixed.arms)}
    assert setting_of(second, arms["sft"], 0, "b").beta is None
    assert training_of(place, 0, arms["sft"], 0).pairs.name == "taught.jsonl"
    assert training_of(place, 0, arms["bce + 0.3 dpo"], 0).objective == "spot-bce + 0.3*dpo"
    lora = training_of(place, 0, arms["adapters on attention, beta 1"], 0).lora
    assert lora
    assert (lora.rank, lora.alpha, lora.modules) == (16, 32.0, ("q_proj", "k_proj", "v_proj", "o_proj"))
    assert training_of(place, 0, arms["all weights"], 0).lora is None
    assert arms["sft+"].record() == {
        "name": "sft+", "data": "pairs", "steps": 100, "rate": 1e-4, "start": None, "objective": "sft+", "beta": None,
    }  # fmt: skip
    assert second.record("b")["base_seed"] == 2
    assert "base_seed" not in mixed.record("b")
    assert json.loads(json.dumps(modules.record("b"))) == modules.record("b")


def test_a_second_base_is_built_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from spot_eval.miniature import build

    calls = []

    def fake(out: Path, seed: int) -> Path:
        calls.append(seed)
        out.mkdir()
        write_json(out / "miniature.json", {"seed": seed})
        return out

    monkeypatch.setattr(build, "build", fake)
    assert [built(tmp_path / "base", 2), built(tmp_path / "base", 2)] == [tmp_path / "base"] * 2
    assert calls == [2]
    with pytest.raises(UserError, match="holds a base of seed 2, not 3"):
        built(tmp_path / "base", 3)


def test_an_unknown_part_is_one_sentence() -> None:
    done = spot_eval("reproduce", "--part", "delta")
    assert done.returncode == 2
    assert "--part 'delta' is not known; there are oracle, amount, gamma, " in done.stderr
    done = spot_eval("reproduce", "--part", "gamma", "--quick")
    assert "--part and --quick are two experiments; give one of them" in done.stderr


def test_the_docs_show_the_kept_parts() -> None:
    page = (ROOT / "docs" / "reproduction.md").read_text()
    for name, found in read_json(KEPT).items():
        start, end = marks(name)
        assert page.partition(start)[2].partition(end)[0].strip() == markdown(found).strip(), name
        assert found["protocol"] == ALL[name].record(found["protocol"]["base"])


def test_every_number_said_of_a_part_is_in_its_record() -> None:
    page = (ROOT / "docs" / "reproduction.md").read_text()
    kept = read_json(KEPT)
    for name, found in kept.items():
        said = page.partition(marks(name)[1])[2].partition("####")[0]
        quoted = re.findall(r"\b\d+\.\d+\b", said)
        assert quoted, name
        known = {
            f"{abs(scale * one):.{digits}f}" for one in numbers_in(found) for scale in (100, 1000) for digits in (1, 2)
        }
        named = {number for arm in found["protocol"]["arms"] for number in re.findall(r"\d+\.\d+", arm["name"])}
        assert set(quoted) <= known | named, name
