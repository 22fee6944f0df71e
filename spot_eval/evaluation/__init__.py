"""From a model to a scoreboard: prepare, generate, grade, score."""
