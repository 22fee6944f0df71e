"""Models and engines: everything that turns a prompt into text."""
