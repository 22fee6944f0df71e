"""Judge programs: find the program in a reply, then run its tests inside a sandbox, or refuse."""
