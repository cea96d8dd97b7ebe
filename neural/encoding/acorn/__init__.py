<<<<<<< HEAD
"""ACORN: one network over a whole area."""
=======
"""ACORN: the partition of an area into blocks, and its rules."""
>>>>>>> w-acore
