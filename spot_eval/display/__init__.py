"""What a reader sees on a terminal and in Markdown: numbers, tables, verdicts. No mathematics, no files."""
