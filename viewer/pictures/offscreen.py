"""Pictures without a window: load everything the view needs, draw once, add the legend."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import moderngl
import numpy as np

from neural.errors import NtileError
from neural.progress import Report
from viewer.model import limits
from viewer.model.camera import Camera
from viewer.model.limits import PIECE_PX, STRIP_BYTES, WHOLE_PX
from viewer.pictures import tiled
from viewer.scene.scene import Scene

if TYPE_CHECKING:
    from viewer.pictures.decorations import Decorations

SAMPLES = 4
"""MSAA of a picture whose settings leave it open: a single frame can afford it on any renderer."""

MAX_SIDE_PX = 16384
"""No piece is wider or higher, whatever OpenGL says."""

SCREEN_PX = 2048
"""Longer side at which color ranges of a large picture are found."""

TIMEOUT_S = 300.0
"""Longest wait for the tiles of one picture."""


def draw(
    scene: Scene,
    camera: Camera,
    size_px: tuple[int, int],
    piece_px: tuple[int, int] | None = None,
    *,
    decorate: bool = False,
) -> np.ndarray:
    """Load all that a view of an open scene needs and draw it, uint8 [height, width, 3].

    Drawn in pieces where the GPU cannot draw it at once (or `piece_px` is less); one does not see
    them. Raises UsageError for a size that memory is not enough for.
    """
    limits.check(size_px, limits.ARRAY)
    picture = np.empty((0, 0, 3), np.uint8)
    top = 0
    for strip in strips(scene, camera, size_px, piece_px, decorate=decorate):
        if len(strip) == size_px[1]:
            return strip
        if not top:
            picture = np.empty((size_px[1], size_px[0], 3), np.uint8)
        picture[top : top + len(strip)] = strip
        top += len(strip)
    return picture


def strips(
    scene: Scene,
    camera: Camera,
    size_px: tuple[int, int],
    piece_px: tuple[int, int] | None = None,
    *,
    decorate: bool = False,
    progress: Report | None = None,
) -> Iterator[np.ndarray]:
    """A picture from the top in strips, uint8 [rows, width, 3], as `draw`; only one is held at a
    time.

    `progress` gets how many pieces are drawn, and of how many.
    """
    limits.check(size_px, limits.STRIPS)
    piece_px = piece_px or largest_piece(scene.ctx, size_px)
    if size_px[0] <= piece_px[0] and size_px[1] <= piece_px[1]:
        with unhurried(scene), Easel(scene.ctx, size_px) as easel:
            picture = easel.draw(scene, camera)
            if decorate:
                from viewer.pictures import decorations  # and with it imgui, for its colors

                decorations.of(scene, camera, size_px).paint(picture)
            yield picture
        return
    with unhurried(scene), Easel(scene.ctx) as easel, _looked(scene, camera, size_px) as decorated:
        top = done = 0
        pieces = list(tiled.strips(size_px, piece_px))
        for row in pieces:
            strip = np.empty((row[0].height, size_px[0], 3), np.uint8)
            for piece in row:
                wider = tiled.guarded(piece)
                rim = tiled.GUARD_PX
                easel.resize((wider.width, wider.height))
                picture = easel.draw(scene, tiled.PieceCamera.of(camera, size_px, wider))
                strip[:, piece.left : piece.left + piece.width] = picture[rim:-rim, rim:-rim]
                done += 1
                if progress is not None:
                    progress(done, len(pieces) * len(row))
            if decorate:
                decorated.paint(strip, top)
            yield strip
            top += len(strip)


def largest_piece(ctx: moderngl.Context, size_px: tuple[int, int]) -> tuple[int, int]:
    """How much of a picture is drawn at once: what OpenGL and PIECE_PX allow, and strips of
    STRIP_BYTES."""
    names = ("GL_MAX_TEXTURE_SIZE", "GL_MAX_RENDERBUFFER_SIZE", "GL_MAX_VIEWPORT_DIMS")
    sides = np.hstack([np.min(ctx.info.get(name, PIECE_PX)) for name in names])
    limit = int(min(*sides, MAX_SIDE_PX)) - 2 * tiled.GUARD_PX
    width, height = size_px
    if width <= limit and height <= limit and width * height <= WHOLE_PX:
        return size_px
    side = min(limit, PIECE_PX)
    return side, max(min(side, STRIP_BYTES // (3 * width)), 1)


class Easel:
    """A target to draw on, kept from picture to picture. Use it as a context manager."""

    def __init__(self, ctx: moderngl.Context, size_px: tuple[int, int] | None = None) -> None:
        self._ctx = ctx
        self._before = ctx.fbo
        self.size_px = (0, 0)
        self._color: moderngl.Texture | None = None
        self._target: moderngl.Framebuffer | None = None
        if size_px is not None:
            self.resize(size_px)

    def resize(self, size_px: tuple[int, int]) -> None:
        """Make the pictures drawn from now on this large."""
        if size_px != self.size_px:
            self.close()
            self.size_px = size_px
            self._color = self._ctx.texture(size_px, 4)
            self._target = self._ctx.framebuffer([self._color])

    def draw(self, scene: Scene, camera: Camera) -> np.ndarray:
        """Load all that a view needs and draw it, uint8 [height, width, 3]. Raises NtileError."""
        assert self._target is not None
        load(scene, camera, self.size_px)
        scene.draw(self._target, camera)
        return self.read()

    def read(self) -> np.ndarray:
        """Return the latest picture, uint8 [height, width, 3], top row first."""
        assert self._target is not None
        width, height = self.size_px
        pixels = np.frombuffer(self._target.read(components=3, alignment=1), np.uint8)
        return pixels.reshape(height, width, 3)[::-1].copy()

    def close(self) -> None:
        """Free the target."""
        if self._before is not None:
            self._before.use()
        for part in (self._target, self._color):
            if part is not None:
                part.release()
        self._target = self._color = None
        self.size_px = (0, 0)

    def __enter__(self) -> Easel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def unhurried(scene: Scene) -> Iterator[None]:
    """Settings for pictures that nobody waits to see: take in all that is finished, and smooth
    edges."""
    view = scene.settings.view
    asked = view.upload_budget_ms, view.msaa
    view.upload_budget_ms = math.inf
    view.msaa = SAMPLES if view.msaa < 0 else view.msaa
    try:
        yield
    finally:
        view.upload_budget_ms, view.msaa = asked


@contextmanager
def _looked(scene: Scene, camera: Camera, size_px: tuple[int, int]) -> Iterator[Decorations]:
    """Look at the whole of a large picture first, at a screen's size: color ranges that follow from
    what is in view are fixed at those found there, and so are the decorations, which come back."""
    from viewer.pictures import decorations

    overlay = scene.settings.overlay
    contours = scene.settings.contours
    asked = overlay.reach, contours.auto, contours.interval_m
    seen_px = screen_sized(size_px)
    load(scene, camera, seen_px)
    scene.look_around(camera, size_px)
    decorated = decorations.of(scene, camera, size_px, seen_px)
    overlay.reach = overlay.reach | {overlay.name: scene.overlay_reach}
    contours.auto = False
    contours.interval_m = scene.survey.interval_m(scene.settings) or contours.interval_m
    try:
        yield decorated
    finally:
        overlay.reach, contours.auto, contours.interval_m = asked


def screen_sized(size_px: tuple[int, int]) -> tuple[int, int]:
    """The size of the same picture on a screen, its longer side at most SCREEN_PX."""
    shrink = min(1.0, SCREEN_PX / max(size_px))
    return max(1, round(size_px[0] * shrink)), max(1, round(size_px[1] * shrink))


def load(scene: Scene, camera: Camera, size_px: tuple[int, int]) -> None:
    """Update a scene until every tile of the view is there. Raises NtileError for the first that
    cannot be."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        scene.update(camera, size_px)
        if scene.messages:
            raise NtileError(scene.messages[0])
        if scene.ready:
            return
        if time.monotonic() > deadline:
            missing = scene.stats.tiles_wanted
            raise NtileError(
                f"{missing} tiles of the picture did not load within {TIMEOUT_S:.0f} s; try it "
                "again."
            )
        scene.wait(0.1)
