"""The report: one HTML file that needs no network, Markdown for a pull request, a model card's section.

    sides    a run as it is read from its files
    story    a run, its bases, and what was concluded
    docs     what happened to each doc, as compact columns for the browser
    texts    which transcripts go in whole, which in part, which not
    words    numbers as a reader sees them; figures: numbers laid out on a page
    board, verdict, facts   the scoreboard's rows, the verdict in words, where the numbers come from
    page     all of it as HTML; brief: as Markdown; render: whichever was asked for

Reads finished runs only, and imports no torch. What the browser does lies in `reports/html`, as files to read.
"""
