"""Connect4 as a task: the question, its true answer, and the score of a reply."""
