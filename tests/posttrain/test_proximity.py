"""Filters by distance: each keeps what is near by its own measure, in the file's order, and as many as asked for."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from spot_eval.core.errors import UserError
from spot_eval.miniature import BASE, items, teacher
from spot_eval.models.prompts import ChatTokenizer
from spot_eval.posttrain.pair_files import read_pairs
from spot_eval.posttrain.proximity import Filter, embedding_distances, filter_pairs, likelihood_distances
from tests.command_line import spot_eval

LCS = Filter(tokenizer=str(BASE))


def pair(number: int, *, rewritten: bool) -> dict[str, Any]:
    """A sum with one wrong step, mended by an edit or in the teacher's words."""
    item = items("mini_arithmetic", "train", 3, 40)[number]
    ((label, one), *_) = item.sums.items()
    solved = " ".join(f"{name}: so {each.a} {each.sign} {each.b} is {each.result}." for name, each in item.sums.items())
    solved += f" Answer: {item.answer}."
    wrong = solved.replace(f"is {one.result}.", f"is {one.result + 1}.", 1)
    wrong = wrong.replace(f"{label} {one.result}", f"{label} {one.result + 1}")
    chosen = teacher.solve(item) if rewritten else solved
    return {"id": f"p{number}", "prompt": item.prompt, "rejected": wrong, "chosen": chosen}


