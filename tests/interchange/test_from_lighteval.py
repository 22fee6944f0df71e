"""lighteval's details become runs with lighteval's scores.

The rows are ours, with the fields of lighteval 0.13's Doc and ModelResponse, and written as its tracker writes them:
`Dataset.from_list`, columns sorted, `to_parquet`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

from spot_eval.core.errors import UserError
from spot_eval.core.files import read_json, write_json
from spot_eval.interchange.from_lighteval import import_lighteval
from spot_eval.interchange.imported_run import Import
from spot_eval.interchange.recognise import tool_of
from spot_eval.runs.finished import read_run
from spot_eval.tasks.suite import load_suite
from tests.command_line import records, spot_eval

SUITE = load_suite("spot")
DATE = "2026-01-02T03-04-05.678901"


def row(query: str, texts: list[str], **metric: float | None) -> dict[str, Any]:
    return {
        "doc": {
            "query": query, "choices": ["4"], "gold_index": [0], "instruction": None, "images": None,
            "specific": {"level": "easy"}, "unconditioned_query": None, "original_query": None, "id": "0",
            "task_name": "sums|0", "fewshot_samples": [], "sampling_methods": [], "fewshot_sorting_class": None,
            "generation_size": 64, "stop_sequences": ["\n\n"], "use_logits": False, "num_samples": len(texts),
            "generation_grammar": None,
        },
        "model_response": {
            "input": [{"role": "user", "content": query}], "input_tokens": [1, 2, 3], "text": texts,
            "output_tokens": [[5, 6] for _ in texts], "text_post_processed": None, "reasonings": [], "logprobs": [],
            "argmax_logits_eq_gold": [], "logits": None, "unconditioned_logprobs": None, "truncated_tokens_count": 0,
            "padded_tokens_count": 0,
        },
        "metric": metric,
    }  # fmt: skip


def details(folder: Path, rows: list[dict[str, Any]], task: str = "sums|0", results: bool = True) -> Path:
    """Write details and results where lighteval puts them; return the details file."""
    place = folder / "details" / "org" / "tiny" / DATE
    place.mkdir(parents=True, exist_ok=True)
    table = Dataset.from_list(rows)
    table.select_columns(sorted(table.column_names)).to_parquet(place / f"details_{task}_{DATE}.parquet")
    if results:
        beside = folder / "results" / "org" / "tiny"
        beside.mkdir(parents=True, exist_ok=True)
        general = {
            "lighteval_sha": "abc", "model_name": "org/tiny",
            "model_config": {"model_name": "org/tiny", "dtype": "bfloat16",
                             "generation_parameters": {"temperature": 0.6, "top_p": 0.95, "seed": 7}},
        }  # fmt: skip
        write_json(beside / f"results_{DATE}.json", {
            "config_general": general, "versions": {"sums|0": 1}, "config_tasks": {"sums|0": {"hf_repo": "org/sums"}},
            "results": {"sums|0": {"extractive_match": 0.5}},
        })  # fmt: skip
    return place / f"details_{task}_{DATE}.parquet"


ROWS = [row("2+2?", ["It is 4."], extractive_match=1.0), row("1+3?", ["5"], extractive_match=0.0)]


def imported(path: Path, out: Path, **options: Any) -> tuple[Path, dict[str, Any], list[str]]:
    said: list[str] = []
    made, board = import_lighteval(Import([path], out=out, **options), SUITE, said.append)
    return made, board, said


def test_scores_texts_and_settings(tmp_path: Path) -> None:
    path, board, said = imported(details(tmp_path, ROWS), tmp_path / "run", families={"sums|0": "in_domain"})
    task = board["tasks"]["sums|0"]
    assert (task["mean"], task["docs"], task["repeats"], task["family"]) == (0.5, 2, 1, "in_domain")
    first = next(iter(read_run(path).answers("sums|0")))
    assert first.messages == [{"role": "user", "content": "2+2?"}]
    assert (first.texts, first.row["specific"]) == (["It is 4."], {"level": "easy"})
    sample = next(one for one in records(path, "samples.jsonl") if one["doc_id"] == 0)
    assert (sample["prompt_tokens"], sample["output_tokens"], sample["truncated"]) == (3, 2, None)
    manifest = read_json(path / "manifest.json")
    assert manifest["model"]["name"] == "tiny"
    assert (manifest["model"]["dtype"], manifest["config"]["seed"]) == ("bfloat16", 7)
    sampling = manifest["config"]["suite"]["tasks"]["sums|0"]["sampling"]
    assert sampling == {"temperature": 0.6, "top_p": 0.95, "top_k": None, "max_new_tokens": 64}
    assert '"gold":"4"' in (path / "docs.jsonl").read_text().replace(": ", ":")
    assert any("neither seeds" in one for one in said)


def test_several_answers_have_one_score(tmp_path: Path) -> None:
    rows = [
        row("2+2?", ["4", "5"], **{"avg@n": 0.5, "chars": 12.0}),
        row("1+3?", ["4", "4"], **{"avg@n": None, "chars": 3.0}),
    ]
    path, board, said = imported(details(tmp_path, rows, results=False), tmp_path / "run")
    assert board["tasks"]["sums|0"]["mean"] == 0.5
    samples = sorted(records(path, "samples.jsonl"), key=lambda one: one["doc_id"])
    assert "one of 2 answers" in samples[0]["why"]
    assert samples[1]["not_judged"]
    text = "\n".join(said)
    for remark in ("no results_….json", "the score is avg@n", "1 of 2 docs have no avg@n", "several answers"):
        assert remark in text
    with pytest.raises(UserError, match="chars is not between 0 and 1"):
        imported(details(tmp_path, rows), tmp_path / "other", metric="chars")


def test_another_file_is_one_sentence(tmp_path: Path) -> None:
    old = tmp_path / f"details_x_{DATE}.parquet"
    Dataset.from_list([{"example": "q", "predictions": ["a"], "metrics": {"em": 1.0}}]).to_parquet(old)
    with pytest.raises(UserError, match=r"as its version 0.13 writes them, and this has no column 'doc'"):
        imported(old, tmp_path / "run")
    Dataset.from_list([{"doc": "q", "model_response": "a", "metric": 1.0}]).to_parquet(old)
    with pytest.raises(UserError, match=r"column 'doc' is not a table of its own"):
        imported(old, tmp_path / "run")
    old.write_bytes(b"PAR1 not really")
    with pytest.raises(UserError, match="cannot be read as parquet"):
        imported(old, tmp_path / "run")
    with pytest.raises(UserError, match="does not exist"):
        imported(tmp_path / "nothing.parquet", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_two_models_compare(tmp_path: Path) -> None:
    base = details(tmp_path / "a", ROWS)
    new = details(tmp_path / "b", [ROWS[0], row("1+3?", ["4"], extractive_match=1.0)])
    assert tool_of([base.parent]) == "lighteval"
    for file, name in ((base.parent, "base"), (new, "new")):
        done = spot_eval("import", file, "--family", "sums|0=in_domain", "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
    done = spot_eval("compare", tmp_path / "new", "--baseline", tmp_path / "base")
    assert done.returncode == 0, done.stderr
    assert "sums|0" in done.stdout
