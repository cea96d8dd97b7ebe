"""Decorations of a picture: legend, scale bar, north arrow, credits, measurements. numpy, no GL.

A picture may come in strips: positions are those of the whole picture, cut at the strip's rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from viewer.measuring.cards import Box
from viewer.model import palette
from viewer.pictures import contour_labels
from viewer.pictures.lettering import Color, TextPainter, blend, clipped_pixels, rgb, rounded_rect

if TYPE_CHECKING:
    from viewer.graphics.contours import Label
    from viewer.model.camera import Camera
    from viewer.pictures.measured import Shape
    from viewer.scene.legend import Legend
    from viewer.scene.scene import Scene
    from viewer.scene.split import Side

SCALE_SHARE = 0.22
"""Longest scale bar, as a share of the picture's width."""

STEEP_DEG = -89.0
"""Pitch from which a camera shows a plane at one scale, degrees."""


@dataclass(frozen=True, eq=False)
class Decorations:
    """Decorations of one picture, ready for painting; None and "" are left out."""

    size_px: tuple[int, int]
    legend: Legend | None = None
    meters_per_px: float | None = None
    steep: bool = False  # looking straight down
    north: tuple[float, float] | None = None  # heading and pitch in degrees
    credits: str = ""
    labels: Sequence[Label] = ()  # heights on contour lines
    sides: Sequence[Side] = ()  # of a split picture
    measured: Sequence[Shape] = ()  # lines and polygons

    @property
    def em(self) -> int:
        """Height of text in pixels, proportional to the picture's."""
        return max(11, round(min(self.size_px[1] / 45, self.size_px[0] / 60)))

    def paint(self, rows: np.ndarray, top: int = 0) -> None:
        """Paint the rows of the picture, uint8 [n, width, 3], that begin `top` pixels below its
        upper side."""
        width, height = self.size_px
        em = self.em
        below = height - top
        boxes: list[Box] = []  # in these rows
        if self.measured:
            from viewer.pictures import measured

            measured.paint(rows, self.measured, em, top)
        plates = contour_labels.paint(rows, self.labels, self.size_px, em, top)
        if self.sides:
            from viewer.pictures import split_picture

            boxes += split_picture.paint(rows, self.sides, self.size_px, em=em, below=below)
        elif self.legend is not None:
            from viewer.pictures import legend_picture

            boxes.append(legend_picture.paint(rows, self.legend, em=em, bottom=below - em))
        edge = below - em
        if self.credits:
            boxes.append(self._credits(rows, width - em, edge))
            edge = round(boxes[-1].top) - round(0.5 * em)
        if self.meters_per_px:
            boxes.append(self._scale_bar(rows, width - em, edge, self.meters_per_px))
        if self.north is not None:
            boxes.append(_arrow(rows, width - 3.2 * em, 3.2 * em - top, 1.7 * em, *self.north))
        if self.measured:
            placed = [box._replace(top=box.top + top, bottom=box.bottom + top) for box in boxes]
            measured.paint_cards(
                rows, self.measured, [*placed, *plates], self.size_px, em=em, top=top
            )

    def _credits(self, rows: np.ndarray, right: int, bottom: int) -> Box:
        """Paint the data's credits in the lower right corner; return their box."""
        letters = TextPainter(max(9, round(0.8 * self.em)))
        lines = _wrapped(self.credits, letters, round(0.45 * self.size_px[0]))
        pad = round(0.4 * self.em)
        line = round(1.25 * letters.size_px)
        text_width = max(letters.width(text) for text in lines)
        top = bottom - len(lines) * line - 2 * pad
        rounded_rect(
            rows,
            (right - text_width - 2 * pad, top, right, bottom),
            rgb(palette.PANEL),
            0.72,
            self.em // 4,
        )
        for k, text in enumerate(lines):
            x = right - pad - letters.width(text)
            letters.draw(rows, x, top + pad + k * line, text, rgb(palette.TEXT))
        letters.close()
        return Box(right - text_width - 2 * pad, top, right, bottom)

    def _scale_bar(self, rows: np.ndarray, right: int, bottom: int, meters_per_px: float) -> Box:
        """Paint a bar as long as a round number of meters in the middle of the picture; return its
        box."""
        em = self.em
        length_m = self.scale_m
        letters = TextPainter(em)
        small = TextPainter(max(9, round(0.75 * em)))
        label = f"{length_m / 1000:g} km" if length_m >= 1000 else f"{length_m:g} m"
        note = "" if self.steep else "in mid-picture; perspective varies"
        bar = round(length_m / meters_per_px)
        pad = round(0.6 * em)
        inner = max(bar, letters.width(label), small.width(note))
        box_height = 2 * pad + round(1.35 * em) + round(0.7 * em) + (round(1.1 * em) if note else 0)
        top = bottom - box_height
        left = right - inner - 2 * pad
        rounded_rect(rows, (left, top, right, bottom), rgb(palette.PANEL), 0.72, em // 4)
        x = left + pad + (inner - bar) // 2
        y = top + pad + round(1.35 * em)
        letters.draw(
            rows, x + (bar - letters.width(label)) // 2, top + pad, label, rgb(palette.TEXT)
        )
        thickness = max(2, round(0.16 * em))
        ink = rgb(palette.TEXT)
        _fill(rows, x, y + round(0.25 * em), bar, thickness, ink)
        for end in (x, x + bar - thickness):
            _fill(rows, end, y, thickness, round(0.25 * em) + thickness, ink)
        if note:
            note_x = left + pad + (inner - small.width(note)) // 2
            small.draw(rows, note_x, y + round(0.75 * em), note, rgb(palette.DIM))
        letters.close()
        small.close()
        return Box(left, top, right, bottom)

    @property
    def scale_m(self) -> float:
        """Length of the scale bar in meters: 1, 2 or 5 times a power of ten; 0 without a scale."""
        longest = SCALE_SHARE * self.size_px[0] * (self.meters_per_px or 0.0)
        if not longest:
            return 0.0
        power = 10.0 ** math.floor(math.log10(longest))
        return max(k * power for k in (1, 2, 5) if k * power <= longest)


def for_scene(
    scene: Scene, camera: Camera, size_px: tuple[int, int], seen_px: tuple[int, int] | None = None
) -> Decorations:
    """Return the decorations that a scene's settings select.

    The scene's latest update must be for this camera and a picture of `seen_px` (None: the same
    size).
    """
    from viewer.scene import legend as legends
    from viewer.scene import split

    selected = scene.settings.decorations
    sides = split.sides(scene)
    if not selected.legend:
        sides = [replace(side, label="", legend=None) for side in sides]  # the line alone
    return Decorations(
        size_px,
        legends.for_scene(scene) if selected.legend else None,
        meters_per_px(scene, camera, size_px, seen_px) if selected.scale else None,
        camera.pitch_deg <= STEEP_DEG,
        (camera.heading_deg, camera.pitch_deg) if selected.north else None,
        credits(scene) if selected.credits else "",
        scene.survey.labels(scene.settings),
        sides,
        _measured(scene, camera, size_px) if selected.measurements else (),
    )


def _measured(scene: Scene, camera: Camera, size_px: tuple[int, int]) -> Sequence[Shape]:
    if not (scene.settings.measuring.items or scene.settings.measuring.profile):
        return ()  # most pictures; measuring is slow to import
    from viewer.pictures import measured

    return measured.shapes(scene, camera, size_px)


def meters_per_px(
    scene: Scene, camera: Camera, size_px: tuple[int, int], seen_px: tuple[int, int] | None = None
) -> float | None:
    """Return meters on the ground per pixel in the middle of the picture, along its rows; None
    without ground.

    Rows are horizontal, so exaggeration does not matter. A vertical view of level ground has this
    scale everywhere.
    """
    width, height = seen_px or size_px
    picked = scene.pick(camera, width / 2, height / 2)
    if picked is None:
        return None
    ground = np.array([picked.easting, picked.northing, scene.drawn_z(picked.z_m)])
    depth = float(np.dot(ground - camera.eye, camera.axes[2]))
    crs_per_px = 2 * depth * math.tan(math.radians(camera.fov_deg) / 2) / size_px[1]
    return crs_per_px * scene.ground_scale if depth > 0 else None


def credits(scene: Scene) -> str:
    """Return the credits of the open file's data, or ""."""
    return "" if scene.reader is None else str(scene.reader.metadata.get("attribution") or "")


def _fill(rows: np.ndarray, x: int, y: int, width: int, height: int, color: Color) -> None:
    rows[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)] = color


