"""Measuring tools, the list of measurements, and the readout under the cursor."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgui_bundle import hello_imgui, imgui

from neural.system import output
from viewer.gui import theme, widgets
from viewer.measuring import look, tables
from viewer.measuring.look import headline
from viewer.measuring.quantities import MeasurementResult
from viewer.measuring.readout import SurfaceReading
from viewer.measuring.terrain import REFERENCE
from viewer.model import text
from viewer.model.measurements import MEASUREMENT_KINDS
from viewer.panels.panel import Panel

if TYPE_CHECKING:
    from viewer.session.protocols import MeasuringView

LABELS = {"point": "Point", "distance": "Distance", "area": "Area"}
TIPS = {
    "point": "Click a point for its heights, slopes and curvatures.",
    "distance": "Click the vertices of a line; double-click, right-click or Enter finishes it.",
    "area": "Click the vertices of a polygon; double-click, right-click or Enter closes it.",
}

ROWS = {
    "height_m": ("Height", text.meters, "Decoded height at the finest level."),
    "slope_deg": ("Slope", text.angle, "Slope of the decoded surface."),
    "aspect_deg": ("Aspect", text.angle, "Downslope direction, clockwise from grid north."),
    "profile_curvature_per_m": (
        "Profile curv.",
        text.curvature,
        "Along the steepest descent, 1/m; convex is positive.",
    ),
    "plan_curvature_per_m": (
        "Plan curv.",
        text.curvature,
        "Across the steepest descent, 1/m; convex is positive.",
    ),
    "height_difference_m": (
        "Rise",
        text.signed_meters,
        "Height of the last vertex − that of the first.",
    ),
    "gradient_percent": ("Gradient", text.percent, "Rise divided by the length on the grid."),
    "straight_m": ("Straight", text.length, "Straight 3D length between the vertices."),
    "surface_m": (
        "On the surface",
        text.length,
        "Length along the surface, two samples per finest cell.",
    ),
    "climb_m": ("Climb", text.meters, "Sum of all rises, fine roughness included."),
    "descent_m": ("Descent", text.meters, "Sum of all falls."),
    "surface_m2": (
        "Surface",
        text.area,
        "Area of the sloping surface, a sample per finest cell.",
    ),
    "mean_m": ("Mean height", text.meters, "Over the polygon."),
    "lowest_m": ("Lowest", text.meters, "Lowest sample in the polygon."),
    "highest_m": ("Highest", text.meters, "Highest sample in the polygon."),
    "known_share": ("Known", text.share, "Share of the area with data."),
}
"""Quantities of a surface in the order of the table: label, format, explanation."""


def draw(view: MeasuringView) -> None:
    """Draw the tools, the measurements, the readout."""
    _tools(view)
    _items(view)
    widgets.heading("Under the cursor")
    reading = view.measuring.readout.reading
    if reading is None or view.pick is None:
        widgets.dim("Move the mouse over the terrain.")
    else:
        _reading(reading)


def _tools(view: MeasuringView) -> None:
    measuring = view.settings.measuring
    spacing = imgui.get_style().item_inner_spacing.x
    for number, kind in enumerate(MEASUREMENT_KINDS):
        if number:
            imgui.same_line(0, spacing)
        if widgets.pill(LABELS[kind], measuring.tool == kind):
            view.run("measure.start_tool", "none" if measuring.tool == kind else kind)
        widgets.tip(f"{TIPS[kind]} Key M; Esc cancels.")
    imgui.same_line(0, 2 * spacing)
    if widgets.pill("Profile", measuring.tool == "profile"):
        view.run("measure.start_profile")
    widgets.tip("Draw the line of an elevation profile. Key P.")


def _items(view: MeasuringView) -> None:
    """Draw the list of measurements and the commands on it."""
    items = view.settings.measuring.items
    removed = None
    for number, item in enumerate(items):
        result = view.measurement(item)
        summary = "…" if result is None else headline(result, view.settings.active)
        imgui.push_id(str(number))
        label = f"{number + 1}  {LABELS[item.kind]}###item"
        opened = imgui.tree_node_ex(label, imgui.TreeNodeFlags_.span_label_width)
        imgui.same_line(hello_imgui.em_size(7.4))
        imgui.text_unformatted(summary)
        imgui.same_line(
            imgui.get_content_region_avail().x
            + imgui.get_cursor_pos_x()
            - 2.2 * hello_imgui.em_size()
        )
        if imgui.small_button("×"):
            removed = number
        widgets.tip("Remove this measurement.")
        if opened:
            if result is not None:
                _result(result)
            imgui.tree_pop()
        imgui.pop_id()
    if removed is not None:
        del items[removed]
    if not items:
        widgets.dim("No measurements yet: press M and click on the terrain.")
        return
    if imgui.button("Copy"):
        imgui.set_clipboard_text(tables.to_csv(_measured(view)))
        view.messages.info("The measurements are on the clipboard.")
    widgets.tip("Copy all numbers as a table, for a spreadsheet.")
    imgui.same_line()
    if imgui.button("Save CSV…"):
        results = _measured(view)
        view.dialogs.save(
            "Save measurements", ".csv", lambda path: _save(view, path, results), "measurements.csv"
        )
    imgui.same_line()
    if imgui.button("Clear"):
        items.clear()


def _measured(view: MeasuringView) -> list[MeasurementResult]:
    results = (view.measurement(item) for item in view.settings.measuring.items)
    return [result for result in results if result is not None]


def _save(view: MeasuringView, path: str, results: list[MeasurementResult]) -> None:
    view.messages.report_errors(
        lambda: output.write_text(path, tables.to_csv(results)), f"Saved {Path(path).name}."
    )


def _result(result: MeasurementResult) -> None:
    """Draw one measurement: quantities common to all surfaces, then a column per surface."""
    common = result.common
    rows: list[tuple[str, ...]] = []
    if result.kind == "point":
        rows.append(("Easting", text.coordinate(common["easting_m"])))
        rows.append(("Northing", text.coordinate(common["northing_m"])))
        rows.append(
            ("WGS 84", text.longitude_latitude(common["longitude_deg"], common["latitude_deg"]))
        )
        tile = text.DASH if common["tile"] is None else "/".join(map(str, common["tile"]))
        rows.append(("Tile", tile, "Level/column/row of the finest tile at this point."))
    elif result.kind == "distance":
        rows.append(
            (
                "On the grid",
                text.length(common["horizontal_m"]),
                "Horizontal length in the file's projection.",
            )
        )
        rows.append(
            (
                "Bearing",
                text.angle(common["bearing_deg"]),
                "First to last corner, clockwise from grid north.",
            )
        )
    else:
        rows.append(
            (
                "On the grid",
                text.area(common["planimetric_m2"]),
                "Planimetric area in the file's projection.",
            )
        )
        rows.append(("Perimeter", text.length(common["perimeter_m"]), "On the grid."))
    widgets.facts("common", rows)
    _surfaces("surfaces", result.surfaces)
    if result.note:
        widgets.dim(result.note)


def _reading(reading: SurfaceReading) -> None:
    tile = text.DASH if reading.tile is None else "/".join(map(str, reading.tile))
    place = text.longitude_latitude(reading.longitude_deg, reading.latitude_deg)
    widgets.facts(
        "cursor",
        [
            (
                "E, N",
                f"{text.coordinate(reading.easting)}, {text.coordinate(reading.northing)}",
                "Easting and northing, meters.",
            ),
            ("WGS 84", place, "Latitude and longitude, degrees."),
            (
                "Tile",
                tile,
                "Level/column/row of the tile drawn here; the readout is of that level.",
            ),
        ],
    )
    _surfaces(
        "heights",
        {
            name: {"height_m": height}
            | {
                key: getattr(reading, field)[name]
                for key, field in _SHAPE
                if name in reading.slope_deg
            }
            for name, height in reading.heights_m.items()
        },
    )
    differences = [
        (name, text.meters(value, signed=True)) for name, value in reading.differences_m.items()
    ]
    widgets.facts("differences", differences)


_SHAPE = (
    ("slope_deg", "slope_deg"),
    ("aspect_deg", "aspect_deg"),
    ("profile_curvature_per_m", "profile_curvature"),
    ("plan_curvature_per_m", "plan_curvature"),
)


def _surfaces(name: str, surfaces: dict[str, dict[str, Any]]) -> None:
    """Draw a table with a column per surface; heads in the colors of the plots."""
    keys = [key for key in ROWS if any(key in values for values in surfaces.values())]
    if all(math.isclose(values.get("known_share", 1.0), 1.0) for values in surfaces.values()):
        keys = [key for key in keys if key != "known_share"]
    flags = imgui.TableFlags_.sizing_stretch_prop | imgui.TableFlags_.no_pad_outer_x
    if not surfaces or not imgui.begin_table(name, 1 + len(surfaces), flags):
        return
    imgui.table_setup_column("", imgui.TableColumnFlags_.width_stretch, 1.3)
    for _ in surfaces:
        imgui.table_setup_column("", imgui.TableColumnFlags_.width_stretch, 1.0)
    imgui.table_next_row()
    imgui.table_next_column()
    for surface in surfaces:
        imgui.table_next_column()
        imgui.text_colored(
            theme.rgba(look.color(surface)), "Ref." if surface == REFERENCE else surface
        )
    for key in keys:
        label, write, explanation = ROWS[key]
        imgui.table_next_row()
        imgui.table_next_column()
        imgui.text_colored(theme.rgba(theme.DIM), label)
        widgets.tip(explanation)
        for values in surfaces.values():
            imgui.table_next_column()
            imgui.text_unformatted(write(values[key]) if key in values else "")
            widgets.tip(explanation)
    imgui.end_table()


PANEL = Panel(look.MEASURE_PANEL, dock="ColumnBottom", needs_document=True, draw=draw)
