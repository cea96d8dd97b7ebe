"""Pictures without a window: load the view's tiles, draw once, add the decorations."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from neural.errors import NtileError
from neural.progress import Report
from viewer.graphics import gl
from viewer.graphics.offscreen_target import OffscreenTarget
from viewer.model import limits
from viewer.model.camera import Camera
from viewer.model.limits import PIECE_PX, STRIP_BYTES, WHOLE_PX
from viewer.pictures import tiled
from viewer.scene.scene import Scene

if TYPE_CHECKING:
    from viewer.pictures.decorations import Decorations

SAMPLES = 4
"""Automatic MSAA of pictures: a single frame can afford it on any renderer."""

MAX_SIDE_PX = 16384
"""Upper limit of a piece's sides, even where OpenGL allows more."""

SCREEN_PX = 2048
"""Longer side of the small picture from which a large picture's color ranges are computed."""

TIMEOUT_S = 300.0
"""Longest wait for the tiles of one picture, seconds."""


def draw(
    scene: Scene,
    camera: Camera,
    size_px: tuple[int, int],
    piece_px: tuple[int, int] | None = None,
    *,
    decorate: bool = False,
) -> np.ndarray:
    """Load the tiles of a view of an open scene and draw it, uint8 [height, width, 3].

    Drawn in seamless pieces where the GPU cannot draw it at once (or `piece_px` is less). Raises
    UsageError for a size that exceeds the memory.
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
    """Draw a picture as strips from the top, uint8 [rows, width, 3], as `draw`; only one is held at
    a time.

    `progress` is called with the numbers of drawn pieces and of all.
    """
    limits.check(size_px, limits.STRIPS)
    piece_px = piece_px or largest_piece(scene, size_px)
    if size_px[0] <= piece_px[0] and size_px[1] <= piece_px[1]:
        with offline_quality(scene), OffscreenTarget(scene.ctx, size_px) as target:
            picture = render_frame(target, scene, camera)
            if decorate:
                from viewer.pictures import decorations  # an undecorated picture does without

                decorations.for_scene(scene, camera, size_px).paint(picture)
            yield picture
        return
    with (
        offline_quality(scene),
        OffscreenTarget(scene.ctx, (1, 1)) as target,
        _frozen_ranges(scene, camera, size_px) as decorated,
    ):
        top = done = 0
        pieces = list(tiled.strips(size_px, piece_px))
        for row in pieces:
            strip = np.empty((row[0].height, size_px[0], 3), np.uint8)
            for piece in row:
                wider = tiled.guarded(piece)
                rim = tiled.GUARD_PX
                target.resize((wider.width, wider.height))
                picture = render_frame(target, scene, tiled.PieceCamera.of(camera, size_px, wider))
                strip[:, piece.left : piece.left + piece.width] = picture[rim:-rim, rim:-rim]
                done += 1
                if progress is not None:
                    progress(done, len(pieces) * len(row))
            if decorate:
                decorated.paint(strip, top)
            yield strip
            top += len(strip)


def largest_piece(scene: Scene, size_px: tuple[int, int]) -> tuple[int, int]:
    """Return the width and height in pixels of the largest piece of a picture drawn at once.

    Bounded by OpenGL's limits, PIECE_PX, and STRIP_BYTES for a strip of pieces.
    """
    limit = min(gl.max_target_side(scene.ctx, PIECE_PX), MAX_SIDE_PX) - 2 * tiled.GUARD_PX
    width, height = size_px
    if width <= limit and height <= limit and width * height <= WHOLE_PX:
        return size_px
    side = min(limit, PIECE_PX)
    return side, max(min(side, STRIP_BYTES // (3 * width)), 1)


def render_frame(target: OffscreenTarget, scene: Scene, camera: Camera) -> np.ndarray:
    """Load the tiles of a view and draw it, uint8 [height, width, 3], top row first. Raises
    NtileError."""
    load(scene, camera, target.size_px)
    with target.bound() as framebuffer:
        scene.draw(framebuffer, camera)
        return target.read()


@contextmanager
def offline_quality(scene: Scene) -> Iterator[None]:
    """Lift the upload budget and enable 4× MSAA while the block runs."""
    view = scene.settings.view
    saved = view.upload_budget_ms, view.msaa
    view.upload_budget_ms = math.inf
    view.msaa = SAMPLES if view.msaa < 0 else view.msaa
    try:
        yield
    finally:
        view.upload_budget_ms, view.msaa = saved


@contextmanager
def _frozen_ranges(scene: Scene, camera: Camera, size_px: tuple[int, int]) -> Iterator[Decorations]:
    """Fix automatic color ranges and contours of a large picture at those of a screen-sized one
    while the block runs. Yields the decorations, computed from it too."""
    from viewer.pictures import decorations

    overlay = scene.settings.overlay
    contours = scene.settings.contours
    saved = overlay.reach, contours.auto, contours.interval_m
    seen_px = screen_sized(size_px)
    load(scene, camera, seen_px)
    scene.run_survey_pass(camera, size_px)
    decorated = decorations.for_scene(scene, camera, size_px, seen_px)
    overlay.reach = overlay.reach | {overlay.name: scene.overlay_limit}
    contours.auto = False
    contours.interval_m = scene.survey.interval_m(scene.settings) or contours.interval_m
    try:
        yield decorated
    finally:
        overlay.reach, contours.auto, contours.interval_m = saved


def screen_sized(size_px: tuple[int, int]) -> tuple[int, int]:
    """Return the size of the same picture on a screen, its longer side at most SCREEN_PX."""
    shrink = min(1.0, SCREEN_PX / max(size_px))
    return max(1, round(size_px[0] * shrink)), max(1, round(size_px[1] * shrink))


def load(scene: Scene, camera: Camera, size_px: tuple[int, int]) -> None:
    """Update a scene until every tile of the view is loaded. Raises NtileError for the first
    failure."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        scene.update(camera, size_px)
        if scene.messages:
            raise NtileError(scene.messages[0])
        if scene.ready:
            return
        if time.monotonic() > deadline:
            missing = scene.stats.tiles_missing
            raise NtileError(
                f"{missing} tiles of the picture did not load within {TIMEOUT_S:.0f} s; try it "
                "again."
            )
        scene.wait(0.1)