def _wrapped(text: str, letters: TextPainter, width: int) -> list[str]:
    """Wrap words into lines of at most `width` pixels, three lines at most."""
    lines: list[str] = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and letters.width(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines if len(lines) <= 3 else [*lines[:2], f"{lines[2]} …"]


def _arrow(
    rows: np.ndarray, x: float, y: float, radius: float, heading_deg: float, pitch_deg: float
) -> Box:
    """Paint a north needle on a disc, in the ground's perspective, by distances to its edges;
    return its box."""
    reach = round(1.3 * radius) + 2
    left = round(x) - reach
    top = round(y) - reach
    columns, lines = clipped_pixels(rows, (left, top, left + 2 * reach, top + 2 * reach))
    px = columns + 0.5 - x
    py = lines + 0.5 - y
    left = max(left, 0)
    top = max(top, 0)
    blend(
        rows,
        left,
        top,
        0.72 * np.clip(1.25 * radius - np.hypot(px, py) + 0.5, 0, 1),
        rgb(palette.PANEL),
    )
    heading = math.radians(heading_deg)
    foreshortening = 0.35 + 0.65 * abs(math.sin(math.radians(pitch_deg)))

    def offset_at(angle: float, length: float) -> tuple[float, float]:
        return length * math.sin(angle), -length * math.cos(angle) * foreshortening

    side = 0.22 * radius
    for sign, color in ((1.0, palette.ERROR), (-1.0, palette.DIM)):
        corners = (
            offset_at(-heading, sign * 0.78 * radius),
            offset_at(math.pi / 2 - heading, side),
            offset_at(-math.pi / 2 - heading, side),
        )
        blend(rows, left, top, _triangle(px, py, corners), rgb(color))
    letters = TextPainter(max(9, round(0.55 * radius)))
    nx, ny = offset_at(-heading, 1.02 * radius)
    letters.draw(
        rows,
        round(x + nx - letters.width("N") / 2),
        round(y + ny - 0.6 * letters.size_px),
        "N",
        rgb(palette.TEXT),
    )
    letters.close()
    disc = 1.3 * radius
    return Box(x - disc, y - disc, x + disc, y + disc)


def _triangle(
    px: np.ndarray, py: np.ndarray, corners: tuple[tuple[float, float], ...]
) -> np.ndarray:
    """Return the share of each pixel covered by a triangle."""
    (ax, ay), (bx, by), (cx, cy) = corners
    orientation = 1.0 if (bx - ax) * (cy - ay) - (by - ay) * (cx - ax) > 0 else -1.0
    coverage = np.ones(np.broadcast_shapes(px.shape, py.shape))
    for (x0, y0), (x1, y1) in zip(corners, (*corners[1:], corners[0]), strict=True):
        length = math.hypot(x1 - x0, y1 - y0) or 1.0
        signed_distance = orientation * ((x1 - x0) * (py - y0) - (y1 - y0) * (px - x0)) / length
        coverage = np.minimum(coverage, np.clip(signed_distance + 0.5, 0, 1))
    return coverage
