"""Checks of an installation: each fault comes with what fixes it, and nothing else is reported."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from spot_eval.commands import installation as module
from spot_eval.commands.installation import Finding, check_installation


@pytest.fixture
def healthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nltk's data, no token, no GPU, and a hub that may be asked; returns its folder."""
    (tmp_path / "nltk" / "tokenizers" / "punkt_tab" / "english").mkdir(parents=True)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "SPOT_EVAL_DATA",
                 "HF_HUB_CACHE", "HF_DATASETS_CACHE"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NLTK_DATA", str(tmp_path / "nltk"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr(module, "_nvidia", list)
    return tmp_path


def findings(folder: Path, suite: str = "spot", **options: Any) -> dict[str, Finding]:
    return {one.what: one for one in check_installation(suite, [], {}, folder / "runs", **options)}


def test_on_a_healthy_machine_nothing_is_broken_and_nothing_is_left_behind(healthy: Path) -> None:
    before = sorted(healthy.rglob("*"))
    found = findings(healthy)
    assert [one for one in found.values() if one.state == "broken"] == []
    assert found["punkt_tab"].found == f"in {healthy / 'nltk'}"
    assert found["import connect4"].state == "ok"
    assert "a run will fetch from the hub: aime24, aime25" in found["data sets"].found
    assert sorted(healthy.rglob("*")) == before


def test_without_punkt_ifeval_would_fail_and_other_suites_would_not(
    healthy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import nltk

    from spot_eval.graders import ifeval

    monkeypatch.setenv("NLTK_DATA", str(healthy))
    monkeypatch.setattr(nltk.data, "path", [])
    ifeval.preflight.cache_clear()
    found = findings(healthy)["punkt_tab"]
    ifeval.preflight.cache_clear()
    assert found.state == "broken"
    assert found.fix.startswith("python -m nltk.downloader punkt_tab")
    assert "punkt_tab" not in findings(healthy, "miniature")


def test_offline_without_data_is_broken_and_gated_data_never_is(healthy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    found = findings(healthy)
    assert found["data sets"].state == "broken"
    assert "gpqa" not in found["data sets"].found
    assert (found["data gpqa_diamond"].state, found["data gpqa_diamond"].fix[:21]) == ("note", "--data gpqa_diamond=F")
    (healthy / "aime24.jsonl").write_text("")
    monkeypatch.setenv("SPOT_EVAL_DATA", str(healthy))
    assert "aime24," not in findings(healthy)["data sets"].found
    assert findings(healthy, "miniature")["data sets"] == Finding("data sets", "ok", "4 of 4 are here")


def test_a_package_too_old_or_absent_is_broken_with_the_command_and_an_extra_is_a_note(
    healthy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = metadata.version
    versions = {"lm_eval": "0.3.0", "torch": None, "httpx": None}

    def version(name: str) -> str:
        if name not in versions:
            return real(name)
        if versions[name] is None:
            raise metadata.PackageNotFoundError(name)
        return str(versions[name])

    wanted = ["lm_eval<0.5,>=0.4.13", "httpx>=0.27", "rich>=13", "torch>=2.11; extra == 'hf'", "x; extra == 'dev'"]
    monkeypatch.setattr(module.metadata, "version", version)
    monkeypatch.setattr(module.metadata, "requires", lambda _: wanted)
    found = findings(healthy, "miniature")
    assert found["lm_eval"] == Finding(
        "lm_eval", "broken", "0.3.0, but <0.5,>=0.4.13 is required", "pip install 'lm_eval<0.5,>=0.4.13'"
    )
    assert (found["httpx"].state, found["httpx"].found) == ("broken", "not installed")
    assert (found["extra hf"].state, found["extra hf"].fix) == ("note", "pip install 'spot-eval[hf]'")
    assert "torch" in found["extra hf"].found


def test_an_intruder_under_our_name_is_found(healthy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.metadata, "packages_distributions", lambda: {"connect4": ["connect-four", "spot-eval"]})
    found = findings(healthy, "miniature")["import connect4"]
    assert found.state == "broken"
    assert found.fix.startswith("pip uninstall connect-four && ")


@pytest.mark.parametrize(
    ("answer", "state", "said"),
    [("2\n", "ok", "sees 2"), ("0\n", "broken", "sees no GPU"), (None, "broken", "cannot be imported")],
)
def test_a_gpu_that_torch_does_not_see_is_broken(
    healthy: Path, monkeypatch: pytest.MonkeyPatch, answer: str | None, state: str, said: str
) -> None:
    monkeypatch.setattr(module, "_nvidia", lambda: ["NVIDIA H100, 81559 MiB"])
    monkeypatch.setattr(module, "_output", lambda command, timeout: answer)
    found = findings(healthy, "miniature")
    assert found["GPU"] == Finding("GPU", "ok", "NVIDIA H100, 81559 MiB")
    assert found["torch"].state == state
    assert said in found["torch"].found


def test_a_disk_that_is_full_or_not_writable_is_broken(healthy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.shutil, "disk_usage", lambda place: type("Usage", (), {"free": 10**6})())

    def refuse(**_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(module.tempfile, "TemporaryFile", refuse)
    found = findings(healthy, "miniature")
    assert found["free space"].state == "broken"
    assert found["records"] == Finding(
        "records", "broken", f"cannot write in {healthy}: Permission denied", "--out DIR elsewhere"
    )
