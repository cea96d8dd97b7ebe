"""Painting of contour line heights over the scene in the window."""

from __future__ import annotations

from collections.abc import Sequence

from imgui_bundle import ImVec2, hello_imgui, imgui

from viewer.graphics.contours import Label
from viewer.measuring.cards import Box
from viewer.pictures.contour_labels import INK, OPACITY, PLATE


def draw(labels: Sequence[Label], area: tuple[float, float, float, float]) -> list[Box]:
    """Draw labels over the scene, whose left, top, width and height in the window are `area`;
    return their boxes."""
    boxes = []
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
        boxes.append(Box(x - half_x - pad, y - half_y, x + half_x + pad, y + half_y))
        corners = ImVec2(*boxes[-1][:2]), ImVec2(*boxes[-1][2:])
        paint.add_rect_filled(*corners, _packed(PLATE, OPACITY), 0.25 * hello_imgui.em_size())
        paint.add_text(font, size, ImVec2(x - half_x, y - half_y), _packed(INK), label.text)
    return boxes


def _packed(color: tuple[int, int, int], opacity: float = 1.0) -> int:
    red, green, blue = color
    return red | green << 8 | blue << 16 | round(255 * opacity) << 24
