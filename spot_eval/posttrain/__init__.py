"""From a model's errors to a better checkpoint: pairs, oracles, checkpoints scored while training."""
