"""The run directory survives kills, refuses strangers, and says what is wrong."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spot_eval.core.errors import UserError
from spot_eval.core.files import JsonLog, write_atomically
from spot_eval.core.record_files import read_lines, to_line
from spot_eval.core.records import Generation
from spot_eval.runs.directory import RunDirectory, differing, reusable_generations
from tests.made_runs import config


def manifest(seed: int = 0, fingerprint: str = "f") -> dict[str, Any]:
    """A whole manifest of task "a", with this seed and checkpoint."""
    settings = {**config({"a": [[1.0]]}, {"in_domain": ["a"]}), "seed": seed}
    return {"model": {"name": "tiny"}, "left_out": {},
            "config": {**settings, "model": {"fingerprint": fingerprint, "chat_template": None}}}  # fmt: skip


MANIFEST = manifest()


def generation(key: str) -> Generation:
    return Generation(key, "t", 0, "h", 0, 1, f"text of {key}", "stop", 3, 4, 10)


@given(st.lists(st.text(max_size=50), max_size=5), st.data())
def test_a_file_cut_anywhere_keeps_every_whole_line(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], data: st.DataObject
) -> None:
    whole = [to_line({"text": text}) for text in texts]
    content = b"".join(whole)
    cut = data.draw(st.integers(0, len(content)))
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    path.write_bytes(content[:cut])

    dropped = JsonLog(path).repair()

    kept = path.read_bytes()
    assert len(kept) + dropped == cut
    assert content.startswith(kept)
    survivors = [row["text"] for row in read_lines(path)]
    assert survivors == texts[: len(survivors)]
    assert len(kept) + len(whole[len(survivors)] if len(survivors) < len(whole) else b"x") > cut


def test_blocks_of_zeros_after_a_power_cut_are_dropped(tmp_path: Path) -> None:
    log = JsonLog(tmp_path / "log.jsonl")
    log.path.write_bytes(to_line({"a": 1}) + b"\0" * 200_000)
    assert log.repair() == 200_000
    assert list(read_lines(log.path)) == [{"a": 1}]


def test_a_full_disk_leaves_no_half_line_and_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = JsonLog(tmp_path / "log.jsonl")
    log.append({"a": 1})
    assert log._file is not None
    real = log._file

    class Full:
        """A file on a disk with room for four more bytes."""

        def write(self, data: bytes) -> int:
            if len(data) <= 4:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real.write(data[: len(data) - 4] if len(data) < 12 else data[:4])

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    monkeypatch.setattr(log, "_file", Full())
    with pytest.raises(UserError, match=r"cannot write .*log\.jsonl: No space left on device.*--out"):
        log.append({"b": "0123456789"})
    assert log.path.read_bytes() == to_line({"a": 1})


def test_appends_are_on_file_at_once(tmp_path: Path) -> None:
    log = JsonLog(tmp_path / "log.jsonl")
    for number in range(3):
        log.append({"n": number})
        assert [row["n"] for row in read_lines(log.path)] == list(range(number + 1))


def test_an_atomic_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "scoreboard.json"
    write_atomically(path, [b"old"])

    def broken() -> Any:
        yield b"new"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_atomically(path, broken())
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["scoreboard.json"]


def test_another_configuration_is_refused_with_the_setting_that_differs(tmp_path: Path) -> None:
    RunDirectory.create(tmp_path / "run", MANIFEST).close()
    with pytest.raises(UserError, match=r"another configuration \(seed: there 0, here 1\).*--out"):
        RunDirectory.create(tmp_path / "run", manifest(seed=1))


def test_a_folder_of_other_things_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(UserError, match="not a run directory"):
        RunDirectory.create(tmp_path, MANIFEST)
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*file/run.*--out"):
        RunDirectory.create(tmp_path / "file" / "run", MANIFEST)


def test_a_run_that_cannot_begin_leaves_nothing(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, limits[1]))
    try:
        with pytest.raises(UserError, match=r"cannot write .*manifest\.json: File too large"):
            RunDirectory.create(tmp_path / "run", MANIFEST)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_a_second_process_is_kept_out_until_the_first_dies(tmp_path: Path) -> None:
    path = tmp_path / "run"
    code = (
        "import sys, time; from pathlib import Path; from spot_eval.runs.directory import RunDirectory;"
        f"run = RunDirectory.create(Path({str(path)!r}), {MANIFEST!r}); print('ready', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        try:
            with pytest.raises(UserError, match="another process is working in"):
                RunDirectory.create(path, MANIFEST)
        finally:
            holder.kill()
    RunDirectory.create(path, MANIFEST).close()


def test_neighbours_share_records_of_the_same_checkpoint_only(tmp_path: Path) -> None:
    for name, fingerprint in (("a", "f"), ("b", "other")):
        run = RunDirectory.create(tmp_path / name, manifest(fingerprint=fingerprint))
        run.generations.append(generation(f"{name}1"))
        run.generations.append(generation(f"{name}2"))
        run.close()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_text("{")
    assert [one.key for one in reusable_generations(tmp_path, "f", {"a2", "b1"})] == ["a2"]


def test_a_folder_without_manifest_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no manifest"):
        RunDirectory.at(tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        RunDirectory.at(tmp_path / "nowhere")


@pytest.mark.parametrize("content", ["{}", '{"config": {}}', '{"config": 3}', "[]", "{"])
def test_a_manifest_that_is_none_is_said(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(UserError, match=r"manifest\.json"):
        _ = RunDirectory.at(tmp_path).manifest
    with pytest.raises(UserError, match=r"manifest\.json"):
        RunDirectory.create(tmp_path, MANIFEST)


def test_a_run_without_records_can_be_taken_away(tmp_path: Path) -> None:
    RunDirectory.create(tmp_path / "run", MANIFEST).discard()
    assert os.listdir(tmp_path) == []


def test_differences_are_named_by_their_place() -> None:
    assert list(differing({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}, "d": 4})) == [
        ("a.c", 2, 3),
        ("d", None, 4),
    ]
