"""The words of the world. Where an author has a choice the list is in order of frequency, drawn by Zipf's law."""

from __future__ import annotations

LABELS = "abcde"
OPENERS = ("well", "so", "now", "then", "here", "okay", "right", "thus", "next", "again", "also", "fine")
VERBS = ("gives", "makes", "is", "yields", "equals", "leaves", "shows", "brings", "means", "reaches")
REMARKS = ("easy", "good", "sure", "clear", "done")
ASKING = ("Work out", "Compute", "Find")
NOUNS = (
    "red", "cat", "tree", "sun", "moon", "star", "fish", "bird", "rock", "leaf", "rain", "snow",
    "wind", "fire", "door", "lamp", "book", "ship", "road", "hill", "sand", "milk", "corn", "bell",
)  # fmt: skip
OTHERS = (
    "Work out Compute Find Answer Bags hold in out with x o Board Drop on Copy Write Start Count Only End these words "
    "word backwards capitals commas then copy end only the first last answer "
    "Solution For result which is sum of and rest less row"
)
"""Every other word that a prompt or an answer may hold, with blanks between them."""
