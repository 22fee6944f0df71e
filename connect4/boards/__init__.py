"""Boards: drawn from a seed with exact labels, checked, written to files."""
