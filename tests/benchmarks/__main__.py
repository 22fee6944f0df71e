"""Print one table of the kept benchmarks: our cost over the other's, who is ahead, what the docs say of it.

    python -m tests.benchmarks

Exits with 1 if a ratio is above its aim.
"""

from __future__ import annotations

import sys

from rich import box
from rich.console import Console
from rich.table import Table

from tests.benchmarks.figures import all_figures, not_kept


def main() -> int:
    table = Table("work", "beside", "ratio", "ahead", "in the docs", box=box.SIMPLE_HEAD, pad_edge=False)
    missed = 0
    for _, figure in all_figures():
        missed += figure.ratio > figure.aim
        said = f"{figure.page}: {figure.quote}" if figure.page else ""
        table.add_row(figure.work, figure.beside, f"{figure.ratio:.2f}", figure.ahead, said)
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    if missing := not_kept():
        print(f"no run kept: {', '.join(missing)}")
    print(f"above its aim: {missed}" if missed else "none is above its aim")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
