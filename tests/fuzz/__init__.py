"""Mutated and generated files for every reader, and hostile answers for every grader: see `__main__`."""
