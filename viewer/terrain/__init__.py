"""Open files and their tiles: read, decoded, chosen by level, picked, measured against a reference. Knows no window."""
