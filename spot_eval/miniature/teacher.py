"""The teacher: right answers in a style of its own, which the base can read and rarely speaks.

    Solution. For c the result is 43, which is the sum of 14 and 29. For b the result is …
    Answer: a 45, b 46, c 43.

Results come before the numbers they are made of, and the last row comes first. About three in a hundred of the corpus'
documents are by the teacher. For instructions there is one right answer, and the teacher gives it.
"""

from __future__ import annotations

from spot_eval.miniature.arithmetic import Sum
from spot_eval.miniature.authors import listed, write
from spot_eval.miniature.chance import Chance
from spot_eval.miniature.world import Item


def solve(item: Item) -> str:
    """The teacher's answer to an item: always right, always the same."""
    if not item.sums or item.kind in {"brief", "closing"}:
        return write(item, Chance("teacher", item.prompt))
    rows = [_row(label, one) for label, one in reversed(item.sums.items())]
    results = {label: str(one.result) for label, one in item.sums.items()}
    return f"Solution. {'. '.join(rows)}. Answer: {listed(results)}."


def _row(label: str, one: Sum) -> str:
    how = f"the sum of {one.a} and {one.b}" if one.sign == "+" else f"the rest of {one.a} less {one.b}"
    return f"For {label} the result is {one.result}, which is {how}"
