"""Tasks and suites: from a task's YAML file to its docs, and what is wrong with a task file."""
