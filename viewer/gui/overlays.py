"""Contents over the scene: its picture, the legend, the compass, help, toasts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from imgui_bundle import ImVec2, hello_imgui, imgui

from viewer.gui import (
    contour_labels,
    divider,
    film_trail,
    legend,
    measurements,
    theme,
    toasts,
    welcome,
)
from viewer.gui.sheets import SHEETS

if TYPE_CHECKING:
    from viewer.app import App


def draw(app: App) -> None:
    """Everything over the scene, in its order."""
    if app.scene is None or app.viewport is None or app.viewport.texture is None:
        return
    left, top, width, height = app.viewport.area
    em = hello_imgui.em_size()
    paint = imgui.get_background_draw_list()
    if app.scene.reader is not None:
        texture = imgui.ImTextureRef(app.viewport.texture.glo)
        # Texture rows run upward, window rows downward.
        paint.add_image(
            texture,
            ImVec2(left, top),
            ImVec2(left + width, top + height),
            ImVec2(0, 1),
            ImVec2(1, 0),
        )
        film_trail.draw(app)
        contour_labels.draw(app.contour_labels, app.viewport.area)
        measurements.draw(app)
        if app.comparing.sides:
            divider.draw(app, app.comparing.sides, app.comparing.divider.hot)
        elif app.legend is not None:
            legend.draw(app.legend, left + em, top + height - em)
        _compass(app, left + width - 3 * em, top + 3 * em, 1.6 * em)
        if app.stats.tiles_missing and not app.scene.ready:
            tiles = f"{app.stats.tiles_missing} tile{'' if app.stats.tiles_missing == 1 else 's'}"
            label = (
                f"loading {app.settings.active}, {tiles}"
                if app.scene.changing
                else f"loading {tiles}"
            )
            _note(paint, left + em, top + em, label)
    else:
        welcome.draw(app, app.viewport.area)
    if app.sheet:
        SHEETS[app.sheet](app)
    toasts.draw(app, app.viewport.area)


def _note(paint: imgui.ImDrawList, x: float, y: float, label: str) -> None:
    """A short line on a card."""
    em = hello_imgui.em_size()
    size = imgui.calc_text_size(label)
    paint.add_rect_filled(
        ImVec2(x, y),
        ImVec2(x + size.x + 1.2 * em, y + size.y + 0.6 * em),
        theme.u32(theme.PANEL, 0.86),
        0.35 * em,
    )
    paint.add_text(ImVec2(x + 0.6 * em, y + 0.3 * em), theme.u32(theme.DIM), label)


def _compass(app: App, x: float, y: float, radius: float) -> None:
    """A needle to the north; the ring flattens with the pitch."""
    paint = imgui.get_background_draw_list()
    paint.add_circle_filled(ImVec2(x, y), 1.25 * radius, theme.u32(theme.PANEL, 0.72))
    heading = math.radians(app.camera.heading_deg)
    flat = 0.35 + 0.65 * abs(math.sin(math.radians(app.camera.pitch_deg)))

    def at(angle: float, length: float) -> ImVec2:
        return ImVec2(x + length * math.sin(angle), y - length * math.cos(angle) * flat)

    north = -heading
    side = 0.22 * radius
    for sign, color in ((1.0, theme.ERROR), (-1.0, theme.DIM)):
        tip = at(north, sign * 0.72 * radius)
        a = at(north + math.pi / 2, side)
        b = at(north - math.pi / 2, side)
        paint.add_triangle_filled(tip, a, b, theme.u32(color))
    label = at(north, 1.02 * radius)
    size = imgui.calc_text_size("N")
    paint.add_text(ImVec2(label.x - size.x / 2, label.y - size.y / 2), theme.u32(theme.TEXT), "N")
