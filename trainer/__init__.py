"""Surgical post-training: from pairs of a wrong answer and its correction to a better checkpoint.

    pairs ──► tokens ──► plan ──► log-probs ──► loss ──► step ──► checkpoint
    pairs     tokenize   layout   policy        objectives  engine  export

`run_training` in loop.py is the whole of it. Knows nothing of benchmarks, graders or command lines: what it needs of
them it takes as a function. This package belongs to spot-eval; another project on the index uses the same import name.
"""
