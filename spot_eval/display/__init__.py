"""The output of a reader's terminal and of Markdown: numbers, tables, verdicts. No mathematics, no files."""
