"""ACORN: one adaptive multiscale network over a whole area (arXiv 2105.02788)."""

from neural.methods.acorn.method import Acorn

__all__ = ["Acorn"]
