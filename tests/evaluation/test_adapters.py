"""Adapters from the command line: trained here, run on a base that is loaded once, one table at the end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from spot_eval.cli import app
from spot_eval.core.errors import UserError
from spot_eval.core.options import RunOptions
from spot_eval.evaluation.several import options_of_each
from spot_eval.miniature import BASE
from spot_eval.models import hf
from tests.models.lora import make_adapter

SUITE = """
name: few
version: 1
sampling: {temperature: 0.0, max_new_tokens: 40}
families: {general: {mini_instructions: {}}, in_domain: {mini_arithmetic: {}}}
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("few.yaml").write_text(SUITE)
    return tmp_path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two adapters of the miniature with random weights, one and two."""
    folder = tmp_path_factory.mktemp("adapters")
    for seed, name in enumerate(["one", "two"]):
        make_adapter(BASE, folder / name, seed=seed, scale=0.15)
    return folder


def command(*arguments: object) -> str:
    done = CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def run(*arguments: object) -> Any:
    given = ["--suite", "few.yaml", "--limit", 12, "--workers", 1, "--engine-arg", "device=cpu", "--json"]
    return json.loads(command("run", *arguments, *given))


def texts(path: Path | str) -> dict[tuple[str, Any], str]:
    rows = map(json.loads, (Path(path) / "generations.jsonl").open())
    return {(row["task"], row["doc_id"]): row["text"] for row in rows}


def manifest(path: Path | str) -> Any:
    return json.loads((Path(path) / "manifest.json").read_text())


def test_one_base_is_loaded_once_and_each_adapter_is_a_run_like_one_alone(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[Any] = []
    load = hf.HfEngine.__init__
    monkeypatch.setattr(hf.HfEngine, "__init__", lambda *given, **more: loads.append(1) or load(*given, **more))
    given = ["--model", BASE, "--adapter", made / "one", "--adapter", made / "two", "--adapter", "none"]
    found = run(*given, "-o", "all")
    assert loads == [1]
    assert found["failed"] == []
    folders = {each.name.partition("-few")[0].removeprefix("miniature-base"): each for each in Path("all").iterdir()}
    bare, one, two = folders[""], folders["+one"], folders["+two"]
    assert len({manifest(each)["config"]["model"]["fingerprint"] for each in folders.values()}) == 3
    assert manifest(one)["model"]["adapter"] == str(made / "one")

    run("--model", BASE, "--adapter", made / "one", "-o", "alone")
    assert texts("alone") == texts(one)
    run("--model", BASE, "-o", "bare")
    assert texts("bare") == texts(bare)
    assert texts(one) != texts(bare) != texts(two) != texts(one)
    assert manifest("bare")["config"] == manifest(bare)["config"]
    # the records of the base are one and the same, whoever asked for them
    before = (bare / "generations.jsonl").read_bytes()
    assert run("--model", BASE, "-o", bare)["tasks"]
    assert (bare / "generations.jsonl").read_bytes() == before
    assert manifest(bare)["config"] == manifest("bare")["config"]


def test_an_adapter_alone_reads_its_base(made: Path) -> None:
    run("--model", BASE, "--adapter", made / "one", "-o", "with")
    run("--model", made / "one", "-o", "alone")
    assert manifest("alone")["config"] == manifest("with")["config"]
    assert texts("alone") == texts("with")


def test_the_table_names_the_adapters_and_a_bad_one_stops_all_before_the_first(made: Path) -> None:
    given = ["run", "--model", BASE, "--adapter", made / "one", "--suite", "few.yaml", "--limit", 1, "--workers", 1]
    shown = command(*given, "--adapter", made / "two", "-o", "all")
    assert shown.count("few v1 (%)") == 1
    assert "miniature-base+one" in shown
    assert "miniature-base+two" in shown
    zero = make_adapter(BASE, Path("zero"), scale=0.0)
    with pytest.raises(UserError, match="changes nothing"):
        command(*given, "--adapter", zero, "-o", "none")
    assert not Path("none").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--model", "BASE", "--adapter", "BASE"], "it is a whole checkpoint: --model"),
        (["--model", "one", "--adapter", "two"], "is an adapter itself; give its base as --model"),
        (["--model", "one", "--adapter", "two", "--adapter", "one"], "is an adapter itself; give its base as --model"),
        (["--model", "http://localhost:1/v1", "--model-id", "x", "--adapter", "one"], "a server loads its adapters"),
        (["--model", "http://localhost:1/v1", "--model-id", "x", "--adapter", "one", "--adapter", "two"],
         "a server loads its adapters"),
        (["--model", "BASE", "--model", "one", "--adapter", "two"], "adapters go with one base"),
        (["--model", "TINY", "--adapter", "one"], "has weights for model.layers.2.* no module of the base"),
        (["--model", "BASE", "--adapter", "nowhere"], "--adapter 'nowhere' does not exist"),
        (["--model", "one", "--drift", "run"], "merge the adapter"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_one_sentence(made: Path, tiny: Path, given: list[str], message: str) -> None:
    places = {"BASE": BASE, "TINY": tiny, "one": made / "one", "two": made / "two"}
    if "--drift" in given:
        run("--model", BASE, "-o", "run")
    with pytest.raises(UserError, match=message):
        command("run", *(places.get(each, each) for each in given), "--suite", "few.yaml", "--limit", 1)


def test_a_dry_run_checks_every_adapter_and_writes_nothing(made: Path) -> None:
    given = ["run", "--model", BASE, "--adapter", made / "one", "--adapter", made / "two", "--suite", "few.yaml"]
    found = json.loads(command(*given, "--dry-run", "--json"))
    assert len(found) == 2
    assert sorted(each.name for each in Path.cwd().iterdir()) == ["few.yaml"]


def test_what_train_writes_run_takes() -> None:
    rows = [{"id": n, "prompt": f"Compute a: {n} + 7.", "rejected": "Answer: a 3.", "chosen": f"Answer: a {n + 7}."}
            for n in range(10, 42)]  # fmt: skip
    Path("pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = command(
        "train", "--objective", "sft+", "--model", "miniature", "--pairs", "pairs.jsonl", "-o", "better",
        "--lora-rank", 4, "--lr", "1e-2", "--steps", 6, "--device", "cpu",
    )  # fmt: skip
    assert "adapter     better/adapter, the same training unmerged" in said
    assert json.loads(Path("better/adapter/adapter_config.json").read_text())["base_model_name_or_path"] == "miniature"
    run("--model", "miniature", "--adapter", "better/adapter", "-o", "unmerged")
    run("--model", "better/adapter", "-o", "alone")
    run("--model", "better", "-o", "merged")
    run("--model", "miniature", "-o", "base")
    assert texts("alone") == texts("unmerged") != texts("base")
    merged, unmerged = texts("merged"), texts("unmerged")  # merged weights are rounded to bf16
    assert sum(merged[key] == unmerged[key] for key in merged) >= 0.9 * len(merged)
    shutil.copytree("better/adapter", "moved")
    run("--model", "moved", "-o", "moved-run")
    assert texts("moved-run") == texts("alone")


def test_fresh_rows_are_drawn_once_for_all_adapters() -> None:
    each = options_of_each(RunOptions(model="a", fresh=True), ["a"], lambda _: None, ["one", "two", "one"])
    assert [one.adapter for one in each] == ["one", "two"]
    assert len({one.connect4_seed for one in each}) == 1
    assert all(one.adapters == ("one", "two") and not one.fresh for one in each)