def rows_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Twelve pairs, every third rewritten; the rewritten ones are far by every measure."""
    file = tmp_path / "mended.jsonl"
    rows = [pair(number, rewritten=number % 3 == 0) for number in range(12)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_likelihood_is_the_mean_log_prob_of_the_answer_and_of_its_edited_span() -> None:
    row = {**pair(1, rewritten=False)}
    row["prompt"] = [{"role": "user", "content": row["prompt"]}]
    tokenizer = ChatTokenizer(BASE)
    prompt = list(tokenizer.render(row["prompt"]).token_ids)
    encode = tokenizer.tokenizer
    rejected, chosen = (
        encode(row[side], add_special_tokens=False)["input_ids"] + [encode.eos_token_id]
        for side in ("rejected", "chosen")
    )
    model = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32).eval()
    with torch.no_grad():
        logprobs = torch.log_softmax(model(torch.tensor([prompt + chosen])).logits[0], -1)
    each = [float(logprobs[len(prompt) - 1 + at, token]) for at, token in enumerate(chosen)]
    # bf16 weights as the base is stored: read in its own precision
    assert likelihood_distances([row], str(BASE))[0] == pytest.approx(-sum(each) / len(each), rel=0.05)
    differ = [at for at, (a, b) in enumerate(zip(rejected, chosen, strict=True)) if a != b]
    span = each[differ[0] : differ[-1] + 1]
    assert len(span) < len(each)
    assert likelihood_distances([row], str(BASE), "edit")[0] == pytest.approx(-sum(span) / len(span), rel=0.05)


def test_a_correction_that_only_leaves_tokens_out_is_measured_where_they_were() -> None:
    row = pair(1, rewritten=False)
    row |= {"prompt": [{"role": "user", "content": row["prompt"]}], "rejected": row["chosen"] + " Answer:"}
    assert likelihood_distances([row], str(BASE), "edit")[0] > 0


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(tokenizer=str(BASE), keep=8),
        Filter("embedding", str(BASE), str(BASE), keep=8),
        Filter("likelihood", str(BASE), keep=8),
        Filter("likelihood", str(BASE), share=2 / 3),
        Filter("likelihood", str(BASE), span="edit", keep=8),
    ],
    ids=["lcs", "embedding", "likelihood", "share", "edit"],
)
def test_the_nearest_are_kept_in_their_order(pairs: Path, tmp_path: Path, wanted: Filter) -> None:
    counts = filter_pairs(pairs, tmp_path / "out.jsonl", wanted)
    assert counts == {"kept": 8, "farther than the others": 4}
    kept = [row["id"] for row in rows_of(tmp_path / "out.jsonl")]
    if wanted.by != "likelihood":
        # the rewritten ones; the base finds the teacher's few words likelier than wording that anyone could have chosen
        assert kept == [f"p{number}" for number in range(12) if number % 3]
        return
    rows = list(read_pairs(pairs))
    distances = likelihood_distances(rows, str(BASE), wanted.span)
    bound = sorted(distances)[7]
    assert kept == [row["id"] for row, distance in zip(rows, distances, strict=True) if distance <= bound]
    noted = {row["meta"]["distance"]["by"] for row in rows_of(tmp_path / "out.jsonl")}
    assert noted == {"likelihood of the edited span" if wanted.span == "edit" else "likelihood"}


def test_a_threshold_keeps_what_is_at_most_that_far(pairs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    assert filter_pairs(pairs, out, LCS) == {"kept": 8, "change ratio above 0.6": 4}
    filter_pairs(pairs, out, Filter("likelihood", str(BASE), most=100.0))
    values = sorted(row["meta"]["distance"]["value"] for row in rows_of(out))
    limit = (values[4] + values[5]) / 2
    counts = filter_pairs(pairs, out, Filter("likelihood", str(BASE), most=limit))
    assert counts == {"kept": 5, f"nats per token above {limit:g}": 7}
    assert max(row["meta"]["distance"]["value"] for row in rows_of(out)) <= limit


def test_embeddings_of_equal_texts_are_at_no_distance() -> None:
    texts = [{"rejected": "a b c", "chosen": "a b c"}, {"rejected": "red cat tree", "chosen": "Answer: a 36."}]
    same, other = embedding_distances(texts, str(BASE))
    assert same == pytest.approx(0, abs=1e-5)
    assert 0.01 < other <= 2


def test_without_the_extra_it_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(
        UserError, match=r"needs sentence-transformers; install it with: pip install 'spot-eval\[embed\]'"
    ):
        embedding_distances([], str(BASE))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"by": "nearness"}, "--by 'nearness' is not known; there are lcs, likelihood, embedding"),
        ({"by": "lcs"}, "--by lcs needs --tokenizer"),
        ({"by": "likelihood"}, "--by likelihood needs --model: the base"),
        ({"by": "likelihood", "model": "m"}, "needs --keep, --keep-share, or --gamma in nats per token"),
        ({"tokenizer": "t", "span": "edit"}, "--span edit goes with --by likelihood only"),
        ({"tokenizer": "t", "keep": 3, "share": 0.5}, "give one of them"),
        ({"tokenizer": "t", "most": 60.0}, "a change ratio is from 0 to 1"),
        ({"tokenizer": "t", "model": "m"}, "--by lcs takes --tokenizer"),
    ],
)
def test_a_filter_that_lacks_something_says_what(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        Filter(**options)


def test_more_than_there_are_and_rows_with_one_answer(pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--keep 13: only 12 pairs are left"):
        filter_pairs(pairs, tmp_path / "out.jsonl", Filter(tokenizer=str(BASE), keep=13))
    one = tmp_path / "one.jsonl"
    one.write_text(json.dumps({"id": "s", "prompt": "q", "rejected": None, "chosen": "a"}) + "\n")
    with pytest.raises(UserError, match="row 's' has no two answers"):
        filter_pairs(one, tmp_path / "out.jsonl", Filter(tokenizer=str(BASE), keep=1))
    assert filter_pairs(one, tmp_path / "out.jsonl", LCS) == {"kept": 1}


def test_as_it_is_typed(pairs: Path, tmp_path: Path) -> None:
    done = spot_eval("pairs", "filter", pairs, "-o", tmp_path / "near.jsonl", "--by", "likelihood", "--model",
                     "miniature", "--span", "edit", "--keep", 4, "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"] == {"kept": 4, "farther than the others": 8}
    done = spot_eval("pairs", "filter", pairs, "-o", tmp_path / "near.jsonl", "--by", "embedding", "--model", "nowhere",
                     "--tokenizer", "miniature", "--keep", 4)  # fmt: skip
    assert done.returncode == 2
    assert "--model 'nowhere' does not exist" in done.stderr
