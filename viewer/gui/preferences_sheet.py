"""The Preferences sheet: settings of the user, independent of the open file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgui_bundle import hello_imgui, imgui

from viewer.gui import widgets
from viewer.storage.preferences import BOUNDS, THEMES

if TYPE_CHECKING:
    from viewer.gui.view import WindowView

SCALES = (0.75, 1.0, 1.25, 1.5, 2.0, 3.0)
"""Scales of text and widgets to choose from."""

_LOG = imgui.SliderFlags_.logarithmic | imgui.SliderFlags_.always_clamp


def draw(view: WindowView) -> None:
    """Draw the sheet; every change takes effect at once."""
    preferences = view.session.preferences
    values = preferences.values
    if view.sheet.begin("Preferences", hello_imgui.em_to_vec2(34, 23)):
        widgets.heading("Window")
        current = THEMES.index(values.theme)
        chosen = widgets.pills("theme", current, [name.capitalize() for name in THEMES])
        if chosen != current:
            view.appearance.choose(THEMES[chosen])
        current = SCALES.index(values.ui_scale) if values.ui_scale in SCALES else -1
        chosen = widgets.pills(
            "scale", current, [f"{scale:.0%}".replace("%", " %") for scale in SCALES]
        )
        if chosen != current:
            view.appearance.resize(SCALES[chosen])
        widgets.dim("Size of text and widgets. Ctrl + and Ctrl − change it anywhere.")
        widgets.heading("Mouse")
        values.turn_speed = imgui.slider_float(
            widgets.labeled("Turning"), values.turn_speed, *BOUNDS["turn_speed"], "× %.2f", _LOG
        )[1]
        values.zoom_speed = imgui.slider_float(
            widgets.labeled("Zooming"), values.zoom_speed, *BOUNDS["zoom_speed"], "× %.2f", _LOG
        )[1]
        widgets.heading("Memory")
        values.cache_mb = imgui.drag_float(
            widgets.labeled("Tiles"), values.cache_mb, 4.0, *BOUNDS["cache_mb"], "%.0f MB", _LOG
        )[1]
        if imgui.is_item_deactivated_after_edit():
            view.session.settings.view.cache_mb = values.cache_mb
        widgets.tip(
            "GPU memory budget of the tile cache, now and in later runs without --cache-mb."
        )
        widgets.dim(f"Kept in {preferences.path}" if preferences.path else "Kept until you quit.")
    imgui.end()
    if not imgui.is_any_item_active():
        preferences.save()
