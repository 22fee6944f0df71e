"""The rules: geometry, positions, reachable boards."""
