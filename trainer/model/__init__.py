"""The policy: token log-probabilities over packed batches."""
