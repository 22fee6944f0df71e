"""The report: one HTML file that needs no network, Markdown for a pull request, a model card's section.

    sides    the runs it is about, read from their files
    docs     what happened to each doc, as compact columns for the browser
    texts    which transcripts go in whole, which in part, which not
    figures  numbers laid out on a page: bars, intervals, histograms
    verdict  what the gate said, in words
    page     the HTML; brief the Markdown

Reads finished runs only, and imports no torch. What the browser does lies in `reports/html`, as files to read.
"""
