"""docs/adapters.md: its commands run as they stand, in their order."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from tests.command_line import records, spot_eval


def test_the_commands_of_the_page_run(tmp_path: Path) -> None:
    rows = [{"id": n, "prompt": f"Compute a: {n} + 7.", "rejected": "Answer: a 3.", "chosen": f"Answer: a {n + 7}."}
            for n in range(10, 42)]  # fmt: skip
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    page = (Path(__file__).parents[2] / "docs" / "adapters.md").read_text()
    (block,) = re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
    lines = block.splitlines()
    assert len(lines) == 3
    for line in lines:
        done = spot_eval(*shlex.split(line)[1:], cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    shown = {path.name: records(path) for path in (tmp_path / "scores").iterdir()}
    assert len(shown) == 2  # the adapter and the bare base
    alone = {row["key"]: row["text"] for row in records(tmp_path / "alone")}
    assert alone in [{row["key"]: row["text"] for row in run} for run in shown.values()]
