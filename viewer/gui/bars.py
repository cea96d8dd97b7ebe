"""The menu bar above and the status bar below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgui_bundle import hello_imgui, imgui

from viewer.gui import keys, theme, widgets, window_commands
from viewer.gui.window_commands import BY_ID
from viewer.model import text

if TYPE_CHECKING:
    from viewer.gui.view import WindowView
    from viewer.model.readings import Pick, PickedBlock
    from viewer.session.commands import Command

LINE = "-"
"""A separator in a menu."""

MENUS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "File",
        (
            "file.open",
            "compare.open",
            "compare.close",
            "file.open_reference",
            "file.reload",
            LINE,
            "file.save_project",
            "file.save_project_as",
            "file.close",
            LINE,
            "file.export_image",
            "file.export_image_as",
            "file.export_screenshot",
            LINE,
            "window.preferences",
            "window.quit",
        ),
    ),
    (
        "View",
        (
            "view.undo",
            "view.redo",
            LINE,
            "view.zoom_to_extent",
            "view.north",
            "view.top",
            "view.fly_faster",
            "view.fly_slower",
            LINE,
            "shading.hillshade",
            "shading.elevation",
            "shading.combined",
            "shading.full_range",
            "shading.shadows",
            "shading.eye_dome_lighting",
            LINE,
            "window.light_theme",
            "window.larger_text",
            "window.smaller_text",
            "window.full_screen",
            "window.panels",
        ),
    ),
    (
        "Overlay",
        (
            "overlay.slope",
            "overlay.aspect",
            "overlay.profile_curvature",
            "overlay.plan_curvature",
            "overlay.contours",
            LINE,
            "overlay.error",
            "overlay.absolute_error",
            "overlay.tolerance",
            "overlay.gradient_error",
            "overlay.edge_gap",
            LINE,
            "overlay.blocks",
            "overlay.block_error",
        ),
    ),
    (
        "Compare",
        (
            "compare.swap",
            "compare.split",
            "compare.difference",
            "compare.reference",
            LINE,
            "layer.fewer_bits",
            "layer.more_bits",
        ),
    ),
    (
        "Tools",
        (
            "measure.start",
            "measure.start_profile",
            LINE,
            "film.add_keyframe",
            "film.update_keyframe",
            "film.delete_keyframe",
            "film.play",
            "film.make_tour",
            "film.make_orbit",
            "film.clear",
            "film.render",
            "bookmark.add",
            LINE,
            "debug.wireframe",
            "debug.color_by_lod",
            "debug.tile_boxes",
            "debug.freeze_lod",
            "debug.only_tile",
            "window.debug_panel",
        ),
    ),
    ("Help", ("window.commands", "window.help", "window.about")),
)
"""Menus with the ids of their commands."""

WITHOUT_MENU = ("measure.finish", "measure.remove_last_vertex", "window.cancel")
"""Commands that only make sense as keys."""


def in_menu_order() -> list[Command]:
    """Return the commands of the menus in their order."""
    return [BY_ID[entry] for _, ids in MENUS for entry in ids if entry != LINE]


def menus(view: WindowView) -> None:
    """Draw the menus of MENUS, recent files and panels."""
    for title, ids in MENUS:
        if not imgui.begin_menu(title):
            continue
        for command_id in ids:
            if command_id == LINE:
                imgui.separator()
            else:
                _item(view, command_id)
            if command_id == "file.open":
                _recent(view)
        if title == "View":
            _panels()
        imgui.end_menu()


def _item(view: WindowView, command_id: str) -> None:
    command = BY_ID[command_id]
    checked = window_commands.is_checked(view, command)
    enabled = window_commands.is_enabled(view, command)
    if imgui.menu_item(
        command.title, keys.label(command_id, view.window.keyboard.layout), checked, enabled
    )[0]:
        view.run(command_id)


def _recent(view: WindowView) -> None:
    """Draw the submenu of recent files; missing files are last and gray."""
    preferences = view.session.preferences
    values = preferences.values
    if not imgui.begin_menu("Open recent", bool(values.recent)):
        return
    for number, (path, exists) in enumerate(values.recent_files()):
        label = f"{theme.seen(text.shortened(path, 60))}##{number}"
        if imgui.menu_item(label, "", False, exists)[0]:
            view.open_paths([path])
    imgui.separator()
    if imgui.menu_item("Clear list", "", False)[0]:
        values.recent.clear()
        preferences.save()
    imgui.end_menu()


def _panels() -> None:
    """Draw the submenu that shows and hides panels."""
    params = hello_imgui.get_runner_params()
    imgui.separator()
    if imgui.begin_menu("Panels"):
        for panel in params.docking_params.dockable_windows:
            panel.is_visible = imgui.menu_item(panel.label, "", panel.is_visible)[1]
        imgui.end_menu()
    if imgui.menu_item("Reset layout", "", False)[0]:
        params.docking_params.layout_reset = True


def status(view: WindowView) -> None:
    """Draw the status bar: layer, cursor readout in the file's coordinates, coordinate system."""
    session = view.session
    em = hello_imgui.em_size()
    if session.files.loading:
        imgui.text_colored(
            theme.rgba(theme.ACCENT), f"Opening {theme.seen(session.files.loading)} …"
        )
        imgui.same_line(0, 1.6 * em)
    if session.document is None:
        imgui.text_disabled("No file is open.")
        return
    if session.legend is not None:
        if session.legend.slot:
            widgets.badge(session.legend.slot)
            imgui.same_line(0, 0.4 * em)
        imgui.text_unformatted(theme.seen(session.legend.layer))
        widgets.tip("Slot, layer and bits of the picture. The key X swaps slots A and B.")
        imgui.same_line(0, 1.6 * em)
    for label, value, tip in readout(session.pick):
        imgui.text_colored(theme.rgba(theme.DIM), label)
        imgui.same_line(0, 0.35 * em)
        imgui.text_unformatted(text.DASH if session.pick is None else value)
        widgets.tip(tip)
        imgui.same_line(0, 1.2 * em)
    grid = session.document.reader.grid
    name = text.crs_name(grid.crs_wkt)
    if grid.vertical_datum:
        name += f", {grid.vertical_datum}"
    room = imgui.get_content_region_avail().x - imgui.calc_text_size(name).x
    if room >= 0:  # the Layers panel has it too
        imgui.same_line(0, room)
        imgui.text_disabled(name)
        widgets.tip("Coordinate reference system of the file.")


