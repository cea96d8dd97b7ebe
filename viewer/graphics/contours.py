"""Contour lines: interval, and positions of labels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from viewer.graphics.passes.terrain import INDEX_EVERY
from viewer.model import text
from viewer.model.height_range import LEAST_M
from viewer.model.overlays import round_up

SPACING_PX = 16.0
"""Target spacing in pixels of an automatic interval, on ground of median steepness."""

CELL_PX = 150.0
"""Side of the squares of the picture with one label each at most, pixels."""

APART_PX = 120.0
"""Minimum distance between labels, pixels."""

MARGIN_PX = 40.0
"""Minimum distance of labels from the picture's sides, pixels."""


LEGEND_EM = (12.5, 18.0)
COMPASS_EM = (6.0, 6.0)
"""Width and height of the lower left and the upper right corner reserved for the legend and the
north arrow, em."""


class Label(NamedTuple):
    """Height on a contour line: its center as a share of the picture's width and height, from the
    top left."""

    x: float
    y: float
    text: str


def automatic_m(heights: np.ndarray, pixel_px: float, least_m: float = LEAST_M) -> float:
    """Return the contour interval in meters for heights [h, w] in view (NaN: none), with pixels
    `pixel_px` wide; lines closer than `least_m` are of rounding."""
    rise = np.hypot(np.diff(heights, axis=1)[:-1], np.diff(heights, axis=0)[:, :-1])
    rise = rise[np.isfinite(rise)]
    typical = float(np.median(rise)) if rise.size else 0.0
    return round_up(max(SPACING_PX * typical / pixel_px, least_m))


def labels(heights: np.ndarray, interval: float, pixel_px: float) -> list[Label]:
    """Return labels on every fifth line, visible and spaced apart.

    `heights` [h, w] are those of the visible ground (NaN: none), so hidden lines get no label.
    """
    step = interval * INDEX_EVERY
    rows, columns, levels = _crossings(heights, step)
    if not len(rows):
        return []
    height, width = heights.shape
    x = columns * pixel_px
    y = rows * pixel_px
    inside = (x > MARGIN_PX) & (x < width * pixel_px - MARGIN_PX)
    inside &= (y > MARGIN_PX) & (y < height * pixel_px - MARGIN_PX)
    inside &= ~_taken(x, y, width * pixel_px, height * pixel_px)
    # Of each square the line nearest to its middle, and of these from the middle of the picture
    # outward.
    cell_x = np.floor(x / CELL_PX)
    cell_y = np.floor(y / CELL_PX)
    off_middle = np.hypot(x / CELL_PX - cell_x - 0.5, y / CELL_PX - cell_y - 0.5)
    order = np.flatnonzero(inside)[np.argsort(off_middle[inside], kind="stable")]
    _, first = np.unique((cell_y * width + cell_x)[order], return_index=True)
    best = order[np.sort(first)]
    outward = np.hypot(x[best] - width * pixel_px / 2, y[best] - height * pixel_px / 2)
    best = best[np.argsort(outward, kind="stable")]
    chosen: list[int] = []
    while len(best):
        k = int(best[0])
        chosen.append(k)
        best = best[1:]
        best = best[np.hypot(x[best] - x[k], y[best] - y[k]) >= APART_PX]
    return [
        Label(
            float(columns[k] / width),
            float(rows[k] / height),
            text.tick_label(float(levels[k] * step), interval),
        )
        for k in chosen
    ]


def _taken(x: np.ndarray, y: np.ndarray, width: float, height: float) -> np.ndarray:
    """Return a mask of positions reserved for the legend or the north arrow."""
    em = max(11.0, min(height / 45, width / 60))
    legend = (x < LEGEND_EM[0] * em) & (y > height - LEGEND_EM[1] * em)
    return legend | ((x > width - COMPASS_EM[0] * em) & (y < COMPASS_EM[1] * em))


def _crossings(heights: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows and columns (pixels, fractional) at which lines `step` apart cross between
    adjacent pixels, and the lines' numbers."""
    crossings: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for axis in (0, 1):
        before, after = (
            (heights[:-1], heights[1:]) if axis == 0 else (heights[:, :-1], heights[:, 1:])
        )
        rise = after - before
        low = np.floor(before / step)
        high = np.floor(after / step)
        smooth = np.isfinite(rise)
        # Where the next pixels rise quite differently there is a crest with other ground behind it,
        # and no line.
        bend = np.abs(np.diff(rise, axis=axis))
        for side in (0, 1):
            inner = (slice(1, None) if side else slice(None, -1),)
            cells = inner if axis == 0 else (slice(None), *inner)
            smooth[cells] &= bend < 0.75 * np.abs(rise[cells]) + 0.003 * step
        row, column = np.nonzero(smooth & (np.abs(high - low) == 1) & (np.abs(rise) < 0.35 * step))
        level = np.maximum(low, high)[row, column]
        part = (level * step - before[row, column]) / rise[row, column]
        shift = (part, 0.0) if axis == 0 else (0.0, part)
        crossings.append((row + 0.5 + shift[0], column + 0.5 + shift[1], level))
    rows, columns, levels = (np.concatenate(parts) for parts in zip(*crossings, strict=True))
    return rows, columns, levels
