"""Keep the results of parts: their summaries in reproduction_parts.json, their tables in docs/reproduction.md.

spot-eval reproduce --part gamma -o runs/gamma
python -m tests.benchmarks.reproduction_parts runs/gamma
"""

from __future__ import annotations

import sys
from pathlib import Path

from spot_eval.core.files import read_json, write_atomically, write_json
from spot_eval.reproduction.page import markdown

KEPT = Path(__file__).with_suffix(".json")
PAGE = Path(__file__).parents[2] / "docs" / "reproduction.md"


def marks(name: str) -> tuple[str, str]:
    """Return the comments between which the page shows a part."""
    return f"<!-- part {name} -->\n", f"<!-- /part {name} -->"


def main() -> None:
    """Keep the part of each folder given."""
    kept = read_json(KEPT) if KEPT.is_file() else {}
    page = PAGE.read_text(encoding="utf-8")
    for folder in map(Path, sys.argv[1:]):
        found = read_json(folder / "summary.json")
        kept[found["part"]] = found
        start, end = marks(found["part"])
        before, _, rest = page.partition(start)
        if not rest:
            sys.exit(f"{PAGE} has no place for part {found['part']}: add {start.strip()} and {end}")
        page = f"{before}{start}{markdown(found)}{end}{rest.partition(end)[2]}"
    write_json(KEPT, kept)
    write_atomically(PAGE, [page.encode()])


if __name__ == "__main__":
    main()
