"""How the surface looks: light, colors, exaggeration, level of detail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgui_bundle import ImVec2, hello_imgui, imgui

from viewer.gui import widgets
from viewer.model import colormaps
from viewer.model.settings import HILLSHADES, SHADING_MODES, ShadingSettings

if TYPE_CHECKING:
    from viewer.app import App

TITLE = "Shading"
DOCK = "Column"

_TIPS = ("gray relief in sunlight", "colors by height alone", "colors by height in sunlight")


def draw(app: App) -> None:
    """Widgets for Settings.shading, .view and .debug."""
    shading = app.settings.shading
    view = app.settings.view
    debug = app.settings.debug
    mode = widgets.pills(
        "mode", SHADING_MODES.index(shading.mode), [m.capitalize() for m in SHADING_MODES], _TIPS
    )
    shading.mode = SHADING_MODES[mode]
    _colors(app)

    widgets.heading("Light")
    _light(shading)

    widgets.heading("Shape")
    view.exaggeration = imgui.slider_float(
        widgets.labeled("Exaggeration"),
        view.exaggeration,
        0.5,
        20,
        "× %.2f",
        imgui.SliderFlags_.logarithmic,
    )[1]
    widgets.tip(
        "Heights are drawn this many times as high. Readouts, errors and levels of detail stay "
        "true."
    )
    view.sse_px = imgui.slider_float(
        widgets.labeled("Screen error"),
        view.sse_px,
        0.5,
        16,
        "%.1f px",
        imgui.SliderFlags_.logarithmic,
    )[1]
    widgets.tip("A tile is refined while its geometric error covers more pixels than this.")
    view.fov_deg = imgui.slider_float(
        widgets.labeled("Field of view"), view.fov_deg, 15, 90, "%.0f°"
    )[1]

    widgets.heading("Look inside")
    for index, (label, name, tip) in enumerate(_DEBUG):
        if index % 2:
            imgui.same_line(hello_imgui.em_size(9))
        setattr(debug, name, imgui.checkbox(label, getattr(debug, name))[1])
        widgets.tip(tip)


def _light(shading: ShadingSettings) -> None:
    """Relief, the sun, and what the air does."""
    imgui.begin_disabled(shading.mode == "elevation")
    at = HILLSHADES.index(shading.hillshade)
    shading.hillshade = HILLSHADES[
        widgets.choose("Hillshade", at, [name.capitalize() for name in HILLSHADES])
    ]
    widgets.tip(_HILLSHADES[shading.hillshade])
    azimuth = shading.sun_azimuth_deg
    altitude = shading.sun_altitude_deg
    shading.sun_azimuth_deg = imgui.slider_float(
        widgets.labeled("Azimuth"), azimuth, 0, 360, "%.0f°"
    )[1]
    widgets.tip("Where the sun stands, clockwise from north.")
    shading.sun_altitude_deg = imgui.slider_float(
        widgets.labeled("Altitude"), altitude, 1, 90, "%.0f°"
    )[1]
    widgets.tip("How high the sun stands above the horizon.")
    shading.shadows = imgui.checkbox("Shadows", shading.shadows)[1]
    widgets.tip("What the sun does not reach lies in shadow. Key H.")
    imgui.end_disabled()
    imgui.same_line(hello_imgui.em_size(9))
    shading.edl = imgui.checkbox("Eye-dome", shading.edl)[1]
    widgets.tip(
        "Eye-dome lighting: what lies behind its surroundings darkens, so that creases stand "
        "out. Key E."
    )
    if shading.edl:
        shading.edl_strength = imgui.slider_float(
            widgets.labeled("Strength"), shading.edl_strength, 0, 3, "%.2f"
        )[1]
    shading.fog = imgui.slider_float(
        widgets.labeled("Haze"), shading.fog, 0, 1, "%.2f" if shading.fog else "none"
    )[1]
    widgets.tip("Far ground fades into the color of the horizon, more so in valleys.")


_HILLSHADES = {
    "soft": "One sun that reaches round slopes a little, and light from the sky.",
    "standard": "One sun, after Horn (1981): as gdaldem hillshade and GIS programs draw it.",
    "multidirectional": "Suns from four sides, after Mark (1992): shape in slopes of every "
    "direction.",
    "igor": "Only slopes turned away from the sun darken (Igor Brejc): leaves colors clean.",
}


_DEBUG = (
    ("Wireframe", "wireframe", "Edges of the mesh. Key W."),
    ("Level tint", "lod_tint", "A color for each level of detail. Key L."),
    ("Tile boxes", "bounds", "A box around each tile drawn. Key B."),
    ("Freeze", "freeze", "Keep the choice of tiles while the camera moves. Key F."),
)


def _colors(app: App) -> None:
    """Color table and the heights at its ends."""
    shading = app.settings.shading
    names = colormaps.names("elevation")
    imgui.begin_disabled(shading.mode == "hillshade")
    titles = [colormaps.colormap(name).title for name in names]
    at = names.index(shading.colormap) if shading.colormap in names else 0
    shading.colormap = names[widgets.choose("Colors", at, titles)]
    widgets.strip(
        colormaps.lut(shading.colormap).tolist(),
        ImVec2(imgui.get_content_region_avail().x, 0.5 * hello_imgui.em_size()),
    )
    shading.elevation_auto = imgui.checkbox("Fit to heights", shading.elevation_auto)[1]
    widgets.tip("Let the colors span the heights of the whole layer.")
    if app.scene is not None and shading.elevation_auto:
        shading.elevation_min_m, shading.elevation_max_m = app.scene.elevation_range
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
