"""Painting of measurements and the profile's line into pictures without a window."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from neural.container.reader import Reader
from viewer.measuring import cards, lines, quantities
from viewer.measuring.cards import Box
from viewer.measuring.lines import Lines, Projector
from viewer.measuring.look import CASING, LINE, PROFILE_LINE, headline
from viewer.measuring.terrain import of_scene
from viewer.model import palette, text
from viewer.model.camera import Camera
from viewer.model.measurements import is_valid
from viewer.model.settings import Measurement
from viewer.pictures.lettering import TextPainter, blend, rgb, rounded_rect
from viewer.scene.scene import Scene

WIDTH_EM = 0.13
CASING_EM = 0.26
HIDDEN = 0.55
"""Opacity of parts hidden by the ground."""


_WORDS: WeakKeyDictionary[Reader, dict[Hashable, str]] = WeakKeyDictionary()
"""Cached results of measurements by main file: a film shows them in every picture."""


class Shape(NamedTuple):
    """Projected line or polygon with its label."""

    lines: Lines
    color: str
    words: str = ""


def shapes(scene: Scene, camera: Camera, size_px: tuple[int, int]) -> list[Shape]:
    """Return the shapes of `settings.measuring` in the latest update's view, measured now. Raises
    NtileError."""
    measuring = scene.settings.measuring
    ground = scene.ground
    if ground is None or not (measuring.items or measuring.profile):
        return []
    view = Projector(ground, camera, size_px)
    result = []
    for number, item in enumerate(measuring.items, 1):
        if is_valid(item):
            laid = lines.lay(view, np.array(item.points), closed=item.kind == "area")
            result.append(Shape(laid, LINE, f"{number}  {_words(scene, item)}"))
    if len(measuring.profile) > 1:
        result.append(Shape(lines.lay(view, np.array(measuring.profile)), PROFILE_LINE))
    return result


def _words(scene: Scene, item: Measurement) -> str:
    cached = _WORDS.setdefault(scene.main_reader, {})
    # not the files, which would keep the reader
    serials = tuple(file.serial for file in scene.files)
    key = item.kind, repr(item.points), repr(scene.settings.slots), scene.settings.active, serials
    if key not in cached:
        try:
            result = quantities.measure(of_scene(scene), item.kind, item.points)
            cached[key] = headline(result, scene.settings.active)
        except ValueError:  # one point several times
            cached[key] = text.DASH
    return cached[key]


def paint(rows: np.ndarray, shapes: Sequence[Shape], em: int, top: int = 0) -> None:
    """Paint lines and corners on the rows of a picture, uint8 [n, width, 3], that begin `top`
    pixels below its upper side."""
    for shape in shapes:
        for code, width_em, strength in ((CASING, CASING_EM, 0.55), (shape.color, WIDTH_EM, 1.0)):
            for runs, share in ((shape.lines.solid, 1.0), (shape.lines.dashed, HIDDEN)):
                for run in runs:
                    _polyline(
                        rows, run - [0, top], max(width_em * em, 1.0), strength * share, rgb(code)
                    )
        for radius, code, strength in ((0.32, CASING, 0.8), (0.2, shape.color, 1.0)):
            for corner in shape.lines.corners - [0, top]:
                _polyline(rows, np.stack([corner, corner]), 2 * radius * em, strength, rgb(code))


def paint_cards(
    rows: np.ndarray,
    shapes: Sequence[Shape],
    taken: Sequence[Box],
    size_px: tuple[int, int],
    *,
    em: int,
    top: int = 0,
) -> None:
    """Paint the numbers of shapes on the rows of a picture of `size_px`, clear of the boxes `taken`
    and of each other."""
    boxes = list(taken)
    area = Box(0, 0, *size_px)
    letters = TextPainter(em)
    for shape in shapes:
        if shape.words and shape.lines.anchor is not None:
            x, y = shape.lines.anchor.tolist()
            width_px = letters.width(shape.words) + round(0.8 * em)
            height_px = round(1.5 * em)
            boxes.append(cards.place((x, y), (width_px, 1.5 * em), em, area, boxes))
            left = round(boxes[-1].left)
            upper = round(boxes[-1].top - top)
            rounded_rect(
                rows,
                (left, upper, left + width_px, upper + height_px),
                rgb(palette.PANEL),
                0.86,
                round(0.3 * em),
            )
            letters.draw(
                rows,
                left + round(0.4 * em),
                upper + round(0.15 * em),
                shape.words,
                rgb(palette.TEXT),
            )
    letters.close()


def _polyline(
    rows: np.ndarray, run: np.ndarray, width: float, strength: float, color: tuple[int, int, int]
) -> None:
    """Paint a line with round ends through pixels [n, 2]; overlapping pieces do not add up."""
    height, image_width = rows.shape[:2]
    reach = width / 2 + 1
    low = np.maximum(np.floor(run.min(axis=0) - reach), 0).astype(int)
    high = np.minimum(np.ceil(run.max(axis=0) + reach), [image_width, height]).astype(int)
    if (high <= low).any():
        return
    away = np.full((high[1] - low[1], high[0] - low[0]), np.inf, np.float32)
    for begin, end, columns, lines_ in _boxes(run - low, reach, away.shape):
        x = np.arange(columns.start, columns.stop) + 0.5
        y = np.arange(lines_.start, lines_.stop)[:, None] + 0.5
        along = end - begin
        share = ((x - begin[0]) * along[0] + (y - begin[1]) * along[1]) / max(
            float(along @ along), 1e-12
        )
        share = np.clip(share, 0, 1)
        distance = np.hypot(x - begin[0] - share * along[0], y - begin[1] - share * along[1])
        np.minimum(away[lines_, columns], distance, out=away[lines_, columns])
    blend(rows, int(low[0]), int(low[1]), strength * np.clip(width / 2 + 0.5 - away, 0, 1), color)


def _boxes(
    run: np.ndarray, reach: float, shape: tuple[int, ...]
) -> Iterator[tuple[np.ndarray, np.ndarray, slice, slice]]:
    """Iterate over the pieces of a line in an image [h, w] with the columns and rows of each."""
    for begin, end in pairwise(run):
        low = np.maximum(np.floor(np.minimum(begin, end) - reach), 0).astype(int)
        high = np.minimum(np.ceil(np.maximum(begin, end) + reach), shape[::-1]).astype(int)
        if (high > low).all():
            yield begin, end, slice(low[0], high[0]), slice(low[1], high[1])
