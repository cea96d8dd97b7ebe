"""Everything laid over the scene: legend, compass, measurements, sheets, palette, toasts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from imgui_bundle import ImVec2, hello_imgui, imgui

from viewer.gui import (
    bars,
    contour_labels,
    divider,
    keys,
    legend,
    measurements,
    theme,
    toasts,
    welcome,
    window_commands,
)
from viewer.gui.palette_window import Row
from viewer.gui.sheets import SHEETS
from viewer.measuring.cards import Box

if TYPE_CHECKING:
    import moderngl

    from viewer.gui.view import WindowView
    from viewer.gui.viewport import Viewport
    from viewer.model.camera import Camera
    from viewer.scene.scene import Scene


def draw(view: WindowView) -> None:
    """Draw the scene's picture and everything over it, from back to front."""
    session = view.session
    viewport = view.viewport
    if viewport is None or viewport.texture is None:
        return
    if session.document is None:
        welcome.draw(view, viewport.area)
    else:
        _scene(view, session.document.scene, viewport, viewport.texture)
    if view.sheet.name:
        SHEETS[view.sheet.name](view)
    view.palette.draw(lambda: palette_rows(view), view.run)
    toasts.draw(session.messages, viewport.area, view.run)


def palette_rows(view: WindowView) -> list[Row]:
    """Return the commands of the menus with their present state, for the palette."""
    return [
        Row(
            command,
            window_commands.is_enabled(view, command),
            window_commands.is_checked(view, command),
            chord=keys.label(command.id, view.window.keyboard.layout),
        )
        for command in bars.in_menu_order()
    ]


def _scene(view: WindowView, scene: Scene, viewport: Viewport, texture: moderngl.Texture) -> None:
    """Draw the scene's picture with labels, measurements, legend and compass."""
    session = view.session
    left, top, width, height = viewport.area
    em = hello_imgui.em_size()
    paint = imgui.get_background_draw_list()
    first = ImVec2(left, top)
    last = ImVec2(left + width, top + height)
    # Texture rows run upward, window rows downward.
    paint.add_image(imgui.ImTextureRef(texture.glo), first, last, ImVec2(0, 1), ImVec2(1, 0))
    view.film_trail.draw(session, viewport)
    taken = contour_labels.draw(session.readings.contour_labels, viewport.area)
    cards = measurements.draw(view)
    if session.readings.sides:
        taken += divider.draw(viewport, session.readings.sides, view.divider.hot)
    elif session.legend is not None:
        taken.append(legend.draw(session.legend, left + em, top + height - em))
    taken.append(_compass(session.camera, left + width - 3 * em, top + 3 * em, 1.6 * em))
    measurements.draw_cards(cards, taken, viewport.area)
    count = session.stats.tiles_missing
    if count and not scene.ready:
        tiles = f"{count} tile{'' if count == 1 else 's'}"
        slot = f"{session.settings.active}, " if scene.changing else ""
        _note(paint, left + em, top + em, f"loading {slot}{tiles}")


def _note(paint: imgui.ImDrawList, x: float, y: float, label: str) -> None:
    """Write a short line on a card."""
    em = hello_imgui.em_size()
    size = imgui.calc_text_size(label)
    paint.add_rect_filled(
        ImVec2(x, y),
        ImVec2(x + size.x + 1.2 * em, y + size.y + 0.6 * em),
        theme.u32(theme.PANEL, 0.86),
        0.35 * em,
    )
    paint.add_text(ImVec2(x + 0.6 * em, y + 0.3 * em), theme.u32(theme.DIM), label)


def _compass(camera: Camera, x: float, y: float, radius: float) -> Box:
    """Draw a needle to the north; the ring flattens with the pitch. Return its box."""
    paint = imgui.get_background_draw_list()
    paint.add_circle_filled(ImVec2(x, y), 1.25 * radius, theme.u32(theme.PANEL, 0.72))
    heading = math.radians(camera.heading_deg)
    flat = 0.35 + 0.65 * abs(math.sin(math.radians(camera.pitch_deg)))

    def point(angle: float, length: float) -> ImVec2:
        return ImVec2(x + length * math.sin(angle), y - length * math.cos(angle) * flat)

    north = -heading
    side = 0.22 * radius
    for sign, color in ((1.0, theme.ERROR), (-1.0, theme.DIM)):
        tip = point(north, sign * 0.72 * radius)
        a = point(north + math.pi / 2, side)
        b = point(north - math.pi / 2, side)
        paint.add_triangle_filled(tip, a, b, theme.u32(color))
    label = point(north, 1.02 * radius)
    size = imgui.calc_text_size("N")
    paint.add_text(ImVec2(label.x - size.x / 2, label.y - size.y / 2), theme.u32(theme.TEXT), "N")
    disc = 1.25 * radius
    return Box(x - disc, y - disc, x + disc, y + disc)
