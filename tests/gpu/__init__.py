"""The checks that need a GPU, for one card and under eight minutes: `make gpu`."""
