"""Surgery: pairs of a wrong and a right answer, and post-training on them. Imports nothing of `spot_eval`."""
