"""A run on disk: its directory, manifest and records, and the saved baselines made of runs."""
