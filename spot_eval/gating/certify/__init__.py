"""Certify an exam: plant harm of known size into redrawn runs, and count how often the gate catches it."""
