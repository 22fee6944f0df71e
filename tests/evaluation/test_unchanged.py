"""A finished run is known again by its inputs, and by nothing less."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from spot_eval.core.files import read_json
from spot_eval.core.options import RunOptions
from spot_eval.evaluation import run as run_module
from spot_eval.evaluation.run import run
from spot_eval.evaluation.unchanged import INPUTS_FILE, finished_before, inputs_digest
from spot_eval.miniature import BASE
from tests.command_line import environment, spot_eval

SUITE = """
name: small
version: 1
sampling: {temperature: 0, top_p: 1.0, top_k: 0, max_new_tokens: 8}
families:
  ood:
    gpqa_diamond: {repeats: 1}
"""


@pytest.fixture
def options(tmp_path: Path, gpqa_file: Path) -> RunOptions:
    """A run whose inputs all lie in the test's folder."""
    shutil.copytree(BASE, tmp_path / "model")
    shutil.copy(gpqa_file, tmp_path / "gpqa.csv")
    (tmp_path / "small.yaml").write_text(SUITE)
    return RunOptions(
        str(tmp_path / "model"),
        suite=str(tmp_path / "small.yaml"),
        data_files={"gpqa_diamond": tmp_path / "gpqa.csv"},
        engine_args={"device": "cpu"},
        limit=2,
        out=tmp_path / "run",
    )


def silent(sentence: str) -> None:
    del sentence


class _PreparedError(Exception):
    pass


def refuse_to_prepare(*_: object) -> None:
    raise _PreparedError


def test_a_finished_run_loads_nothing_and_says_the_same(options: RunOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    path, board = run(options, silent)
    monkeypatch.setattr(run_module, "prepare", refuse_to_prepare)
    said: list[str] = []
    again, board_again = run(options, said.append)
    assert (again, board_again) == (path, board)
    assert said == [f"{path} is finished, and what it was made from is unchanged: nothing is loaded"]
    found, _ = run(replace(options, out=None, parent=path.parent), silent)  # its folder is found without --out
    assert found == path
    with pytest.raises(_PreparedError):
        run(replace(options, limit=1), silent)


def edit_suite(options: RunOptions) -> RunOptions:
    Path(options.suite).write_text(SUITE.replace("max_new_tokens: 8", "max_new_tokens: 9"))
    return options


def edit_model(options: RunOptions) -> RunOptions:
    """Write other weights of the same size, with the time of the old ones."""
    file = Path(options.model) / "model.safetensors"
    old = file.stat()
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(old.st_atime_ns, old.st_mtime_ns))
    return options


def edit_rows(options: RunOptions) -> RunOptions:
    file = options.data_files["gpqa_diamond"]
    os.utime(file)
    return options


def lose_a_generation(options: RunOptions) -> RunOptions:
    assert options.out
    file = options.out / "generations.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    return options


def lose_the_seal(options: RunOptions) -> RunOptions:
    assert options.out
    (options.out / "seal.json").unlink()
    return options


@pytest.mark.parametrize("change", [edit_suite, edit_model, edit_rows, lose_a_generation, lose_the_seal])
def test_whatever_changed_is_prepared_in_full(
    change: Callable[[RunOptions], RunOptions], options: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(options, silent)
    changed = change(options)
    monkeypatch.setattr(run_module, "prepare", refuse_to_prepare)
    with pytest.raises(_PreparedError):
        run(changed, silent)


def test_environment_and_options_count(options: RunOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    before = inputs_digest(options)
    assert before
    assert inputs_digest(options) == before
    assert inputs_digest(replace(options, workers=3, out=None)) == before  # decide no text
    others = {inputs_digest(replace(options, **change)) for change in (
        {"seed": 1}, {"repeats": 2}, {"skip_too_long": True}, {"chat_template": "none"}, {"engine_args": {}},
    )}  # fmt: skip
    assert len(others) == 5
    assert before not in others
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    assert inputs_digest(options) != before


def test_what_cannot_be_vouched_for_has_no_digest(options: RunOptions, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own.yaml").write_text(SUITE + "tasks_dir: own\n")
    for change in (
        {"fresh": True}, {"trust_remote_code": True}, {"engine": "api", "model": "http://localhost:1/v1"},
        {"model": "org/name"}, {"adapters": ("org/adapter",)}, {"suite": str(tmp_path / "own.yaml")},
    ):  # fmt: skip
        assert inputs_digest(replace(options, **change)) is None, change
    assert finished_before(options, None) is None


def test_a_text_that_is_missing_leaves_no_inputs(options: RunOptions) -> None:
    few = replace(options, engine_args={"device": "cpu", "max_model_len": "8"}, skip_too_long=True)
    path, _ = run(few, silent)
    # prompts that never fit are as finished as they will be
    assert (path / INPUTS_FILE).is_file()
    assert read_json(path / "seal.json")["files"].keys() >= {INPUTS_FILE}


def test_torch_and_lm_eval_are_not_imported_again(options: RunOptions) -> None:
    run(options, silent)
    words = ["run", "--model", options.model, "--suite", options.suite, "--limit", "2", "--out", str(options.out),
             "--data", f"gpqa_diamond={options.data_files['gpqa_diamond']}", "--engine-arg", "device=cpu"]  # fmt: skip
    first = spot_eval(*words)  # this process has another environment than a command's
    assert first.returncode == 0, first.stderr
    script = (
        "import sys\nfrom spot_eval.cli import main\nsys.argv = ['spot-eval', *sys.argv[1:]]\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print([name for name in ('torch', 'transformers', 'lm_eval', 'datasets') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, env=environment(), check=True
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
