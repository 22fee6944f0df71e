"""Rows of a task's data set: from a file, a mirror, the hub, or drawn from a seed."""
