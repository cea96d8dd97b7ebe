"""Painting of divider, names and legends of a split picture without a window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from viewer.measuring.cards import Box
from viewer.model import palette
from viewer.pictures import legend_picture
from viewer.pictures.lettering import TextPainter, blend, clipped_pixels, rgb, rounded_rect
from viewer.scene.split import Side

WHITE = (255, 255, 255)
BLACK = (0, 0, 0)


def paint(
    rows: np.ndarray, sides: Sequence[Side], size_px: tuple[int, int], *, em: int, below: int
) -> list[Box]:
    """Paint rows [n, width, 3] of a picture of `size_px`, of which `below` follow the first of
    these; return the boxes of its cards in them."""
    boxes = []
    width, height = size_px
    top = below - height  # the picture's upper edge, in these rows
    column = round(sides[0].end * width)
    thickness = max(1, round(em / 14))
    for half, strength, color in ((2 * thickness, 0.35, BLACK), (thickness, 1.0, WHITE)):
        across, down = clipped_pixels(rows, (column - half, top, column + half, below))
        blend(
            rows,
            max(column - half, 0),
            max(top, 0),
            np.full((down.size, across.size), strength),
            color,
        )
    letters = TextPainter(em)
    pad = round(0.4 * em)
    badge = round(1.1 * em)
    height_px = round(2.0 * em)
    for side in (side for side in sides if side.label):
        start = round(side.first * width)
        end = round(side.end * width)
        part = rows[:, start:end]  # clip to this side
        width_px = badge + 3 * pad + letters.width(side.label)
        x = max(end - start - em - width_px, pad) if side is sides[0] else em
        y = top + em
        boxes.append(Box(start + x, y, start + x + width_px, y + height_px))
        rounded_rect(part, (x, y, x + width_px, y + height_px), rgb(palette.PANEL), 0.86, em // 3)
        rounded_rect(
            part,
            (x + pad, y + pad, x + pad + badge, y + height_px - pad),
            rgb(palette.ACCENT_DEEP),
            1.0,
            em // 5,
        )
        letters.draw(
            part,
            x + pad + (badge - letters.width(side.slot)) // 2,
            y + pad,
            side.slot,
            rgb(palette.ON_ACCENT),
        )
        letters.draw(part, x + 2 * pad + badge, y + pad, side.label, rgb(palette.TEXT))
        if side.legend is not None:
            card = legend_picture.paint(part, side.legend, em=em, bottom=below - em)
            boxes.append(card._replace(left=card.left + start, right=card.right + start))
    letters.close()
    return boxes
