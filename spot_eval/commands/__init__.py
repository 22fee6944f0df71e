"""The verbs of the command line, one module each. A module imports what its verb needs when it is called."""
