"""An elevation profile along a line drawn on the terrain: every surface, and below how they
differ."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from imgui_bundle import ImVec2, hello_imgui, imgui, implot

from neural.system import output
from viewer.gui import theme, widgets
from viewer.measuring import look
from viewer.measuring.profiles import Profile
from viewer.measuring.terrain import REFERENCE
from viewer.model import layers, text
from viewer.pictures import profile_figure
from viewer.pictures.png import write_png

if TYPE_CHECKING:
    from viewer.app import App

TITLE = look.PROFILE_PANEL
DOCK = "Profile"
SHOWN = False

SPLIT = (1.3, 1.0)
"""Shares of the two plots."""

LEGEND_EM = 20.0
"""A panel lower than this has no legend in the lower plot: the line of statistics says the same."""


def draw(app: App) -> None:
    """Commands, then the plots of the line there is."""
    if app.scene is None or app.scene.reader is None:
        widgets.dim("No file is open.")
        return
    measuring = app.measuring
    made = app.measuring.profile
    if widgets.pill("Draw", app.settings.measuring.tool == "profile"):
        measuring.start("none" if app.settings.measuring.tool == "profile" else "profile")
    widgets.tip(
        "Click points on the terrain; double-click, right click or Enter ends the line, Esc "
        "gives up. Key P."
    )
    imgui.same_line()
    imgui.begin_disabled(made is None)
    if imgui.button("Clear"):
        app.settings.measuring.profile = []
    imgui.same_line()
    if imgui.button("CSV…") and made is not None:
        app.dialogs.save(
            "Save profile", ".csv", lambda path: _save_csv(app, path, made), "profile.csv"
        )
    widgets.tip("Every sample: place, heights, differences.")
    imgui.same_line()
    if imgui.button("PNG…") and made is not None:
        app.dialogs.save(
            "Save figure", ".png", lambda path: _save_png(app, path, made), "profile.png"
        )
    widgets.tip("A figure on white, for a report.")
    imgui.same_line()
    if imgui.button("Fit") and made is not None:
        _fit()
    widgets.tip("The whole line in view. The wheel zooms, dragging moves; a double-click fits too.")
    imgui.end_disabled()
    measuring.plot_cursor_m = None
    if made is None:
        widgets.dim(
            "Press P and click points on the terrain; a double-click or Enter ends the line."
        )
        return
    imgui.same_line(0, 1.5 * hello_imgui.em_size())
    imgui.align_text_to_frame_padding()
    imgui.text_colored(theme.rgba(theme.DIM), _facts(made))
    _errors(made)
    _plots(app, made)


def _errors(made: Profile) -> None:
    """Statistics of the differences, in the colors of their curves."""
    numbers = made.statistics() if made.done >= 1 else {}
    for number, (name, each) in enumerate(numbers.items()):
        if number:
            imgui.same_line(0, 1.6 * hello_imgui.em_size())
        imgui.text_colored(theme.rgba(look.color(name)), name)
        imgui.same_line(0, 0.5 * hello_imgui.em_size())
        imgui.text_unformatted(
            f"RMSE {text.meters(each['rmse_m'])}, largest {text.meters(each['max_error_m'])}"
        )
        tip = (
            f"Along this line: bias {text.meters(each['bias_m'], signed=True)}, MAE "
            f"{text.meters(each['mae_m'])}, "
        )
        widgets.tip(f"{tip}LE90 {text.meters(each['le90_m'])}.")
    if made.residuals_m and not numbers:
        widgets.dim("reading…")


def _facts(made: Profile) -> str:
    words = f"{text.length(float(made.distance_m[-1]))}, a sample every {made.spacing_m:.3g} m"
    if not made.finest:
        words += f" (finest cells: {made.cell_m:g} m)"
    return words if made.done >= 1 else f"{words}; {100 * made.done:.0f} % read"


def _plots(app: App, made: Profile) -> None:
    residuals = made.residuals_m
    rows = 2 if residuals else 1
    flags = (
        implot.SubplotFlags_.link_all_x
        | implot.SubplotFlags_.no_title
        | implot.SubplotFlags_.no_menus
    )
    ratios = implot.SubplotsRowColRatios(row_ratios=list(SPLIT[:rows]), col_ratios=[1.0])
    roomy = imgui.get_content_region_avail().y > LEGEND_EM * hello_imgui.em_size()
    implot.push_style_var(implot.StyleVar_.plot_padding, ImVec2(6, 4))
    implot.push_style_var(implot.StyleVar_.fit_padding, ImVec2(0, 0.08))
    implot.push_style_color(implot.Col_.frame_bg, theme.rgba(theme.PANEL))
    if implot.begin_subplots("##profile", rows, 1, ImVec2(-1, -1), flags, ratios):
        if made.points.tobytes() != _seen.get("line"):  # another line: all of it in view
            _seen["line"] = made.points.tobytes()
            _fit()
        _plot(app, made, "height, m", made.heights_m, legend=True, last=rows == 1)
        if residuals:
            _plot(app, made, "Δ, m", residuals, legend=roomy, last=True)
        implot.end_subplots()
    implot.pop_style_color()
    implot.pop_style_var(2)


_seen: dict[str, bytes] = {}  # the line that the axes were fitted to


def _fit() -> None:
    _seen["fit"] = b"2"


def _plot(
    app: App,
    made: Profile,
    title: str,
    curves: Mapping[str, np.ndarray],
    *,
    legend: bool,
    last: bool,
) -> None:
    if "fit" in _seen:
        implot.set_next_axes_to_fit()
        if last and made.done >= 1:
            del _seen["fit"]
    flags = implot.Flags_.no_title | implot.Flags_.no_menus | implot.Flags_.no_mouse_text
    if not legend:
        flags |= implot.Flags_.no_legend
    if not implot.begin_plot(f"##{title}", ImVec2(-1, 0), flags):
        return
    implot.setup_axes("", title, 0 if last else implot.AxisFlags_.no_tick_labels.value, 0)
    implot.setup_axis_format(implot.ImAxis_.x1, "%g m")
    implot.setup_legend(implot.Location_.north_west, implot.LegendFlags_.horizontal)
    for name in curves:  # the legend's order
        implot.plot_dummy(_label(name), implot.Spec(line_color=theme.rgba(look.color(name))))
    # the reference below, A on top
    order = sorted(curves, key=lambda name: (name != REFERENCE, name == "A"))
    for name in order:
        color = theme.rgba(look.color(name), 0.5 if name == REFERENCE else 1.0)
        spec = implot.Spec(line_color=color, line_weight=4.0 if name == REFERENCE else 1.6)
        implot.plot_line(_label(name), made.distance_m, np.ascontiguousarray(curves[name]), spec)
    if implot.is_plot_hovered():
        app.measuring.plot_cursor_m = min(
            max(implot.get_plot_mouse_pos().x, 0.0), float(made.distance_m[-1])
        )
    cursor = app.measuring.cursor_m
    if cursor is not None:
        index = int(np.argmin(np.abs(made.distance_m - cursor)))
        spec = implot.Spec(line_color=theme.rgba(theme.TEXT, 0.8), line_weight=1.0)
        implot.plot_inf_lines("##cursor", np.array([made.distance_m[index]]), spec)
        for name in order:
            value = float(curves[name][index])
            if value == value:
                implot.tag_y(value, theme.rgba(look.color(name)), f"{value:.3f}")
        if last:
            implot.tag_x(
                float(made.distance_m[index]),
                theme.rgba(theme.DIM),
                f"{made.distance_m[index]:.1f}",
            )
    implot.end_plot()


def _label(name: str) -> str:
    return f"Reference##{name}" if name == REFERENCE else name


def _save_csv(app: App, path: str, made: Profile) -> None:
    app.measuring.save(Path(path), lambda out: output.write_text(out, made.to_csv()))


def _save_png(app: App, path: str, made: Profile) -> None:
    app.measuring.save(
        app,
        Path(path),
        lambda out: write_png(out, profile_figure.draw(made, _title(app), _labels(app))),
    )


def _title(app: App) -> str:
    return "" if app.path is None else app.path.name


def _labels(app: App) -> dict[str, str]:
    """Return the labels of the surfaces."""
    assert app.scene is not None
    scene = app.scene
    name = app.scene.reference_name
    labels = {
        slot: layers.label(scene.reader_of(choice).layers[choice.index], choice)
        for slot, choice in app.settings.slots.items()
    }
    return labels | ({} if name is None else {REFERENCE: name})
