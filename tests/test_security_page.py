"""Every protection that docs/security.md names has the test that it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NAMED = re.findall(r"`(tests/[^`:]+)::(\w+)`", (ROOT / "docs" / "security.md").read_text())


def test_every_line_of_the_table_names_a_test() -> None:
    table = (ROOT / "docs" / "security.md").read_text().split("## ")[0]
    assert len(NAMED) == len([line for line in table.splitlines() if line.startswith("| ")]) - 1


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[name for _, name in NAMED])
def test_it_exists(file: str, name: str) -> None:
    assert re.search(rf"^def {name}\(", (ROOT / file).read_text(), re.MULTILINE)
