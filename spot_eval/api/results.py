"""Results of the Python API: a run, a comparison, a verdict, a power analysis and a training run, with DataFrames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import os

    import pandas as pd

    from spot_eval.runs.finished import FinishedRun
    from spot_eval.runs.judged import JudgedRun


@dataclass(frozen=True, repr=False)
class Run:
    """A finished run or a saved baseline. Files are read when they are first asked for."""

    finished: FinishedRun

    @property
    def path(self) -> Path:
        """The run directory."""
        return self.finished.path

    @property
    def model(self) -> str:
        """The model's readable name."""
        return self.finished.name

    @property
    def manifest(self) -> Mapping[str, Any]:
        """The content of manifest.json."""
        return self.finished.manifest

    @property
    def scoreboard(self) -> Mapping[str, Any]:
        """The content of scoreboard.json: fractions of 1."""
        return self.finished.board

    @cached_property
    def tasks(self) -> pd.DataFrame:
        """The scoreboard's tasks, one row each: family, mean, stderr, docs, repeats, …"""
        from spot_eval.display.frames import entries_frame

        return entries_frame(self.scoreboard["tasks"], "task")

    @cached_property
    def families(self) -> pd.DataFrame:
        """The scoreboard's families, one row each: mean, stderr, tasks."""
        from spot_eval.display.frames import entries_frame

        return entries_frame(self.scoreboard["families"], "family")

    @cached_property
    def records(self) -> pd.DataFrame:
        """A row per sample: task, family, doc_id, repeat, score, extracted, why, flags, tokens, `metric.*` columns.

        A saved baseline lacks what it does not keep: keys, answers, reasons, metrics.
        """
        from spot_eval.display.frames import records_frame

        return records_frame(self.finished.samples, self._family_of)

    def texts(self, tasks: Sequence[str] = ()) -> pd.DataFrame:
        """Return a row per sample: task, doc_id, doc_hash, repeat, score, messages, gold, row, text.

        Args:
            tasks: only these tasks; all of the run if empty.

        `text` is None for a request that failed. Raises UserError for a saved baseline, which keeps no texts, and for
        a task the run does not have.
        """
        import pandas as pd

        from spot_eval.core.errors import UserError

        self.finished.refuse_saved()
        known = self.finished.samples_by_doc
        if strangers := [task for task in tasks if task not in known]:
            raise UserError(f"{self.path} has no task {strangers[0]!r}; it has {', '.join(known)}")
        columns = ("task", "doc_id", "doc_hash", "repeat", "score", "messages", "gold", "row", "text")
        rows = [
            (task, doc.doc_id, doc.doc_hash, sample.repeat, sample.score, doc.messages, doc.gold, doc.row, text)
            for task in tasks or known
            for doc in self.finished.answers(task)
            for sample, text in zip(doc.samples, doc.texts, strict=True)
        ]
        return pd.DataFrame(rows, columns=list(columns)).astype({"score": "float64"})

    @property
    def _family_of(self) -> dict[str, str]:
        return {task: entry["family"] for task, entry in self.finished.config["suite"]["tasks"].items()}

    def __repr__(self) -> str:
        from spot_eval.display.format import percent

        overall = self.scoreboard["overall"]
        suite = self.finished.config["suite"]
        score = percent(overall["mean"], overall["stderr"], overall.get("bounds"))
        return f"<Run {self.model} on {suite['name']} v{suite['version']}, overall {score}: {self.path}>"


@dataclass(frozen=True, repr=False)
class Comparison:
    """A candidate beside its base, paired doc by doc. `data` is the content of comparison.json."""

    data: Mapping[str, Any]

    @cached_property
    def tasks(self) -> pd.DataFrame:
        """A row per task: candidate, base, mean (the difference), stderr, bounds, p values, docs, gained, lost, …"""
        return self._frame("tasks", "task")

    @cached_property
    def families(self) -> pd.DataFrame:
        """A row per family, with the columns of `tasks` that apply."""
        return self._frame("families", "family")

    @cached_property
    def flips(self) -> pd.DataFrame:
        """A row per doc whose mean score changed: lost before gained, the largest change first."""
        from spot_eval.display.frames import flips_frame

        return flips_frame(self._entry["flips"])

    @property
    def overall(self) -> Mapping[str, Any]:
        """The difference over all tasks, as a family has it."""
        return self._entry["overall"]

    @property
    def warnings(self) -> list[str]:
        """Sentences about settings that weaken the comparison."""
        return list(self._entry["warnings"])

    @property
    def _entry(self) -> Mapping[str, Any]:
        return self.data["comparisons"][0]

    def _frame(self, level: str, index: str) -> pd.DataFrame:
        from spot_eval.display.frames import entries_frame

        return entries_frame(self._entry[level], index)

    def __repr__(self) -> str:
        from spot_eval.display.format import signed

        sides = f"{self._entry['candidate']['model']} against {self.data['base']['model']}"
        return f"<Comparison of {sides}: overall {signed(self.overall['mean'], self.overall['stderr'])} points>"