BLOCK_TIP = (
    "Block of the layer: scale (0 is the whole area), column and row from the north-west, its "
    "side and root mean square error as the encoder measured it."
)


def readout(pick: Pick | None) -> list[tuple[str, str, str]]:
    """Return label, value and explanation of the readout under the cursor; values are "" without a
    pick."""
    slope = "" if pick is None else "…" if pick.pending else text.angle(pick.slope_deg)
    rows = [
        ("E", text.coordinate(pick.easting) if pick else "", "Easting, meters."),
        ("N", text.coordinate(pick.northing) if pick else "", "Northing, meters."),
        ("Z", text.meters(pick.z_m) if pick else "", "Decoded height, never exaggerated."),
        ("Slope", slope, "Slope of the decoded surface, degrees."),
    ]
    if pick is not None and pick.reference_m is not None:
        reference = text.meters(pick.reference_m)
        tip = "Reference height, low-passed to the level drawn as the layer is."
        rows.append(("Ref", reference, tip))
        error = text.meters(pick.error_m, signed=True)
        rows.append(("Error", error, "Decoded − reference at the level drawn."))
    rows.append(("Level", str(pick.tile.z) if pick else "", "Level of detail drawn here."))
    if pick is not None and pick.block is not None:
        rows.append(("Block", _block(pick.block), BLOCK_TIP))
    return rows


def _block(block: PickedBlock) -> str:
    """Return name, side and error of a block."""
    name = f"{block.scale}/{block.column}/{block.row}, {text.side(block.side_m)}"
    if block.constant:
        return f"{name}, a single height"
    return name if block.error_m is None else f"{name}, RMSE {text.meters(block.error_m)}"
