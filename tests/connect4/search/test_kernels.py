"""The compiled search on disk is made anew when any module that was compiled into it changes."""

import ast
from pathlib import Path

from connect4.search import kernels

FOLDER = Path(kernels.__file__).parent


def imports_of(path: Path) -> set[str]:
    """The files of connect4.search that a module imports from."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    names = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {f"{name.rpartition('.')[2]}.py" for name in names if name.startswith("connect4.search.")}


def test_every_module_that_is_compiled_is_in_the_key_of_the_cache():
    reached, wait = set(), ["kernels.py"]
    while wait:
        new = imports_of(FOLDER / wait.pop()) - reached
        reached |= new
        wait += new
    assert set(kernels.HELPERS) == reached


def test_a_change_of_a_helper_changes_the_key(monkeypatch, tmp_path):
    for name in kernels.HELPERS:
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    before = kernels._digest_of_helpers()
    monkeypatch.setattr(kernels, "__file__", str(tmp_path / "kernels.py"))
    assert kernels._digest_of_helpers() == before
    for name in kernels.HELPERS:
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes() + b"# changed\n")
        assert kernels._digest_of_helpers() != before, name
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
