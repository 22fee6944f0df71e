"""Compare two runs: pair their docs, and write the differences down."""
