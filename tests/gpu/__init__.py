"""The checks that need a GPU, for one card and under ten minutes: `make gpu`."""
