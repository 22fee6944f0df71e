"""The Python API: the verbs of the command line as functions, with results as pandas DataFrames.

    import spot_eval

    run = spot_eval.run("ckpt/", suite="spot-quick")       # or spot_eval.load_run("runs/ckpt-spot-quick-1a2b3c4d")
    run.records.groupby("task")["score"].mean()
    spot_eval.compare(run, "runs/base").families
    spot_eval.gate(run, "runs/base").verdict

Runs are named by a folder or by a `Run`. Bad input raises UserError, runs that must not be compared
NotComparableError. Messages go to stderr unless `say` is given. Nothing heavy is imported before it is needed.
"""

from spot_eval.api.arguments import RunLike
from spot_eval.api.evaluate import grade, load_run, run
from spot_eval.api.judge import certify, compare, gate, power
from spot_eval.api.reports import report_text, write_report
from spot_eval.api.results import Certificate, Comparison, Gate, Power, Run, Training
from spot_eval.api.training import train

__all__ = [
    "Certificate",
    "Comparison",
    "Gate",
    "Power",
    "Run",
    "RunLike",
    "Training",
    "certify",
    "compare",
    "gate",
    "grade",
    "load_run",
    "power",
    "report_text",
    "run",
    "train",
    "write_report",
]
