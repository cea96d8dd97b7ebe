"""The menu bar above and the status bar below: commands, and what is under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgui_bundle import hello_imgui, imgui

from viewer.gui import keys, theme, widgets
from viewer.gui.keys import Key
from viewer.model import text

if TYPE_CHECKING:
    from viewer.app import App


MENUS = (
    ("File", ("File",)),
    ("View", ("View", "Shading")),
    ("Overlay", ("Overlays",)),
    ("Compare", ("Compare",)),
    ("Tools", ("Measure", "Film", "Debug")),
    ("Help", ("Help",)),
)
"""Menus, and the groups of commands in each."""


def menus(app: App) -> None:
    """Every command of `viewer.gui.keys`, and what has no command: the panels."""
    for title, groups in MENUS:
        filled = [
            rows
            for group in groups
            if (rows := [key for key in keys.KEYS if key.group == group and key.menu])
        ]
        if not filled or not imgui.begin_menu(title):
            continue
        for number, rows in enumerate(filled):
            if number:
                imgui.separator()
            for key in rows:
                _item(app, key)
                if key.chord == "ctrl+o":
                    _recent(app)
        if title == "View":
            _panels()
        imgui.end_menu()


def _item(app: App, key: Key) -> None:
    on = key.on is not None and key.on(app)
    possible = key.possible is None or key.possible(app)
    if imgui.menu_item(key.text, key.shown, on, possible)[0]:
        key.act(app)


def _recent(app: App) -> None:
    """Files that were open before; those that are gone are last and gray."""
    values = app.preferences.values
    if not imgui.begin_menu("Open recent", bool(values.recent)):
        return
    for path, there in values.recent_files():
        if imgui.menu_item(f"{text.shortened(path, 60)}##{path}", "", False, there)[0]:
            app.open_paths([path])
    imgui.separator()
    if imgui.menu_item("Clear this list", "", False)[0]:
        values.recent.clear()
        app.preferences.save()
    imgui.end_menu()


def _panels() -> None:
    """Which panels there are; each comes and goes."""
    params = hello_imgui.get_runner_params()
    imgui.separator()
    if imgui.begin_menu("Panels"):
        for panel in params.docking_params.dockable_windows:
            panel.is_visible = imgui.menu_item(panel.label, "", panel.is_visible)[1]
        imgui.end_menu()
    if imgui.menu_item("Reset layout", "", False)[0]:
        params.docking_params.layout_reset = True


def status(app: App) -> None:
    """Draw the status bar: layer shown, cursor readout in the file's coordinates, coordinate
    system."""
    if app.files.loading:
        imgui.text_colored(theme.rgba(theme.ACCENT), f"Opening {app.files.loading} …")
        imgui.same_line(0, 1.6 * hello_imgui.em_size())
    if app.scene is None or app.scene.reader is None:
        imgui.text_disabled("No file is open.")
        return
    pick = app.pick
    if app.legend is not None:
        if app.legend.slot:
            widgets.badge(app.legend.slot)
            imgui.same_line(0, 0.4 * hello_imgui.em_size())
        imgui.text_unformatted(app.legend.layer)
        widgets.tip("The slot, layer and bits of the picture. The key X swaps the slots A and B.")
        imgui.same_line(0, 1.6 * hello_imgui.em_size())
    for label, value, tip in readout(app):
        imgui.text_colored(theme.rgba(theme.DIM), label)
        imgui.same_line(0, 0.35 * hello_imgui.em_size())
        imgui.text_unformatted(value if pick is not None else text.DASH)
        widgets.tip(tip)
        imgui.same_line(0, 1.2 * hello_imgui.em_size())
    name = text.crs_name(app.scene.reader.grid.crs_wkt)
    if app.scene.reader.grid.vertical_datum:
        name += f", {app.scene.reader.grid.vertical_datum}"
    room = imgui.get_content_region_avail().x - imgui.calc_text_size(name).x
    if room >= 0:  # the Layers panel has it too
        imgui.same_line(0, room)
        imgui.text_disabled(name)
        widgets.tip("Coordinate system of the file.")


def readout(app: App) -> list[tuple[str, str, str]]:
    """Label, value and explanation of everything known about the surface under the cursor."""
    pick = app.pick
    slope = "" if pick is None else "…" if pick.pending else text.angle(pick.slope_deg)
    rows = [
        ("E", text.coordinate(pick.easting) if pick else "", "Easting, meters."),
        ("N", text.coordinate(pick.northing) if pick else "", "Northing, meters."),
        ("Z", text.meters(pick.z_m) if pick else "", "Decoded height, never exaggerated."),
        ("Slope", slope, "Steepness of the decoded surface."),
    ]
    if pick is not None and pick.reference_m is not None:
        rows.append(
            (
                "Ref",
                text.meters(pick.reference_m),
                "The reference there, brought to the level drawn by the layer's low-pass.",
            )
        )
        rows.append(
            (
                "Error",
                text.meters(pick.error_m, signed=True),
                "Decoded − reference, of the level drawn.",
            )
        )
    rows.append(("Level", str(pick.tile.z) if pick else "", "Level of detail that is drawn there."))
    return rows
