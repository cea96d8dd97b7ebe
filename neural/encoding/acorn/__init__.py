"""ACORN: one network over a whole area."""
