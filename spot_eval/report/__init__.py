"""The report: one HTML file that needs no network, Markdown for a pull request, a model card's section.

    content          a run, its bases, and their comparisons and verdict
    doc_table        each doc's scores and flags, as compact columns for the browser
    transcripts      which transcripts go in whole, which in part, which not
    figures, curves  numbers laid out on a page
    scoreboard_rows, verdict, provenance, lost, drift   the parts of the page
    html, markdown   all of it as a page or as Markdown; render: whichever was asked for

Reads finished runs only, and imports no torch. What the browser does lies in `reports/html`, as files to read.
"""
