"""Compare two runs: pair their docs, and compute the differences."""
