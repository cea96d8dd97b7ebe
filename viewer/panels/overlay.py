"""Overlay panel: overlay, reference, color range, statistics of the errors in view."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from imgui_bundle import ImVec2, ImVec4, hello_imgui, imgui, implot

from viewer.gui import theme, widgets
from viewer.model import colormaps, overlays, text
from viewer.model.overlays import (
    AGAINST,
    BLOCK_ERROR,
    BLOCKS,
    EDGE_GAP,
    HEIGHT,
    NAMES,
    OVERLAYS,
    OverlaySpec,
)
from viewer.panels.panel import Panel
from viewer.scene import legend

if TYPE_CHECKING:
    from viewer.model.readings import ErrorStats
    from viewer.model.settings import OverlaySettings
    from viewer.session.protocols import OverlayView

MEANS = "Level 0 is the coarsest. Coarse levels of layer and reference are means of 2 × 2 samples."
WAVELET = (
    "Level 0 is the coarsest. Coarse levels are low-passed by the 9/7 wavelet; so is the reference "
    "there, so that what differs is the codec's error. A sample counts where the reference has "
    "data at its place. Without rims: so far above the finest level the reference is made from "
    "averages, too inexact beside rims and gaps."
)

_LOG = imgui.SliderFlags_.logarithmic | imgui.SliderFlags_.always_clamp


def draw(view: OverlayView) -> None:
    """Draw overlay, colors and range, statistics of the view, contours."""
    _overlay(view)
    _contours(view)


def _contours(view: OverlayView) -> None:
    """Draw the contour settings."""
    widgets.heading("Contours")
    chosen = view.settings.contours
    chosen.on = imgui.checkbox("Lines", chosen.on)[1]
    widgets.tip("Contour lines; every fifth is an index contour. Key 8.")
    imgui.begin_disabled(not chosen.on)
    imgui.same_line(0, 1.5 * hello_imgui.em_size())
    chosen.labels = imgui.checkbox("Heights", chosen.labels)[1]
    widgets.tip("Label index contours with their height.")
    if chosen.on and chosen.auto:
        chosen.interval_m = view.scene.survey.interval_m(view.settings) or chosen.interval_m
    changed, interval, auto = _with_auto(
        "Interval", chosen.interval_m, chosen.auto, "%.4g m", "contours"
    )
    widgets.tip("Contour interval; Auto follows the slopes in view.")
    chosen.interval_m = max(interval, 0.01)
    chosen.auto = auto and not changed
    imgui.end_disabled()


def _with_auto(
    label: str, value: float, auto: bool, form: str, name: str
) -> tuple[bool, float, bool]:
    """Draw a number with an Auto check box; return changed, number, automatic."""
    hidden = widgets.labeled(label)
    imgui.set_next_item_width(imgui.get_content_region_avail().x - 5.5 * hello_imgui.em_size())
    changed, value = imgui.drag_float(hidden, value, 0.01 * value, 1e-6, 1e6, form, _LOG)
    imgui.same_line()
    return changed, value, imgui.checkbox(f"Auto##{name}", auto)[1]


def _overlay(view: OverlayView) -> None:
    """Draw the choice of overlay and its options."""
    scene = view.scene
    overlay = view.settings.overlay
    current = NAMES.index(overlay.name) if overlay.name in NAMES else 0
    overlay.name = NAMES[
        widgets.choose("Show", current, ["None", *(kind.title for kind in OVERLAYS.values())])
    ]
    kind = OVERLAYS.get(overlay.name)
    if kind is None:
        widgets.dim("Color the surface by slope, aspect, curvature or error. Keys 4 to 7 and O.")
        return
    widgets.tip(kind.about)
    if kind.measures:
        current = AGAINST.index(overlay.against) if overlay.against in AGAINST else 0
        names = (scene.reference_name or "Reference", "Slot B")
        tips = ("Decoded − reference.", "A − B, in the view of slot A. Key D.")
        overlay.against = AGAINST[widgets.pills("against", current, names, tips)]
    if kind.measures and scene.against_name is None:
        if overlay.against == "B":
            widgets.dim("Slot B minus itself is zero; show slot A (key X) to see A − B.")
            return
        widgets.dim(
            "This file has no reference layer. Drop the original raster on the window, choose "
            "File › Reference raster, or start with --reference DEM."
        )
        return
    if overlay.name in (BLOCKS, BLOCK_ERROR) and scene.pane is not None:
        if not scene.pane.block_sides:
            widgets.dim("This layer is not made of blocks; layers of the method ACORN are.")
            return
    if kind.measures or overlay.name == EDGE_GAP:
        _numbers(view, overlay, kind)
        widgets.heading("Colors")
    _colors(overlay, kind, view)


def _colors(overlay: OverlaySettings, kind: OverlaySpec, view: OverlayView) -> None:
    """Draw color range, color table and opacity."""
    if kind.range_kind in ("signed", "positive"):
        _range(overlay, kind, view)
        if kind.measures:
            overlay.amplification = imgui.slider_float(
                widgets.labeled("Amplify"), overlay.amplification, 1, 100, "× %.1f", _LOG
            )[1]
            widgets.tip("Multiply errors by this factor for coloring only.")
    if kind.measures == HEIGHT:
        overlay.tolerance_m = imgui.drag_float(
            widgets.labeled("Tolerance"), overlay.tolerance_m, 0.01, 0.001, 1000, "%.3f m", _LOG
        )[1]
        widgets.tip(
            "Samples with a larger absolute error are counted below and marked by the overlay "
            "Beyond tolerance."
        )
    if kind.colormap_kind:
        names = colormaps.names(kind.colormap_kind)
        present = overlays.colormap_name(overlay, overlay.name)
        titles = [colormaps.colormap(name).title for name in names]
        chosen = names[widgets.choose("Colors", names.index(present), titles)]
        if chosen != present:
            overlay.colormap[overlay.name] = chosen
        width = imgui.get_content_region_avail().x
        widgets.strip(colormaps.lut(chosen).tolist(), ImVec2(width, 0.5 * hello_imgui.em_size()))
    overlay.opacity = imgui.slider_float(widgets.labeled("Opacity"), overlay.opacity, 0, 1, "%.2f")[
        1
    ]


def _range(overlay: OverlaySettings, kind: OverlaySpec, view: OverlayView) -> None:
    """Draw the color range: a number, or automatic."""
    name = overlay.name
    auto = overlay.name not in overlay.reach
    current = view.scene.overlay_limit
    sign = "± " if kind.range_kind == "signed" else "0 to "
    form = f"{sign}%.4g {kind.unit}"
    changed, reach, follows = _with_auto(
        "Range", overlay.reach.get(name, current), auto, form, "range"
    )
    if changed or (auto and not follows):
        overlay.reach[name] = reach
    elif follows:
        overlay.reach.pop(name, None)
    widgets.tip(
        "Color range; Auto uses the overlay's fixed range."
        if kind.color_limit is not None
        else "Color range; Auto covers 95 % of the values in view."
    )


def _numbers(view: OverlayView, overlay: OverlaySettings, kind: OverlaySpec) -> None:
    """Draw the statistics of the errors in view and their histogram."""
    errors = view.errors
    widgets.heading("In view")
    if errors is None or errors.samples == 0:
        nothing = legend.NOT_MEASURED.capitalize() + "." if view.scene.ready else "measuring…"
        widgets.dim(nothing if kind.measures else "No two tiles in view share an edge.")
        return

    widgets.facts("errors", error_rows(errors, overlay, kind), pairs=2)
    pane = view.scene.pane
    if errors.levels is not None and pane is not None:
        grid = pane.current.source.reader.grid
        tip = MEANS if pane.current.source.decoder.method.low_pass.is_mean else WAVELET
        widgets.facts("levels", [("Of", text.levels(*errors.levels, grid.level_cell_m), tip)])
    signed = kind.range_kind == "signed"
    _histogram(
        errors.edges_m if signed else errors.size_edges_m,
        errors.shares if signed else errors.size_shares,
        overlay,
        kind,
    )


def error_rows(
    errors: ErrorStats, overlay: OverlaySettings, kind: OverlaySpec
) -> list[tuple[str, str, str]]:
    """Return label, value and explanation of each statistic."""

    def write(value: float, signed: bool = False) -> str:
        if kind.unit == "m":
            return text.meters(value, signed=signed)
        return f"{text.ratio(value)} {kind.unit}"

    rows = [
        ("RMSE", write(errors.rmse_m), "Root mean square error."),
        ("MAE", write(errors.mae_m), "Mean absolute error."),
        ("LE90", write(errors.le90_m), "Linear error: 90 % of the absolute errors are smaller."),
        ("Largest", write(errors.max_error_m), "Largest absolute error."),
    ]
    if kind.measures == HEIGHT:
        rows += [
            ("Bias", write(errors.bias_m, signed=True), "Mean of decoded − reference."),
            (
                "Beyond",
                text.share(errors.beyond),
                f"Share of the samples that are more than {overlay.tolerance_m:g} m off.",
            ),
        ]
    rows.append(
        (
            "Samples",
            text.count(errors.samples),
            "Samples in view, by blocks of 32 × 32, at the levels drawn.",
        )
    )
    return rows


def _histogram(
    edges: np.ndarray, shares: np.ndarray, overlay: OverlaySettings, kind: OverlaySpec
) -> None:
    """Draw the histogram of errors in the colors of the overlay."""
    flags = implot.Flags_.canvas_only | implot.Flags_.no_inputs
    if not implot.begin_plot("##histogram", ImVec2(-1, 8 * hello_imgui.em_size()), flags):
        return
    implot.setup_axes("", "", implot.AxisFlags_.no_grid_lines, implot.AxisFlags_.auto_fit)
    implot.setup_axis_format(implot.ImAxis_.x1, f"%g {kind.unit}")
    implot.setup_axis_format(implot.ImAxis_.y1, "%g %%")
    implot.setup_axis_limits(
        implot.ImAxis_.x1, float(edges[0]), float(edges[-1]), imgui.Cond_.always
    )
    centers = (edges[:-1] + edges[1:]) / 2
    width = 0.9 * float(edges[1] - edges[0])
    for label, bins, red, green, blue in _bands(centers, overlay, kind):
        fill = ImVec4(red / 255, green / 255, blue / 255, 1.0)
        # white bars on a light panel
        spec = implot.Spec(fill_color=fill, line_color=theme.rgba(theme.DIM))
        implot.plot_bars(label, centers[bins].copy(), 100 * shares[bins], width, spec=spec)
    implot.end_plot()


def _bands(
    centers: np.ndarray, overlay: OverlaySettings, kind: OverlaySpec
) -> list[tuple[str, slice, int, int, int]]:
    """Return label, bins and RGB of each band: negative, zero and positive errors, or within and
    beyond the tolerance."""
    if kind.range_kind == "mask":
        first = int(np.searchsorted(centers, overlay.tolerance_m))
        return [
            ("within", slice(0, first), *colormaps.WITHIN),
            ("beyond", slice(first, None), *colormaps.MASK),
        ]
    table = colormaps.lut(overlays.colormap_name(overlay, overlay.name)).tolist()
    if kind.range_kind == "positive":
        return [("size", slice(None), *table[110])]
    middle = len(centers) // 2
    return [
        ("too low", slice(0, middle), *table[60]),
        ("right", slice(middle, middle + 1), *table[128]),
        ("too high", slice(middle + 1, None), *table[195]),
    ]


PANEL = Panel("Overlay", dock="ColumnBottom", needs_document=True, draw=draw)
