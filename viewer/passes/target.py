"""Where the scene is drawn before it reaches the caller's framebuffer: colour and depth, with or without MSAA."""

from __future__ import annotations

import moderngl


class Target:
    """Our own colour and depth, remade when size or samples change."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._made: tuple[tuple[int, int], int] | None = None
        self._drawn: moderngl.Framebuffer | None = None
        self._resolved: moderngl.Framebuffer | None = None
        self._parts: list[moderngl.Texture | moderngl.Renderbuffer | moderngl.Framebuffer] = []

    def begin(self, fbo: moderngl.Framebuffer, samples: int) -> None:
        """Bind our own framebuffer, as large as the caller's and cleared; `samples` 0 or 1 means none."""
        # moderngl binds the present framebuffer again after making another, so it must be one that still exists.
        fbo.use()
        size_px = fbo.size
        samples = min(samples if samples > 1 else 0, self._ctx.max_samples)
        if self._made != (size_px, samples):
            self.release()
            colour = self._ctx.renderbuffer(size_px, 4, samples=samples)
            depth = self._ctx.depth_renderbuffer(size_px, samples=samples)
            self._drawn = self._resolved = self._ctx.framebuffer([colour], depth)
            self._parts += [self._drawn, colour, depth]
            if samples:
                # Drivers need equal formats to resolve; the caller's may differ, so that is a second copy.
                resolved = self._ctx.renderbuffer(size_px, 4)
                self._resolved = self._ctx.framebuffer([resolved])
                self._parts += [self._resolved, resolved]
            self._made = size_px, samples
        assert self._drawn is not None
        self._drawn.use()
        self._drawn.viewport = (0, 0, *size_px)
        self._drawn.clear()

    def finish(self, fbo: moderngl.Framebuffer) -> None:
        """Copy what was drawn into `fbo` and bind that."""
        assert self._drawn is not None
        assert self._resolved is not None
        if self._resolved is not self._drawn:
            self._ctx.copy_framebuffer(self._resolved, self._drawn)
        self._ctx.copy_framebuffer(fbo, self._resolved)
        fbo.use()

    def release(self) -> None:
        """Free the buffers."""
        for part in self._parts:
            part.release()
        self._parts.clear()
        self._made = self._drawn = self._resolved = None
