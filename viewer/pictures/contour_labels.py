"""Painting of contour line heights into pictures, as text on small plates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from viewer.graphics.contours import Label
from viewer.measuring.cards import Box
from viewer.pictures.lettering import TextPainter, rounded_rect

PLATE = (250, 248, 243)
INK = (38, 32, 28)
OPACITY = 0.82


def paint(
    rows: np.ndarray, labels: Sequence[Label], size_px: tuple[int, int], em: int, top: int = 0
) -> list[Box]:
    """Paint labels on the rows of a picture of `size_px` that begin `top` pixels below its upper
    side; return their boxes in the picture."""
    boxes = []
    letters = TextPainter(max(9, round(0.82 * em)))
    for label in labels:
        width_px = letters.width(label.text) + round(0.6 * em)
        height_px = round(1.15 * em)
        left = round(label.x * size_px[0] - width_px / 2)
        upper = round(label.y * size_px[1] - height_px / 2) - top
        boxes.append(Box(left, upper + top, left + width_px, upper + top + height_px))
        if -height_px < upper < len(rows):
            rounded_rect(
                rows, (left, upper, left + width_px, upper + height_px), PLATE, OPACITY, em // 4
            )
            letters.draw(rows, left + round(0.3 * em), upper + round(0.06 * em), label.text, INK)
    letters.close()
    return boxes
