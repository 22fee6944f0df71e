"""Judge mathematics: find the final answer of a generation, then decide whether it equals the gold."""
