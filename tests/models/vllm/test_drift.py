"""Drift by vLLM beside the exact computation: equal where all tokens are named, below it where the likeliest are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from spot_eval.core.errors import UserError
from spot_eval.core.options import RunOptions
from spot_eval.evaluation.drift import DriftOptions, measure_drift
from spot_eval.evaluation.run import run
from spot_eval.models.drift_pair import Reading
from spot_eval.models.forced import Difference, Forced
from spot_eval.models.prompts import ChatTokenizer
from tests.models.vllm.test_engine import IN_PROCESS

pytestmark = pytest.mark.vllm


@pytest.fixture(autouse=True)
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in IN_PROCESS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def moved(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny checkpoint with its last norm turned up."""
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(tiny, tmp_path_factory.mktemp("moved") / "moved"))
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"] = weights["model.norm.weight"] * 1.5
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


def differences(engine: str, arguments: dict[str, str], base: Path, candidate: Path) -> dict[str, Difference]:
    places = {"base": base, "candidate": candidate}
    pair = Reading.parse(engine, arguments, 4096).open(
        places, {side: ChatTokenizer(path) for side, path in places.items()}
    )
    sequences = [Forced(f"k{n}", list(range(3, 20 + n)), list(range(40, 45 + 7 * n))) for n in range(6)]
    try:
        found = {one.key: one for one in pair.differences(sequences)}
        assert not pair.refused
        return found
    finally:
        pair.close()


def test_all_tokens_give_the_exact_value_and_few_a_lower_bound(tiny: Path, moved: Path) -> None:
    exact = differences("hf", {"dtype": "float32", "device": "cpu"}, tiny, moved)
    vocabulary = json.loads((tiny / "config.json").read_text())["vocab_size"]
    whole = differences("vllm", {"max_logprobs": str(vocabulary)}, tiny, moved)
    few = differences("vllm", {}, tiny, moved)
    for key, one in exact.items():
        assert whole[key].kl == pytest.approx(one.kl, abs=1e-5)
        assert whole[key].logprob == pytest.approx(one.logprob, abs=1e-4)
        assert all(low <= kl + 1e-5 for low, kl in zip(few[key].kl, one.kl, strict=True))
        assert few[key].logprob == pytest.approx(one.logprob, abs=1e-4)
    assert sum(map(sum, (one.kl for one in few.values()))) > 0


def quiet(sentence: str) -> None:
    del sentence


@pytest.fixture
def base_run(tiny: Path, tmp_path: Path) -> Path:
    out = tmp_path / "base"
    run(RunOptions(model=str(tiny), suite="miniature", limit=2, workers=1, out=out), quiet)
    return out


def test_a_whole_measurement_says_that_it_is_a_bound(base_run: Path, moved: Path, tmp_path: Path) -> None:
    options = DriftOptions(str(moved), base_run, engine="vllm", out=tmp_path / "d")
    path, found = measure_drift(options, quiet)
    assert found["top"] == 20
    assert found["overall"]["kl"]["mean"] > 0
    with pytest.raises(UserError, match="holds another measurement"):
        measure_drift(DriftOptions(str(moved), base_run, engine="hf", out=path), quiet)
    with pytest.raises(UserError, match="max_logprobs=none: expected a number above 0"):
        measure_drift(
            DriftOptions(str(moved), base_run, engine="vllm", engine_args={"max_logprobs": "none"}, out=path), quiet
        )
