"""lm-eval's sample logs become runs: logs that lm-eval itself wrote, logs we exported, and broken ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from spot_eval.cli import app
from spot_eval.comparison.compare import compare_one
from spot_eval.core.errors import NotComparableError, UserError
from spot_eval.interchange.from_lm_eval import import_logs
from spot_eval.interchange.imported_run import Import
from spot_eval.interchange.to_lm_eval import export_lm_eval
from spot_eval.report.content import load_content
from spot_eval.report.render import render
from spot_eval.runs.finished import read_run
from spot_eval.tasks.suite import load_suite


def taken(out: Path, *files: Path, **options: Any) -> tuple[Path, dict[str, Any], list[str]]:
    said: list[str] = []
    path, board = import_logs(Import(files=files, out=out, **options), load_suite("spot"), said.append)
    return path, board, said


def line(doc_id: int, **changes: Any) -> dict[str, Any]:
    """As lm-eval 0.4.13 writes it."""
    return {
        "doc_id": doc_id,
        "doc": {"question": f"q{doc_id}"},
        "target": str(doc_id),
        "arguments": {"gen_args_0": {"arg_0": f"Question: q{doc_id}", "arg_1": {"until": ["\n"]}}},
        "resps": [[f"thinking {doc_id}"]],
        "filtered_resps": [str(doc_id)],
        "filter": "none",
        "metrics": ["exact_match"],
        "doc_hash": f"d{doc_id}",
        "prompt_hash": f"p{doc_id}",
        "target_hash": f"t{doc_id}",
        "exact_match": float(doc_id % 2),
        **changes,
    }


def write(path: Path, *lines: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    return path


LOG = "samples_gsm8k_2026-01-02T03-04-05.678.jsonl"


def test_our_own_export_comes_back_with_the_same_scores(run: Path, base_run: Path, tmp_path: Path) -> None:
    export_lm_eval(run, tmp_path / "a")
    export_lm_eval(base_run, tmp_path / "b")
    candidate, board, _ = taken(tmp_path / "ia", tmp_path / "a")
    base, _, _ = taken(tmp_path / "ib", tmp_path / "b")
    original = read_run(run)
    for task in ("sums", "orders"):
        assert board["tasks"][task]["mean"] == pytest.approx(original.board["tasks"][task]["mean"])
        assert board["tasks"][task]["stderr"] == pytest.approx(original.board["tasks"][task]["stderr"])
    ours = compare_one(original, read_run(base_run))
    found = compare_one(read_run(candidate), read_run(base))
    for task in ("sums", "orders"):
        assert found["tasks"][task]["mean"] == pytest.approx(ours["tasks"][task]["mean"])
        assert (found["tasks"][task]["lost"], found["tasks"][task]["gained"]) == (
            ours["tasks"][task]["lost"], ours["tasks"][task]["gained"])  # fmt: skip


def test_logs_that_lm_eval_itself_wrote(tmp_path: Path) -> None:
    import lm_eval
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.tasks import TaskManager

    from spot_eval.core.paths import folder

    names = ["mini_arithmetic", "mini_boards"]
    results = lm_eval.simple_evaluate(
        model="dummy",
        tasks=names,
        task_manager=TaskManager(include_path=str(folder("tasks")), include_defaults=False),
        limit=4,
        log_samples=True,
        verbosity="ERROR",
    )
    assert results is not None
    samples = results.pop("samples")
    tracker = EvaluationTracker(output_path=str(tmp_path / "logs"))
    tracker.save_results_aggregated(results=results, samples=samples)
    for name in names:
        tracker.save_results_samples(task_name=name, samples=samples[name])

    path, board, said = taken(tmp_path / "run", tmp_path / "logs", families={"mini_boards": "ood"})
    assert not [sentence for sentence in said if "no results" in sentence]
    for name in names:
        assert board["tasks"][name]["docs"] == 4
        assert board["tasks"][name]["mean"] == results["results"][name]["score,none"]
    assert board["tasks"]["mini_boards"]["family"] == "ood"
    side = read_run(path)
    assert side.config["data"]["mini_boards"]["task_version"] is not None
    assert side.config["seed"] is None
    assert side.manifest["versions"]["lm_eval"] == "0.4.13"
    page = render(load_content(path, []), "html", 1_000_000)
    assert "mini_boards" in page


def test_what_the_logs_do_not_say_is_unknown(tmp_path: Path) -> None:
    log = write(tmp_path / "m" / LOG, line(0), line(1))
    path, board, said = taken(tmp_path / "run", log)
    assert any("not recorded" in sentence for sentence in said)
    config = read_run(path).config
    assert config["suite"]["tasks"]["gsm8k"]["sampling"] == {
        "temperature": None, "top_p": None, "top_k": None, "max_new_tokens": None}  # fmt: skip
    assert board["tasks"]["gsm8k"]["truncated"] is None
    assert board["tasks"]["gsm8k"]["output_tokens"] is None
    assert board["model"] == "m"
    (tmp_path / "m" / "results_2026-01-02T03-04-05.678.json").write_text(json.dumps({
        "model_name": "org/model", "configs": {"gsm8k": {"generation_kwargs": {"do_sample": False, "until": ["\n"],
                                                                               "max_gen_toks": 256}}},
        "versions": {"gsm8k": 3}, "chat_template_sha": "abc",
    }))  # fmt: skip
    path, board, said = taken(tmp_path / "told", log)
    config = read_run(path).config
    assert board["model"] == "org-model"
    assert config["suite"]["tasks"]["gsm8k"]["sampling"]["temperature"] == 0.0
    assert config["suite"]["tasks"]["gsm8k"]["sampling"]["max_new_tokens"] == 256
    assert (config["data"]["gsm8k"]["task_version"], config["data"]["gsm8k"]["until"]) == ("3", ["\n"])
    assert config["model"]["chat_template"] == "abc"
    assert not said


def test_docs_pair_whatever_the_chat_template(tmp_path: Path) -> None:
    mine = write(tmp_path / "a" / LOG, *(line(doc) for doc in range(4)))
    other = write(tmp_path / "b" / LOG, *(line(doc, arguments={"gen_args_0": {"arg_0": "<|user|>"}}, prompt_hash="x",
                                               exact_match=1.0) for doc in (3, 2, 1, 0)))  # fmt: skip
    found = compare_one(read_run(taken(tmp_path / "ra", mine)[0]), read_run(taken(tmp_path / "rb", other)[0]))
    assert (found["tasks"]["gsm8k"]["docs"], found["tasks"]["gsm8k"]["lost"]) == (4, 2)


def test_another_metric_or_filter_is_not_comparable(tmp_path: Path) -> None:
    lines = [line(doc, metrics=["exact_match", "f1"], f1=0.5, filter=kind) for kind in ("strict", "loose")
             for doc in range(2)]  # fmt: skip
    log = write(tmp_path / LOG, *lines)
    first, _, said = taken(tmp_path / "a", log)
    assert said[0].startswith("gsm8k: exact_match of filter strict is taken")
    second, board, said = taken(tmp_path / "b", log, metric="f1", filter="loose")
    assert board["tasks"]["gsm8k"]["mean"] == 0.5
    with pytest.raises(NotComparableError, match="lm-eval f1,loose"):
        compare_one(read_run(first), read_run(second))


def test_what_has_no_score_is_not_judged_and_doubles_stay_apart(tmp_path: Path) -> None:
    twin = line(2, doc=line(1)["doc"], target="1", doc_hash="d1", target_hash="t1")
    path, board, _ = taken(tmp_path / "run", write(tmp_path / LOG, line(0, exact_match=None), line(1), twin))
    task = board["tasks"]["gsm8k"]
    assert (task["docs"], task["docs_judged"], task["mean"]) == (3, 2, 0.5)
    assert len(read_run(path).docs["gsm8k"]) == 3


def test_choices_have_their_likelihoods_as_text(tmp_path: Path) -> None:
    choice = line(0, resps=[[[-1.5, False]], [[-0.5, True]]], filtered_resps=[[-1.5, False], [-0.5, True]],
                  metrics=["acc"], acc=1.0)  # fmt: skip
    path, board, _ = taken(tmp_path / "run", write(tmp_path / "samples_arc.jsonl", choice))
    assert board["tasks"]["arc"]["mean"] == 1.0
    assert "-0.5" in json.loads((path / "generations.jsonl").read_text())["text"]


def test_the_same_import_again_changes_nothing_and_another_is_refused(tmp_path: Path) -> None:
    log = write(tmp_path / LOG, line(0), line(1))
    path, _, _ = taken(tmp_path / "run", log)
    before = (path / "samples.jsonl").read_bytes()
    taken(tmp_path / "run", log)
    assert (path / "samples.jsonl").read_bytes() == before
    write(log, line(0), line(1, exact_match=0.0))
    with pytest.raises(UserError, match="another configuration"):
        taken(tmp_path / "run", log)


@pytest.mark.parametrize(
    ("lines", "options", "sentence"),
    [
        ([], {}, "is empty"),
        ([{"text": "x"}], {}, "line 1: not an lm-eval sample"),
        ([line(0), line(0)], {}, "doc_id 0 is there 2 times"),
        ([line(0, exact_match=17.0)], {}, "exact_match of doc 0 is 17"),
        ([line(0, metrics=["text"], text="x")], {}, "no metric that is a number"),
        ([line(0)], {"metric": "exact_mach"}, "no metric 'exact_mach'; the nearest: exact_match"),
        ([line(0)], {"filter": "strict"}, "no line has the filter 'strict'"),
        ([{**line(0), "doc_id": "x"}], {}, "is not a whole number from 0"),
        ([line(0)], {"families": {"gsm9k": "ood"}}, "no log of 'gsm9k'; the nearest: gsm8k"),
    ],
)
def test_bad_logs_are_one_sentence_and_leave_nothing(
    tmp_path: Path, lines: list[Any], options: dict[str, Any], sentence: str
) -> None:
    log = write(tmp_path / "in" / LOG, *lines)
    with pytest.raises(UserError, match=sentence):
        taken(tmp_path / "run", log, **options)
    assert not (tmp_path / "run").exists()


def test_two_logs_of_a_task_or_none_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "in" / LOG, line(0))
    write(tmp_path / "in" / LOG.replace("03-04", "04-04"), line(0))
    with pytest.raises(UserError, match="task gsm8k has two logs"):
        taken(tmp_path / "run", tmp_path / "in")
    with pytest.raises(UserError, match="does not exist"):
        taken(tmp_path / "run", tmp_path / "nowhere.jsonl")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no samples"):
        taken(tmp_path / "run", tmp_path / "empty")


def test_the_command(run: Path, tmp_path: Path) -> None:
    export_lm_eval(run, tmp_path / "logs")
    families = ["--family", "sums=in_domain", "--family", "orders=general"]
    given = [
        "import",
        str(tmp_path / "logs"),
        "--out",
        str(tmp_path / "run"),
        "--model-id",
        "mine",
        *families,
        "--json",
    ]
    done = CliRunner().invoke(app, given)
    assert done.exit_code == 0, done.output
    board = json.loads(done.stdout)
    assert board["model"] == "mine"
    assert {name: task["family"] for name, task in board["tasks"].items()} == {"sums": "in_domain", "orders": "general"}
    page = CliRunner().invoke(app, ["report", str(tmp_path / "run"), "--format", "md"])
    assert "| sums | 75.0 ± 17.1 | 6 × 1 | – | 0.0 | 0.0 | – |" in page.stdout


def test_an_imported_run_cannot_be_judged_again_here(tmp_path: Path) -> None:
    from spot_eval.evaluation.run import grade_again

    path, _, _ = taken(tmp_path / "run", write(tmp_path / LOG, line(0)))
    with pytest.raises(UserError, match="verdicts of an imported run came with it"):
        grade_again(path, None, 1, lambda _: None)


def _with_nan(first: float | None, *, where: int = 0) -> list[dict[str, Any]]:
    """Four docs: exact_match is right on half of them and missing on one; acc is right on all."""
    return [
        line(i, metrics=["acc", "exact_match"], acc=1.0, exact_match=first if i == where else float(i % 2))
        for i in range(4)
    ]


@pytest.mark.parametrize("missing", [float("nan"), None])
@pytest.mark.parametrize("where", [0, 2, 3])
def test_a_missing_number_in_one_row_does_not_change_which_metric_counts(
    tmp_path: Path, missing: float | None, where: int
) -> None:
    _, board, said = taken(tmp_path / "run", write(tmp_path / LOG, *_with_nan(missing, where=where)))
    task = board["tasks"]["gsm8k"]
    assert task["mean"] == pytest.approx((1 if where == 3 else 2) / 3)
    assert any("exact_match of filter none is taken" in one and "order of preference" in one for one in said)
    assert any("1 of 4 docs have no exact_match" in one for one in said)


def test_a_metric_that_only_later_rows_name_is_a_candidate(tmp_path: Path) -> None:
    rows = [line(0, metrics=["acc"], acc=1.0), *(line(i, metrics=["acc", "exact_match"], acc=1.0) for i in (1, 2))]
    del rows[0]["exact_match"]
    _, board, said = taken(tmp_path / "run", write(tmp_path / LOG, *rows))
    assert board["tasks"]["gsm8k"]["mean"] == pytest.approx(0.5)
    assert any("1 of 3 docs" in one for one in said)


def test_a_metric_that_is_nan_everywhere_or_a_text_somewhere_is_no_candidate(tmp_path: Path) -> None:
    nan = [line(i, metrics=["exact_match", "acc"], acc=1.0, exact_match=float("nan")) for i in range(2)]
    _, board, _ = taken(tmp_path / "a", write(tmp_path / LOG, *nan))
    assert board["tasks"]["gsm8k"]["mean"] == 1.0
    text = [line(i, metrics=["exact_match", "acc"], acc=1.0, exact_match=1.0 if i else "yes") for i in range(2)]
    _, board, _ = taken(tmp_path / "b", write(tmp_path / LOG, *text))
    assert board["tasks"]["gsm8k"]["mean"] == 1.0


def test_a_name_that_a_run_cannot_hold_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    log = write(tmp_path / LOG, line(0, filter="x" * 2000))
    with pytest.raises(UserError, match=r"a run cannot hold this; config.data.gsm8k.grader: expected"):
        taken(tmp_path / "out", log)
    assert not (tmp_path / "out").exists()
