"""Runs in other programs' words: out to lm-eval, Inspect and model cards, in from lm-eval's sample logs.

    exportable   the run to export, and strings and dates fit for other programs
    to_lm_eval   results_….json and samples_….jsonl
    to_inspect   one log a task
    to_card      a model card's evaluation metadata
    lm_eval_logs sample logs, read and checked; from_lm_eval: made into a run directory

Nothing here imports those programs; tests do, and read with them what is written.
"""
