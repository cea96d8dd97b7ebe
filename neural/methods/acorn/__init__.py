"""ACORN: one adaptive multiscale network over a whole area (Martel et al. 2021)."""
