"""The report: an HTML file that needs no network, Markdown for a pull request, or a section of a model card.

    content          a run, its bases, and their comparisons and verdict
    doc_table        each doc's scores and flags, as compact columns for the browser
    transcripts      the choice of transcripts that go in whole or in part
    figures, curves  numbers laid out on a page
    scoreboard_rows, verdict, provenance, lost, drift   the parts of the page
    html, markdown   all of it as a page or as Markdown; `render` picks one

Reads finished runs only, and imports no torch. The code for the browser is in `reports/html`.
"""
