"""The divider of a split view: dragged with the mouse, double-clicked back to the middle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imgui_bundle import ImVec2, hello_imgui, imgui

from viewer.gui import legend, theme, widgets
from viewer.measuring.cards import Box
from viewer.scene.split import Side
from viewer.session.tools import Mouse

if TYPE_CHECKING:
    from viewer.gui.viewport import Viewport
    from viewer.model.settings import Settings
    from viewer.session.navigation import Navigation

GRAB_PX = 7.0
"""Grab distance from the line, in window coordinates."""

RIM = 0.02
"""Least distance of the divider from the sides, share of the width."""


class Divider:
    """A tool (`viewer.session.tools`) that moves `Settings.compare.divider`."""

    def __init__(self, settings: Settings, navigation: Navigation) -> None:
        self._settings = settings
        self._navigation = navigation
        self.hot = False
        """True if the mouse is at the line or drags it."""

    def mouse(self, mouse: Mouse) -> bool:
        """Take presses near the line, and drags that began there."""
        compare = self._settings.compare
        if not compare.split:
            self.hot = False
            return False
        width = self._navigation.size_px[0]
        reach = GRAB_PX * self._navigation.pixel_ratio
        near = abs(mouse.x_px - compare.divider * width) <= reach
        if mouse.kind == "hover":
            self.hot = near
            if near:
                imgui.set_mouse_cursor(imgui.MouseCursor_.resize_ew)
            return near
        if mouse.kind == "press" and mouse.button == 0:
            self.hot = near
            return near
        if mouse.kind == "double" and mouse.button == 0 and near:
            compare.divider = 0.5
            return True
        if mouse.kind == "drag" and self.hot:
            compare.divider = min(max(mouse.x_px / width, RIM), 1 - RIM)
            imgui.set_mouse_cursor(imgui.MouseCursor_.resize_ew)
            return True
        return False

    def cancel(self) -> bool:
        """Return False: a drag ends with its button."""
        return False


def draw(viewport: Viewport, sides: Sequence[Side], hot: bool) -> list[Box]:
    """Draw the line with its handle, the names above the sides, and their legends; return the boxes
    of the cards."""
    boxes = []
    left, top, width, height = viewport.area
    em = hello_imgui.em_size()
    paint = imgui.get_background_draw_list()
    for side in sides:
        start = left + side.first * width
        end = left + side.end * width
        paint.push_clip_rect(ImVec2(start, top), ImVec2(end, top + height), True)
        boxes.append(_name(paint, side, start, end, top + em, at_end=side is sides[0]))
        if side.legend is not None:
            boxes.append(legend.draw(side.legend, start + em, top + height - em))
        paint.pop_clip_rect()
    x = left + sides[0].end * width
    line = theme.u32(theme.ACCENT if hot else "ffffff")
    paint.add_rect_filled(
        ImVec2(x - 2, top), ImVec2(x + 2, top + height), theme.u32("000000", 0.35)
    )
    paint.add_rect_filled(ImVec2(x - 1, top), ImVec2(x + 1, top + height), line)
    middle = top + height / 2
    radius = 0.8 * em
    paint.add_circle_filled(ImVec2(x, middle), radius + 1, theme.u32("000000", 0.35))
    paint.add_circle_filled(ImVec2(x, middle), radius, line)
    for sign in (-1, 1):
        tip = x + sign * 0.55 * radius
        back = x + sign * 0.15 * radius
        corners = (
            ImVec2(tip, middle),
            ImVec2(back, middle - 0.35 * radius),
            ImVec2(back, middle + 0.35 * radius),
        )
        paint.add_triangle_filled(*corners, theme.u32("20262c"))
    return boxes


def _name(
    paint: imgui.ImDrawList, side: Side, start: float, end: float, y: float, *, at_end: bool
) -> Box:
    """Write slot and layer on a card beside the divider; return its box."""
    em = hello_imgui.em_size()
    size = imgui.calc_text_size(side.label)
    wide = size.x + (widgets.BADGE_EM + 1.6) * em
    high = size.y + 0.6 * em
    x = max(end - em - wide, start + 0.4 * em) if at_end else start + em
    paint.add_rect_filled(
        ImVec2(x, y), ImVec2(x + wide, y + high), theme.u32(theme.PANEL, 0.86), 0.35 * em
    )
    widgets.paint_badge(paint, x + 0.6 * em, y + 0.3 * em, side.slot)
    paint.add_text(
        ImVec2(x + (widgets.BADGE_EM + 1.0) * em, y + 0.3 * em), theme.u32(theme.TEXT), side.label
    )
    return Box(x, y, x + wide, y + high)
