"""Pictures without a window: load everything the view needs, draw once, add the legend."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import numpy as np

from neural.errors import NtileError, UsageError
from viewer import gl, layers
from viewer.camera import Camera
from viewer.launch import Launch
from viewer.scene import Scene

if TYPE_CHECKING:
    from viewer.legend import Legend

HEADING_DEG, PITCH_DEG = 0.0, -38.0
"""Direction of view when none is given; the whole area is in the picture."""

SAMPLES = 4
"""MSAA of a picture whose settings leave it open: a single frame can afford it on any renderer."""

TIMEOUT_S = 300.0
"""Longest wait for the tiles of one picture."""


def render(launch: Launch, camera: Camera | None = None, *, legend: bool = True) -> np.ndarray:
    """The picture a launch asks for, uint8 [height, width, 3], top row first.

    `camera` None shows the whole area. Raises NtileError for a file that cannot be shown, a tile that cannot be
    loaded, or a machine without OpenGL.
    """
    if launch.path is None:
        raise UsageError("A picture needs a file; give the .ntile file to draw.")
    ctx = gl.create_context(launch.gl)
    scene = Scene(ctx, launch.settings, launch.gl)
    try:
        layers.open_file(scene, launch.path, launch.reference, launch.methods, launch.bits)
        if launch.settings.overlay.name == "error" and scene.reference_name is None:
            raise UsageError(
                f"{launch.path}: it has no reference layer to measure errors against; add --reference DEM."
            )
        if camera is None:
            camera = Camera(fov_deg=launch.settings.view.fov_deg)
            aspect = launch.size[0] / launch.size[1]
            camera.frame(scene.bounds, aspect, heading_deg=HEADING_DEG, pitch_deg=PITCH_DEG)
        picture = draw(scene, camera, launch.size)
        if legend:
            add_legend(picture, scene)
        return picture
    finally:
        scene.release()
        ctx.release()


def draw(scene: Scene, camera: Camera, size_px: tuple[int, int]) -> np.ndarray:
    """Load all that a view of an open scene needs and draw it, uint8 [height, width, 3]."""
    view = scene.settings.view
    asked = view.upload_budget_ms, view.msaa
    view.upload_budget_ms = math.inf
    view.msaa = SAMPLES if view.msaa < 0 else view.msaa
    colour = scene.ctx.texture(size_px, 4)
    before, target = scene.ctx.fbo, scene.ctx.framebuffer([colour])
    try:
        load(scene, camera, size_px)
        scene.draw(target, camera)
        pixels = np.frombuffer(target.read(components=3, alignment=1), np.uint8)
        return pixels.reshape(size_px[1], size_px[0], 3)[::-1].copy()
    finally:
        view.upload_budget_ms, view.msaa = asked
        if before is not None:
            before.use()
        target.release()
        colour.release()


def load(scene: Scene, camera: Camera, size_px: tuple[int, int]) -> None:
    """Update a scene until every tile of the view is there. Raises NtileError for the first that cannot be."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        scene.update(camera, size_px)
        if scene.messages:
            raise NtileError(scene.messages[0])
        if scene.ready:
            return
        if time.monotonic() > deadline:
            missing = scene.stats.tiles_wanted
            raise NtileError(f"{missing} tiles of the picture did not load within {TIMEOUT_S:.0f} s; try it again.")
        scene.wait(0.1)


def add_legend(picture: np.ndarray, scene: Scene) -> None:
    """Draw the legend of what a scene shows into the lower left corner of its picture."""
    from viewer import legend

    shown = legend.for_scene(scene)
    if shown is not None:
        paint_legend(picture, shown)


def paint_legend(picture: np.ndarray, legend: Legend) -> None:
    """A card with the layer, and a bar with heights or errors in metres; its size follows the picture's height."""
    from viewer import theme
    from viewer.legend import Scale
    from viewer.lettering import Lettering, card

    em = max(11, round(picture.shape[0] / 45))
    letters = Lettering(em)
    panel, ink, dim = (_rgb(code) for code in (theme.PANEL, theme.TEXT, theme.DIM))
    scale = Scale.of(legend)
    lines = [(legend.layer, ink), (legend.title, ink), (legend.note, dim)]
    lines = [(line, colour) for line, colour in lines if line]

    pad, bar_width, bar_height, line_height = round(0.8 * em), em, 10 * em, round(1.3 * em)
    inner = max(
        bar_width + round(0.9 * em) + max((letters.width(label) for label in scale.labels), default=0),
        max(letters.width(line) for line, _ in lines),
    )
    left, bottom = em, picture.shape[0] - em
    height = 2 * pad + len(lines) * line_height + (0 if legend.table is None else em // 2 + bar_height)
    top = bottom - height
    card(picture, (left, top, left + inner + 2 * pad, bottom), panel, 0.86, em // 3)
    x, y = left + pad, top + pad
    for line, colour in lines:
        letters.draw(picture, x, y, line, colour)
        y += line_height
    if legend.table is None:
        letters.close()
        return
    y += em // 2
    entries = np.linspace(len(legend.table) - 1, 0, bar_height).round().astype(int)
    _bar(picture, x, y, legend.table[entries], bar_width)
    for share, label in zip(scale.shares, scale.labels, strict=True):
        at = y + round(bar_height * (1 - share))
        picture[min(max(at, y), y + bar_height - 1), x + bar_width : x + bar_width + em // 4] = dim
        at = min(max(at, y + em // 3), y + bar_height - em // 3)
        letters.draw(picture, x + bar_width + round(0.6 * em), at - round(0.6 * em), label, ink)
    letters.close()


def _bar(picture: np.ndarray, x: int, y: int, colours: np.ndarray, width: int) -> None:
    """A column of colours, top first, cut at the picture's edge."""
    rows = picture[max(y, 0) : y + len(colours), x : x + width]
    rows[...] = colours[max(-y, 0) : max(-y, 0) + len(rows), None, :]


def _rgb(code: str) -> tuple[int, int, int]:
    r, g, b = (int(code[k : k + 2], 16) for k in (0, 2, 4))
    return r, g, b
