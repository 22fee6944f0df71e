"""`spot-eval gate`: the verdict on one comparison. What gate.json holds:

    {"schema": 1, "verdict": "pass" | "fail" | "inconclusive", "exit_code": 0 | 3 | 4,
     "summary": one sentence, "reasons": [the sentences that decide], "notes": [what a reader should know besides],
     "candidate": {…as in comparison.json…}, "base": {…}, "warnings": […], "alpha": 0.05,
     "policy": {"source": "gate.toml" | "default", …the settings in force…},
     "families": {name: {"verdict", "reason", "notes": […], "margin", "tasks": […], "missing": […],
                         "candidate", "base", "mean", "stderr", "lower", "p_harm", "p_harm_holm", "bounds", "test",
                         "imputed": null | {"worst" | "best": {"verdict", "mean", "lower", "p_harm_holm"}}}},
     "guards": {task: {"verdict": "pass" | "fail" | "inconclusive", "reason", "family", "drop": 0.05,
                       …as a family from "candidate" to "imputed"…}},
     "limits": [{"family", "flag": "truncated" | "unparsed" | "not_judged", "verdict", "reason", "limit",
                 "candidate", "base", "mean": the increase, "stderr", "p", "p_holm"}],
     "lost": docs in regressions.jsonl, "gained": docs}

Fractions of 1.
"""
