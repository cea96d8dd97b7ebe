"""Painting of the legend into pictures without a window."""

from __future__ import annotations

import numpy as np

from viewer.measuring.cards import Box
from viewer.model import palette
from viewer.pictures.lettering import Color, TextPainter, blend, clipped_pixels, rgb, rounded_rect
from viewer.scene.legend import Legend, Scale

BAR_EM = 10
ROSE_EM = 7


def paint(picture: np.ndarray, legend: Legend, *, em: int, bottom: int) -> Box:
    """Paint a card with layer and colors above the row `bottom`; text is `em` high. Return its box.

    The picture may be a part of a larger one, with some or all of the card outside.
    """
    letters = TextPainter(em)
    panel, ink, dim = (rgb(code) for code in (palette.PANEL, palette.TEXT, palette.DIM))
    scale = Scale.of(legend)
    lines = [(line, dim if note else ink) for line, note in legend.texts]

    pad = round(0.8 * em)
    line_height = round(1.3 * em)
    widths = [letters.width(line) for line, _ in lines]
    widths += [em + round(0.9 * em) + letters.width(label) for label in scale.labels]
    widths += [round(1.5 * em) + letters.width(label) for _, label in legend.patches]
    inner = max(*widths, (ROSE_EM + 1) * em if legend.rose else 0)
    bar = 0 if legend.table is None else (ROSE_EM if legend.rose else BAR_EM) * em
    below = (
        em // 3 + len(legend.patches) * line_height
        if legend.patches
        else em // 2 + bar
        if bar
        else 0
    )
    height = 2 * pad + len(lines) * line_height + below
    left = em
    top = bottom - height
    rounded_rect(picture, (left, top, left + inner + 2 * pad, bottom), panel, 0.86, em // 3)
    x = left + pad
    y = top + pad
    for line, color in lines:
        letters.draw(picture, x, y, line, color)
        y += line_height
    y += em // 3 if legend.patches else em // 2
    for patch, label in legend.patches:
        rounded_rect(picture, (x, y + em // 10, x + em, y + em // 10 + em), patch, 1.0, em // 6)
        letters.draw(picture, x + round(1.5 * em), y, label, ink)
        y += line_height
    if legend.table is not None and legend.rose:
        _rose(picture, letters, (x + inner // 2, y + bar // 2), bar / 2, legend.table, ink)
    elif legend.table is not None:
        entries = np.linspace(len(legend.table) - 1, 0, bar).round().astype(int)
        _bar(picture, x, y, legend.table[entries], em)
        for share, label in zip(scale.shares, scale.labels, strict=True):
            tick_y = y + round(bar * (1 - share))
            tick = min(max(tick_y, y), y + bar - 1)
            if 0 <= tick < len(picture):
                picture[tick, x + em : x + em + em // 4] = dim
            tick_y = min(max(tick_y, y + em // 3), y + bar - em // 3)
            letters.draw(picture, x + em + round(0.6 * em), tick_y - round(0.6 * em), label, ink)
    letters.close()
    return Box(left, top, left + inner + 2 * pad, bottom)


def _bar(picture: np.ndarray, x: int, y: int, colors: np.ndarray, width: int) -> None:
    """Paint a column of colors, top first, clipped to the picture."""
    rows = picture[max(y, 0) : max(y + len(colors), 0), x : x + width]
    rows[...] = colors[max(-y, 0) : max(-y, 0) + len(rows), None, :]


def _rose(
    picture: np.ndarray,
    letters: TextPainter,
    center: tuple[int, int],
    radius: float,
    table: np.ndarray,
    ink: Color,
) -> None:
    """Paint a ring about a point, from north clockwise, with the four directions inside."""
    x, y = center
    reach = int(radius) + 1
    columns, rows = clipped_pixels(picture, (x - reach, y - reach, x + reach + 1, y + reach + 1))
    across = columns - x
    down = rows - y
    distance = np.hypot(across, down)
    facing = np.degrees(np.arctan2(across, -down)) % 360
    coverage = np.clip(radius - distance + 0.5, 0, 1) * np.clip(
        distance - 0.62 * radius + 0.5, 0, 1
    )
    colors = table[np.rint(facing / 360 * (len(table) - 1)).astype(int)]
    blend(picture, max(x - reach, 0), max(y - reach, 0), coverage, colors)
    for label, east, south in (("N", 0, -1), ("E", 1, 0), ("S", 0, 1), ("W", -1, 0)):
        left = x + round(0.42 * radius * east - letters.width(label) / 2)
        letters.draw(
            picture, left, y + round(0.42 * radius * south - 0.6 * letters.size_px), label, ink
        )
