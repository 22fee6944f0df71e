"""The training run: steps, reference, resume points, export."""
