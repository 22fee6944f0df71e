"""`certify` on the embedded miniature and on a modelled base of suite spot. Writes certify.json and docs/certify.md.

    python -m tests.benchmarks.certify_exams

The base of `spot` is made of chances as an 8B instruct model might have them (calibration_worlds.SPOT), with one answer
in 25 truncated, most of them in few docs: a shape, not a record.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spot_eval.core.files import write_atomically, write_json
from spot_eval.display.certify import RULES, caught_words, false_alarms, size_words
from spot_eval.display.format import family_title
from spot_eval.display.messages import say
from spot_eval.evaluation.defaults import run_options
from spot_eval.evaluation.run import run
from spot_eval.gating.certify.certify import certify
from spot_eval.gating.policy import Policy
from spot_eval.runs.finished import read_run
from spot_eval.runs.judged import JudgedDoc, JudgedRun
from spot_eval.tasks.suite import load_suite
from tests.benchmarks.calibration_worlds import SPOT

KEPT = Path(__file__).with_name("certify.json")
PAGE = Path(__file__).parents[2] / "docs" / "certify.md"
START = "<!-- certified: made by `python -m tests.benchmarks.certify_exams`, do not edit -->"
END = "<!-- end of certified -->"
SEED = 20261127
TRUNCATED, FEW_DOCS = 0.04, 5.0
GRADERS = {"gpqa_diamond": "choice/1", "connect4": "connect4/1", "ifeval": "ifeval/1"}


def modelled_spot(seed: int = SEED) -> JudgedRun:
    """A base run of suite spot, drawn from modelled chances."""
    rng = np.random.default_rng(seed)
    docs: dict[str, dict[str, JudgedDoc]] = {}
    for name, task in SPOT.items():
        shape = task.docs, task.repeats
        right = rng.random(shape) < rng.choice(task.chances, task.docs)[:, None]
        cut = rng.random(shape) < rng.beta(TRUNCATED * FEW_DOCS, (1 - TRUNCATED) * FEW_DOCS, task.docs)[:, None]
        docs[name] = {
            f"{name} {doc}": JudgedDoc(
                doc_id=doc,
                doc_hash=f"{name} {doc}",
                scores=tuple(map(float, right[doc] & ~cut[doc])),
                truncated=tuple(map(bool, cut[doc])),
                unparsed=tuple(map(bool, cut[doc])),
                output_tokens=(None,) * task.repeats,
                text_hashes=tuple(f"{doc} {repeat}" for repeat in range(task.repeats)),
            )
            for doc in range(task.docs)
        }
    config = {"suite": load_suite("spot").resolved()}
    graders = {name: GRADERS.get(name, "maths/1") for name in SPOT}
    return JudgedRun(Path("spot"), {"model": {"name": "modelled 8B"}, "config": config}, docs, graders)


def miniature(folder: Path) -> JudgedRun:
    """The embedded base on the suite of five samples."""
    return read_run(run(run_options(suite="miniature-sampled", out=folder / "base"), say)[0])


def kept() -> dict[str, Any]:
    """The kept result, by exam."""
    return json.loads(KEPT.read_text(encoding="utf-8"))


def page(result: Mapping[str, Any]) -> str:
    """The tables of docs/certify.md."""
    return "\n".join(line for name, found in result.items() for line in _tables(name, found)).rstrip()


def _tables(name: str, found: Mapping[str, Any]) -> list[str]:
    sizes = sorted({cell["size"] for harm in found["harms"] if harm["unit"] != "topics" for cell in harm["cells"]})
    lines = [f"### {name}", "", f"Harm caught, in % of {found['draws']} draws, by its size in %:", ""]
    lines += ["| harm | " + " | ".join(f"{100 * size:g}" for size in sizes) + " |", "|---|" + "---:|" * len(sizes)]
    for harm in found["harms"]:
        if harm["unit"] != "topics":
            caught = {cell["size"]: f"{100 * cell['fail']:.0f}" for cell in harm["cells"]}
            lines.append(f"| {harm['name']} | " + " | ".join(caught.get(size, "") for size in sizes) + " |")
    for harm in found["harms"]:
        if harm["unit"] == "topics":
            row = ", ".join(f"{cell['size']:g} topics {100 * cell['fail']:.0f} %" for cell in harm["cells"])
            lines += ["", f"Of {harm['name']}: {row.replace('1 topics', '1 topic', 1)}."]
    families = [family_title(family) for family in found["families"]]
    lines += ["", f"The smallest harm caught in {100 * found['power']:g} % of draws:", ""]
    lines += [f"| harm | size | {' | '.join(families)} |", "|---|---:|" + "---:|" * len(families)]
    for harm in found["harms"]:
        cell = next((one for one in harm["cells"] if one["size"] == harm["smallest"]), None)
        cells = ["none", *[""] * len(families)] if cell is None else [
            size_words(harm, cell["size"]), *(caught_words(cell["families"][one]) for one in found["families"])
        ]  # fmt: skip
        lines.append(f"| {harm['name']} | {' | '.join(cells)} |")
    lines += ["", "Nothing changed:", ""]
    lines += [
        f"| pairs | draws | FAIL | PASS | {' | '.join(families)} |",
        "|---|---:|---:|---:|" + "---:|" * len(families),
    ]
    for how, cell in false_alarms(found):
        rules = ["/".join(f"{100 * one[rule]:.1f}" for rule in RULES) for one in cell["families"].values()]
        fail = f"{100 * cell['fail']:.1f} ± {100 * cell['error']:.1f}"
        lines.append(f"| {how} | {cell['draws']} | {fail} | {100 * cell['pass']:.1f} | {' | '.join(rules)} |")
    tokens = found["false_alarms"]["redrawn"]["output_tokens"]
    if tokens is not None:
        lines += ["", f"A candidate of the whole protocol spends {tokens:,} output tokens."]
    return [*lines, ""]


def _portable(found: dict[str, Any]) -> dict[str, Any]:
    about = {name: found["base"][name] for name in ("model", "suite")}
    return {**found, "base": about}


def main() -> None:
    """Certify both exams and write the result."""
    with tempfile.TemporaryDirectory() as folder:
        bases = {"The miniature": miniature(Path(folder)), "Suite spot, modelled": modelled_spot()}
        result = {name: _portable(certify(base, Policy(), seed=SEED)) for name, base in bases.items()}
    write_json(KEPT, result)
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    write_atomically(PAGE, [f"{before}{START}\n\n{page(result)}\n\n{END}{rest.partition(END)[2]}".encode()])


if __name__ == "__main__":
    main()
