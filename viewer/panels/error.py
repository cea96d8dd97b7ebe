"""Decoded minus reference: the overlay, its colours, and the numbers behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgui_bundle import ImVec2, ImVec4, hello_imgui, imgui, implot

from viewer import colormaps, text, widgets
from viewer.legend import ERROR_COLOURS

if TYPE_CHECKING:
    from viewer.app import App
    from viewer.stats import ErrorStats

TITLE = "Error"
DOCK = "ColumnBottom"


def draw(app: App) -> None:
    """Switch, colour range, statistics over the tiles drawn."""
    scene = app.scene
    if scene is None or scene.reader is None:
        widgets.dim("No file is open.")
        return
    if scene.reference_name is None:
        widgets.dim(
            "This file has no reference layer. Drop the original raster on the window, choose File › Reference "
            "raster, or start with --reference DEM."
        )
        return
    overlay = app.settings.overlay
    shown = imgui.checkbox("Error overlay", overlay.name == "error")[1]
    overlay.name = "error" if shown else "none"
    widgets.tip("Colours by decoded − reference: blue is too low, red too high. Key O.")
    imgui.begin_disabled(not shown)
    imgui.same_line(0, 1.5 * hello_imgui.em_size())
    overlay.error_auto = imgui.checkbox("Automatic range", overlay.error_auto)[1]
    widgets.tip("The colours end where 95 % of the errors in view lie inside.")
    if overlay.error_auto and shown and app.legend is not None:
        overlay.error_range_m = app.legend.high_m  # where dragging would start
    imgui.begin_disabled(overlay.error_auto)
    overlay.error_range_m = imgui.drag_float(
        widgets.labelled("Range"), overlay.error_range_m, 0.01, 0.001, 10000, "± %.3f m", _LOG
    )[1]
    imgui.end_disabled()
    overlay.opacity = imgui.slider_float(widgets.labelled("Opacity"), overlay.opacity, 0, 1, "%.2f")[1]
    imgui.end_disabled()
    widgets.facts("reference", [("Reference", scene.reference_name, "What errors are measured against.")])
    if shown:
        _numbers(app.errors)


_LOG = imgui.SliderFlags_.logarithmic | imgui.SliderFlags_.always_clamp


def _numbers(errors: ErrorStats | None) -> None:
    widgets.heading("In view")
    if errors is None or errors.samples == 0:
        widgets.dim("measuring…")
        return
    widgets.facts(
        "errors",
        [
            ("RMSE", text.metres(errors.rmse_m), "Root mean square error."),
            ("MAE", text.metres(errors.mae_m), "Mean absolute error."),
            ("LE90", text.metres(errors.le90_m), "Linear error: 90 % of the absolute errors are smaller."),
            ("Largest", text.metres(errors.max_error_m), "The largest absolute error."),
            ("Bias", text.metres(errors.bias_m, signed=True), "Mean of decoded − reference."),
            ("Samples", text.count(errors.samples), "Samples of the tiles drawn, at the levels drawn."),
        ],
        pairs=2,
    )
    _histogram(errors)


def _histogram(errors: ErrorStats) -> None:
    """How often which error occurs, in the colours of the overlay."""
    flags = implot.Flags_.canvas_only | implot.Flags_.no_inputs
    if not implot.begin_plot("##histogram", ImVec2(-1, 8 * hello_imgui.em_size()), flags):
        return
    implot.setup_axes("", "", implot.AxisFlags_.no_grid_lines, implot.AxisFlags_.auto_fit)
    implot.setup_axis_format(implot.ImAxis_.x1, "%g m")
    implot.setup_axis_format(implot.ImAxis_.y1, "%g %%")
    reach = float(errors.edges_m[-1])
    implot.setup_axis_limits(implot.ImAxis_.x1, -reach, reach, imgui.Cond_.always)
    centres = (errors.edges_m[:-1] + errors.edges_m[1:]) / 2
    width = 0.9 * float(errors.edges_m[1] - errors.edges_m[0])
    table = colormaps.lut(ERROR_COLOURS) / 255.0
    middle = len(centres) // 2
    for name, bins, entry in (
        ("too low", slice(0, middle), 60),
        ("right", slice(middle, middle + 1), 128),
        ("too high", slice(middle + 1, None), 195),
    ):
        red, green, blue = table[entry].tolist()
        spec = implot.Spec(fill_color=ImVec4(red, green, blue, 1.0))
        implot.plot_bars(name, centres[bins].copy(), 100 * errors.shares[bins], width, spec=spec)
    implot.end_plot()
