"""Shading of the surface: light, colors, exaggeration, level of detail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgui_bundle import ImVec2, hello_imgui, imgui

from viewer.gui import widgets
from viewer.model import colormaps
from viewer.model.settings import HILLSHADES, SHADING_MODES, ShadingSettings
from viewer.panels.panel import Panel

if TYPE_CHECKING:
    from viewer.session.protocols import ShadingView

_TIPS = ("Gray hillshade.", "Color by elevation.", "Color by elevation, with hillshade.")


def draw(view: ShadingView) -> None:
    """Draw the widgets of `Settings.shading`, `.view` and `.debug`."""
    shading = view.settings.shading
    projection = view.settings.view
    debug = view.settings.debug
    mode = widgets.pills(
        "mode", SHADING_MODES.index(shading.mode), [m.capitalize() for m in SHADING_MODES], _TIPS
    )
    shading.mode = SHADING_MODES[mode]
    _colors(view)

    widgets.heading("Light")
    _light(shading)

    widgets.heading("Shape")
    projection.exaggeration = imgui.slider_float(
        widgets.labeled("Exaggeration"),
        projection.exaggeration,
        0.5,
        20,
        "× %.2f",
        imgui.SliderFlags_.logarithmic,
    )[1]
    widgets.tip(
        "Vertical scale factor (drawing only). Readouts, errors and levels of detail do not change."
    )
    projection.sse_px = imgui.slider_float(
        widgets.labeled("Screen error"),
        projection.sse_px,
        0.5,
        16,
        "%.1f px",
        imgui.SliderFlags_.logarithmic,
    )[1]
    widgets.tip("Maximum screen-space error, pixels: tiles above it are refined.")
    projection.fov_deg = imgui.slider_float(
        widgets.labeled("Field of view"), projection.fov_deg, 15, 90, "%.0f°"
    )[1]

    widgets.heading("Debug view")
    for index, (label, name, tip) in enumerate(_DEBUG):
        if index % 2:
            imgui.same_line(hello_imgui.em_size(9))
        setattr(debug, name, imgui.checkbox(label, getattr(debug, name))[1])
        widgets.tip(tip)


def _light(shading: ShadingSettings) -> None:
    """Draw hillshade, sun, shadows, eye-dome lighting and haze."""
    imgui.begin_disabled(shading.mode == "elevation")
    current = HILLSHADES.index(shading.hillshade)
    shading.hillshade = HILLSHADES[
        widgets.choose("Hillshade", current, [name.capitalize() for name in HILLSHADES])
    ]
    widgets.tip(_HILLSHADES[shading.hillshade])
    azimuth = shading.sun_azimuth_deg
    altitude = shading.sun_altitude_deg
    shading.sun_azimuth_deg = imgui.slider_float(
        widgets.labeled("Azimuth"), azimuth, 0, 360, "%.0f°"
    )[1]
    widgets.tip("Sun azimuth, clockwise from north.")
    shading.sun_altitude_deg = imgui.slider_float(
        widgets.labeled("Altitude"), altitude, 1, 90, "%.0f°"
    )[1]
    widgets.tip("Sun altitude above the horizon.")
    shading.shadows = imgui.checkbox("Shadows", shading.shadows)[1]
    widgets.tip("Cast shadows of the sun. Key H.")
    imgui.end_disabled()
    imgui.same_line(hello_imgui.em_size(9))
    shading.edl = imgui.checkbox("Eye-dome", shading.edl)[1]
    widgets.tip(
        "Eye-dome lighting: darkens pixels that lie behind their surroundings, which brings out "
        "breaks in depth. Key E."
    )
    if shading.edl:
        shading.edl_strength = imgui.slider_float(
            widgets.labeled("Strength"), shading.edl_strength, 0, 3, "%.2f"
        )[1]
    shading.fog = imgui.slider_float(
        widgets.labeled("Haze"), shading.fog, 0, 1, "%.2f" if shading.fog else "none"
    )[1]
    widgets.tip("Distance haze, denser in valleys.")


_HILLSHADES = {
    "soft": "One sun that wraps around slopes a little, and ambient sky light.",
    "standard": "One sun, after Horn (1981), as in gdaldem hillshade and QGIS.",
    "multidirectional": "Suns from four directions, after Mark (1992): relief in slopes of every "
    "aspect.",
    "igor": "Darkens only slopes that face away from the sun (Igor Brejc); keeps colors clean.",
}


_DEBUG = (
    ("Wireframe", "wireframe", "Edges of the mesh. Key W."),
    ("Color by LOD", "lod_tint", "One color per level of detail. Key L."),
    ("Tile boxes", "bounds", "Bounding box of each tile drawn. Key B."),
    ("Freeze LOD", "freeze", "Keep the tile selection while the camera moves. Key F."),
)


def _colors(view: ShadingView) -> None:
    """Draw color table and color range."""
    shading = view.settings.shading
    names = colormaps.names("elevation")
    imgui.begin_disabled(shading.mode == "hillshade")
    titles = [colormaps.colormap(name).title for name in names]
    current = names.index(shading.colormap) if shading.colormap in names else 0
    shading.colormap = names[widgets.choose("Colors", current, titles)]
    widgets.strip(
        colormaps.lut(shading.colormap).tolist(),
        ImVec2(imgui.get_content_region_avail().x, 0.5 * hello_imgui.em_size()),
    )
    shading.elevation_auto = imgui.checkbox("Fit range", shading.elevation_auto)[1]
    widgets.tip("Fit color range to the layer's min/max.")
    if shading.elevation_auto and view.has_outliers:
        imgui.same_line()
        shading.elevation_full = imgui.checkbox("Full", shading.elevation_full)[1]
        widgets.tip("Fit it to the few heights far from all others too.")
    heights_m = view.elevation_range
    if heights_m is not None and shading.elevation_auto:
        shading.elevation_min_m, shading.elevation_max_m = heights_m
    elif not shading.elevation_auto:
        low, high = imgui.drag_float_range2(
            widgets.labeled("Range"),
            shading.elevation_min_m,
            shading.elevation_max_m,
            1.0,
            0,
            0,
            "%.1f m",
            "%.1f m",
        )[1:]
        shading.elevation_min_m = low
        shading.elevation_max_m = max(high, low + 0.01)
    imgui.end_disabled()


PANEL = Panel("Shading", dock="Column", needs_document=False, draw=draw)
