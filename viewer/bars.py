"""The menu bar above and the status bar below: commands, and what is under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgui_bundle import hello_imgui, imgui

from viewer import text, theme, widgets, window

if TYPE_CHECKING:
    from viewer.app import App


def menus(app: App) -> None:
    """File, View and Help."""
    if imgui.begin_menu("File"):
        if imgui.menu_item("Open…", "Ctrl+O", False)[0]:
            app.dialogs.open_file()
        if imgui.menu_item("Reference raster…", "", False, app.path is not None)[0]:
            app.dialogs.open_reference()
        if imgui.menu_item("Save screenshot", "F12", False)[0]:
            app.screenshots.save()
        imgui.separator()
        if imgui.menu_item("Quit", "", False)[0]:
            window.close()
        imgui.end_menu()
    if imgui.begin_menu("View"):
        if imgui.menu_item("Whole area", "R", False)[0]:
            app.home()
        if imgui.menu_item("North up", "N", False)[0]:
            app.turn(heading_deg=0.0)
        if imgui.menu_item("Straight down", "T", False)[0]:
            app.turn(pitch_deg=-89.9)
        if imgui.menu_item("Swap A and B", "X", False)[0]:
            app.swap_slots()
        imgui.separator()
        params = hello_imgui.get_runner_params()
        for panel in params.docking_params.dockable_windows:
            panel.is_visible = imgui.menu_item(panel.label, "", panel.is_visible)[1]
        if imgui.menu_item("Restore the layout", "", False)[0]:
            params.docking_params.layout_reset = True
        imgui.separator()
        if imgui.menu_item("Full screen", "F11", False)[0]:
            app.toggle_fullscreen()
        imgui.end_menu()
    if imgui.begin_menu("Help"):
        if imgui.menu_item("Mouse and keys", "F1", False)[0]:
            app.toggle_help()
        imgui.end_menu()


def status(app: App) -> None:
    """What is shown, cursor readout in the file's own coordinates, then the coordinate system."""
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
    imgui.same_line(0, max(room, 0))
    imgui.text_disabled(name)
    widgets.tip("Coordinate system of the file.")


def readout(app: App) -> list[tuple[str, str, str]]:
    """Label, value and explanation of everything known about the surface under the cursor."""
    pick = app.pick
    rows = [
        ("E", text.coordinate(pick.easting) if pick else "", "Easting, metres."),
        ("N", text.coordinate(pick.northing) if pick else "", "Northing, metres."),
        ("Z", text.metres(pick.z_m) if pick else "", "Decoded height, never exaggerated."),
        ("Slope", f"{pick.slope_deg:.1f}°" if pick else "", "Steepness of the decoded surface."),
    ]
    if pick is not None and pick.reference_m is not None:
        rows.append(("Ref", text.metres(pick.reference_m), "Height of the reference at the same place and level."))
        rows.append(("Error", text.metres(pick.error_m, signed=True), "Decoded − reference."))
    rows.append(("Level", str(pick.tile.z) if pick else "", "Level of detail that is drawn there."))
    return rows
