"""ACORN: the partition of an area into blocks, and its rules."""
