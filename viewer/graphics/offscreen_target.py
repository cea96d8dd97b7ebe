"""Framebuffer for pictures without a window."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import moderngl
import numpy as np


class OffscreenTarget:
    """Reusable color framebuffer; a context manager that frees it."""

    def __init__(self, ctx: moderngl.Context, size_px: tuple[int, int]) -> None:
        """Create a framebuffer of `size_px` (width, height)."""
        self._ctx = ctx
        self._create(size_px)

    def _create(self, size_px: tuple[int, int]) -> None:
        self.size_px = size_px
        self._color = self._ctx.texture(size_px, 4)
        self.framebuffer = self._ctx.framebuffer([self._color])
        """Framebuffer of the present size."""

    @contextmanager
    def bound(self) -> Iterator[moderngl.Framebuffer]:
        """Yield the framebuffer to draw to; bind the former one after the block.

        Between the pictures of a film it is not bound: others may draw, and end in any order.
        """
        before = self._ctx.fbo
        try:
            yield self.framebuffer
        finally:
            if before is not None:
                before.use()

    def resize(self, size_px: tuple[int, int]) -> None:
        """Set the width and height in pixels of all later pictures."""
        if size_px != self.size_px:
            self.close()
            self._create(size_px)

    def read(self) -> np.ndarray:
        """Return the latest picture, uint8 [height, width, 3], top row first."""
        width, height = self.size_px
        pixels = np.frombuffer(self.framebuffer.read(components=3, alignment=1), np.uint8)
        return pixels.reshape(height, width, 3)[::-1].copy()

    def close(self) -> None:
        """Free the framebuffer."""
        self.framebuffer.release()
        self._color.release()

    def __enter__(self) -> OffscreenTarget:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
