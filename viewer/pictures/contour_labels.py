"""Painting of contour line heights into pictures, as text on small plates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from viewer.graphics.contours import Label
from viewer.pictures.lettering import Lettering, card

PLATE = (250, 248, 243)
INK = (38, 32, 28)
OPACITY = 0.82


def paint(
    rows: np.ndarray, labels: Sequence[Label], size_px: tuple[int, int], em: int, top: int = 0
) -> None:
    """Paint labels on the rows of a picture of `size_px` that begin `top` pixels below its upper
    side."""
    letters = Lettering(max(9, round(0.82 * em)))
    for label in labels:
        wide = letters.width(label.text) + round(0.6 * em)
        tall = round(1.15 * em)
        left = round(label.x * size_px[0] - wide / 2)
        upper = round(label.y * size_px[1] - tall / 2) - top
        if -tall < upper < len(rows):
            card(rows, (left, upper, left + wide, upper + tall), PLATE, OPACITY, em // 4)
            letters.draw(rows, left + round(0.3 * em), upper + round(0.06 * em), label.text, INK)
    letters.close()
