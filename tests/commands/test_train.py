"""`spot-eval train` as it is typed: what it says before, after, and to wrong input; and that `trainer` is ours."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from typer.testing import CliRunner

from spot_eval.cli import app
from spot_eval.core.errors import UserError
from spot_eval.core.packages import check_own

SUM = {"prompt": "2 + 2?", "rejected": "It is 5.", "chosen": "It is 4."}


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    rows = [{**SUM, "id": str(place), "prompt": f"{place} + 2?"} for place in range(6)]
    rows.append({**SUM, "id": "long", "chosen": "It is 4. " * 50})
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def train(*options: object) -> str:
    """What the command prints; its UserError is raised."""
    done = CliRunner().invoke(app, ["train", *map(str, options), "--device", "cpu"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_rehearsal_counts_and_writes_nothing(tiny: Path, pairs: Path, tmp_path: Path) -> None:
    given = ("--model", tiny, "--pairs", pairs, "--out", tmp_path / "out", "--max-tokens", 60, "--batch-size", 4)
    found = json.loads(train(*given, "--dry-run", "--json"))
    assert (found["objective"], found["pairs"], found["steps"]) == ("spot-bco", 6, 4)
    assert found["dropped"] == {"longer than 60 tokens": 1}
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(tiny))
    about = found["estimate"]
    assert about["parameters"] == about["trained"] == sum(each.numel() for each in model.parameters())
    assert about["state_bytes"] == 16 * about["parameters"]
    assert about["seconds"] > 0
    assert "1 dropped: longer than 60 tokens" in train(*given, "--dry-run")
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_comes_out(tiny: Path, pairs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = train("--objective", "spot-bce", "--model", tiny, "--pairs", pairs, "--out", out, "--max-tokens", 60,
                 "--steps", 2, "--dtype", "float32")  # fmt: skip
    assert "steps       2 in" in said
    assert said.rstrip().endswith(f"spot_eval run --model {out}")  # no suite of the miniature: the base is not one
    AutoModelForCausalLM.from_pretrained(out)
    assert AutoTokenizer.from_pretrained(out).chat_template


def test_a_tether_that_never_acted_is_warned_of(tiny: Path, pairs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = train("--objective", "spot-bce", "--model", tiny, "--pairs", pairs, "--out", out, "--max-tokens", 60,
                 "--steps", 20, "--dtype", "float32", "--lr", "1e-9")  # fmt: skip
    (warning,) = json.loads((out / "training" / "result.json").read_text())["warnings"]
    assert warning.startswith("the tether hardly acted: 0.50 of its pull on y+ was left")
    assert f"warning     {warning}" in said


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--objective", "spott"), "objective 'spott' is not known"),
        (("--lr", "0"), "learning_rate is 0.0"),
        (("--lr", "inf"), "learning_rate is inf; expected a finite number"),
        (("--beta", "nan"), "beta is nan"),
        (("--epochs", "inf"), "epochs is inf"),
        (("--lora-rank", "4000"), "LoRA rank 4000 is above the rank of every layer"),
        (("--lora-rank", "100000"), "rank is 100,000; adapters of a rank above 4,096 are no longer low-rank"),
        (("--recipe", "none"), "no recipe 'none'"),
        (("--max-tokens", "3"), "no pair is left of 7"),
    ],
)
def test_wrong_input_is_one_sentence(
    options: tuple[str, ...], says: str, tiny: Path, pairs: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=says):
        train("--model", tiny, "--pairs", pairs, "--out", tmp_path / "out", *options, "--dry-run")


def test_another_project_s_trainer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_own("trainer")
    check_own("connect4")
    intruder = tmp_path / "trainer" / "__init__.py"
    intruder.parent.mkdir()
    intruder.write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "trainer", raising=False)
    with pytest.raises(UserError, match=f"finds {intruder}, not spot-eval"):
        check_own("trainer")
