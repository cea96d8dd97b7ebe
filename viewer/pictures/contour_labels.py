"""Heights of contour lines as text on small plates: in a picture made without a window, and over
the scene."""

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
    """Paint labels on those rows of a picture of `size_px` that begin `top` pixels from its upper
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


def draw(labels: Sequence[Label], area: tuple[float, float, float, float]) -> None:
    """Draw labels over the scene, whose left, top, width and height in the window are `area`."""
    from imgui_bundle import ImVec2, hello_imgui, imgui

    paint = imgui.get_background_draw_list()
    font = imgui.get_font()
    size = 0.85 * imgui.get_font_size()
    pad = 0.3 * hello_imgui.em_size()
    for label in labels:
        text = imgui.calc_text_size(label.text)
        half_x = text.x * 0.85 / 2
        half_y = size / 2
        x = area[0] + label.x * area[2]
        y = area[1] + label.y * area[3]
        corners = ImVec2(x - half_x - pad, y - half_y), ImVec2(x + half_x + pad, y + half_y)
        paint.add_rect_filled(*corners, _packed(PLATE, OPACITY), 0.25 * hello_imgui.em_size())
        paint.add_text(font, size, ImVec2(x - half_x, y - half_y), _packed(INK), label.text)


def _packed(color: tuple[int, int, int], opacity: float = 1.0) -> int:
    red, green, blue = color
    return red | green << 8 | blue << 16 | round(255 * opacity) << 24
