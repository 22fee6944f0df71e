"""Exchange runs with other programs: export to lm-eval, Inspect and model cards; import of other tools' logs.

    exportable   the run to export, and strings and dates fit for other programs
    to_lm_eval   results_….json and samples_….jsonl
    to_inspect   one log per task
    to_card      a model card's evaluation metadata
    recognise    which tool wrote the files of an import
    from_inspect, from_lighteval, from_promptfoo   runs of their logs; inspect_logs reads Inspect's
    batch_files, from_batch   OpenAI's batch format, which vLLM writes, too: answers without verdicts, judged here
    lm_eval_logs sample logs, read and checked; from_lm_eval makes a run directory of them
    generations_file, doc_matching, read_generations   a file of generations; from_generations makes a run of it

Nothing here imports those programs. Tests do, to read the written files with them.
"""