@dataclass(frozen=True, repr=False)
class Gate:
    """A verdict on a candidate. `data` is the content of gate.json."""

    data: Mapping[str, Any]
    comparison: Comparison
    candidate: JudgedRun
    base: JudgedRun

    @property
    def verdict(self) -> Literal["pass", "fail", "inconclusive"]:
        """The verdict on the whole."""
        return self.data["verdict"]

    @property
    def exit_code(self) -> int:
        """The exit code of `spot-eval gate`: 0 pass, 3 fail, 4 inconclusive."""
        return self.data["exit_code"]

    @property
    def reasons(self) -> list[str]:
        """Sentences that give the reasons for a verdict other than pass."""
        return list(self.data["reasons"])

    @cached_property
    def families(self) -> pd.DataFrame:
        """A row per gated family: verdict, reason, difference, bounds, margin."""
        from spot_eval.display.frames import entries_frame

        return entries_frame(self.data["families"], "family")

    @cached_property
    def guards(self) -> pd.DataFrame:
        """A row per guarded task: verdict, reason, difference, the drop that fails it."""
        from spot_eval.display.frames import entries_frame

        return entries_frame(self.data["guards"], "task")

    def write(self, folder: str | os.PathLike[str]) -> None:
        """Write gate.json, gate.md, junit.xml, comparison.json and regressions.jsonl into `folder`."""
        from spot_eval.gating.files import write_gate

        write_gate(Path(folder), dict(self.data), self.comparison.data, self.candidate, self.base)

    def __repr__(self) -> str:
        return f"<Gate {self.verdict}: {self.data['summary']}>"


@dataclass(frozen=True)
class Power:
    """The changes that an evaluation can detect. `data` is what `spot-eval power --json` prints."""

    suite: str
    data: Mapping[str, Any]

    @property
    def pass_at_no_change(self) -> float | None:
        """The chance that the gate passes a checkpoint that did not change."""
        return self.data["pass_at_no_change"]

    @property
    def warnings(self) -> list[str]:
        """Sentences about what cannot be said, or what is too weak."""
        return list(self.data["warnings"])

    @cached_property
    def tasks(self) -> pd.DataFrame:
        """A row per task: docs, repeats, stderr, smallest_detectable, …"""
        from spot_eval.display.frames import entries_frame

        return entries_frame(self.data["tasks"], "task")

    @cached_property
    def families(self) -> pd.DataFrame:
        """A row per gated family: margin, smallest_detectable, smallest_failing, pass_at_no_change, …"""
        from spot_eval.display.frames import entries_frame

        return entries_frame(self.data["families"], "family")


@dataclass(frozen=True)
class Certificate:
    """The harm that an exam catches. `data` is what `spot-eval certify --json` prints."""

    data: Mapping[str, Any]

    @property
    def warnings(self) -> list[str]:
        """Sentences about what the certificate rests on."""
        return list(self.data["warnings"])

    @cached_property
    def harms(self) -> pd.DataFrame:
        """A row per harm and size: fail, pass, error, and by family `families.NAME.points`, `….fail`, `….guards`, …"""
        import pandas as pd

        rows = [{"harm": harm["name"], **cell} for harm in self.data["harms"] for cell in harm["cells"]]
        return pd.json_normalize(rows).set_index(["harm", "size"])

    @property
    def smallest(self) -> dict[str, float | None]:
        """Return, by harm, the smallest size from which on 80 % of the draws fail; None if there is no such size."""
        return {harm["name"]: harm["smallest"] for harm in self.data["harms"]}


@dataclass(frozen=True)
class Training:
    """A trained checkpoint."""

    checkpoint: Path
    result: Mapping[str, Any]
    """The content of training/result.json."""
    comparison: Mapping[str, Any] | None = None
    """The scored checkpoints, as comparison.json has them; None without `score_suite`."""

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """A row per optimizer step, as metrics.jsonl has it: loss, rewards, learning rate, …"""
        import pandas as pd

        from spot_eval.core.record_files import read_lines

        rows = list(read_lines(self.checkpoint / "training" / "metrics.jsonl"))
        return pd.DataFrame(rows).set_index("step") if rows else pd.DataFrame()
