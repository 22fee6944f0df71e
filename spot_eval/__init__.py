"""spot-eval: did this checkpoint get better without forgetting?

Start reading at `spot_eval.cli`; data flows through files, one module a step:
generate -> grade -> score.
"""

__version__ = "0.1.0"
