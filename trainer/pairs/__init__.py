"""Pairs of a wrong and a corrected answer: read, elicit, rectify, filter."""
