"""Whole files: a symlink, a pipe or a device at the place of output is written through, and never replaced."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from spot_eval.core.errors import UserError
from spot_eval.core.files import write_atomically


def test_a_symlink_stays_and_its_file_is_written(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    for name in ("old", "new"):  # the second one names no file yet
        (tmp_path / f"link-{name}").symlink_to(tmp_path / "real" / name)
    (tmp_path / "real" / "old").write_text("before")
    for name in ("old", "new"):
        write_atomically(tmp_path / f"link-{name}", [b"after"])
        assert (tmp_path / f"link-{name}").is_symlink()
        assert (tmp_path / "real" / name).read_bytes() == b"after"
    assert sorted(file.name for file in (tmp_path / "real").iterdir()) == ["new", "old"]


def test_a_pipe_stays_and_takes_the_content(tmp_path: Path) -> None:
    pipe, found = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    write_atomically(pipe, [b"a" * 100_000, b"b"])
    reader.join(10)
    assert found == [b"a" * 100_000 + b"b"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_full_device_is_one_sentence_and_stays_a_device(tmp_path: Path) -> None:
    link = tmp_path / "full"
    link.symlink_to("/dev/full")
    for place in (link, Path("/dev/full")):
        with pytest.raises(UserError, match="No space left"):
            write_atomically(place, [b"x"])
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)
    assert link.is_symlink()


@pytest.mark.parametrize("kind", ["folder", "loop", "long", "nowhere"])
def test_a_place_that_cannot_be_written_is_one_sentence(kind: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    place = {"long": tmp_path / ("x" * 5000), "nowhere": tmp_path / "a" / "b"}.get(kind, tmp_path / kind)
    with pytest.raises(UserError, match="cannot write"):
        write_atomically(place, [b"x"])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["folder", "loop"]


def test_a_planted_temporary_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    (tmp_path / f".out.{os.getpid()}").symlink_to(tmp_path / "victim")
    write_atomically(tmp_path / "out", [b"x"])
    assert (tmp_path / "victim").read_text() == "mine"
    assert (tmp_path / "out").read_bytes() == b"x"
