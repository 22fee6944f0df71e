"""docs/python.md and the notebook: their code runs as it stands, and the notebook keeps its outputs."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

import spot_eval

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples" / "compare_checkpoints.ipynb"


def execute(source: str, names: dict[str, Any]) -> list[str]:
    """Run code as a notebook cell, and return what its top-level expressions show."""
    shown = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.Expr):
            value = eval(compile(ast.Expression(node.value), source, "eval"), names)
            shown.append(repr(value))
        else:
            exec(compile(ast.Module([node], []), source, "exec"), names)
    return shown


def test_the_examples_of_the_documentation_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.S)
    assert not [name for name in spot_eval.__all__ if name not in text and name != "__version__"]
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in blocks:
        execute(block.replace("LIMIT = 40", "LIMIT = 12").replace("steps=20", "steps=2"), names)
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert (tmp_path / "runs" / "trained" / "gate.json").is_file()
    assert names["gate"].verdict in {"pass", "fail", "inconclusive"}
    assert names["again"].scoreboard["tasks"] == names["base"].scoreboard["tasks"]
    assert len(names["base"].texts()) == len(names["base"].records) == 4 * 12


def cells() -> list[dict[str, Any]]:
    notebook: dict[str, Any] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_the_notebook_was_executed_in_order_and_shows_its_plot() -> None:
    found = cells()
    assert [cell["execution_count"] for cell in found] == list(range(1, len(found) + 1))
    kinds = [kind for cell in found for output in cell["outputs"] for kind in output.get("data", {})]
    assert kinds.count("text/html") >= 4  # tables
    assert kinds.count("image/png") == 1
    assert not [output for cell in found for output in cell["outputs"] if output["output_type"] == "error"]


def test_the_cells_of_the_notebook_still_run(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    monkeypatch.chdir(NOTEBOOK.parent)
    names: dict[str, Any] = {}
    for cell in cells():
        source = "".join(cell["source"])
        if "parameters" in cell["metadata"].get("tags", []):
            source = "LIMIT, STEPS = 12, 2"
        execute(source, names)
    assert len(names["base"].records) == 4 * 12
    assert names["training"].result["steps"] == 2
