"""Elevation profile along a line on the terrain: every surface, and below their differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from viewer.panels.panel import Panel
from viewer.pictures import profile_figure
from viewer.pictures.png import write_png

if TYPE_CHECKING:
    from viewer.session.protocols import MeasuringView

SPLIT = (1.3, 1.0)
"""Heights of the two plots, as shares."""

LEGEND_EM = 20.0
"""A panel lower than this has no legend in the lower plot; the statistics have the same names."""


class ProfilePlots:
    """Commands and plots, with the line that the axes were fitted to."""

    def __init__(self) -> None:
        self._line = b""  # vertices of the line that the axes were fitted to
        self._fitting = False

    def draw(self, view: MeasuringView) -> None:
        """Draw the commands, then the plots of the profile."""
        profile = view.measuring.profile
        self._commands(view, profile)
        view.measuring.plot_cursor_m = None
        if profile is None:
            widgets.dim(
                "Press P and click points on the terrain; double-click or Enter finishes the line."
            )
            return
        imgui.same_line(0, 1.5 * hello_imgui.em_size())
        imgui.align_text_to_frame_padding()
        imgui.text_colored(theme.rgba(theme.DIM), facts(profile))
        _errors(profile)
        self._plots(view, profile)

    def _commands(self, view: MeasuringView, profile: Profile | None) -> None:
        if widgets.pill("Draw", view.settings.measuring.tool == "profile"):
            view.run("measure.start_profile")
        widgets.tip(
            "Click the vertices of a line; double-click, right-click or Enter finishes it, Esc "
            "cancels. Key P."
        )
        imgui.same_line()
        imgui.begin_disabled(profile is None)
        if imgui.button("Clear"):
            view.settings.measuring.profile = []
        imgui.same_line()
        if imgui.button("CSV…") and profile is not None:
            view.dialogs.save(
                "Save profile", ".csv", lambda path: _save_csv(view, path, profile), "profile.csv"
            )
        widgets.tip("Every sample: coordinates, heights, differences.")
        imgui.same_line()
        if imgui.button("PNG…") and profile is not None:
            view.dialogs.save(
                "Save figure", ".png", lambda path: _save_png(view, path, profile), "profile.png"
            )
        widgets.tip("A figure on white, for a report.")
        imgui.same_line()
        if imgui.button("Fit"):
            self._fitting = True
        widgets.tip("Fit the axes to the line. The wheel zooms, dragging pans; double-click fits.")
        imgui.end_disabled()

    def _plots(self, view: MeasuringView, profile: Profile) -> None:
        """Draw heights and, with a reference or two slots, their differences."""
        residuals = profile.residuals_m
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
            if profile.points.tobytes() != self._line:
                self._line = profile.points.tobytes()
                self._fitting = True
            self._plot(view, profile, "height, m", profile.heights_m, legend=True, last=rows == 1)
            if residuals:
                self._plot(view, profile, "Δ, m", residuals, legend=roomy, last=True)
            implot.end_subplots()
        implot.pop_style_color()
        implot.pop_style_var(2)

    def _plot(
        self,
        view: MeasuringView,
        profile: Profile,
        title: str,
        curves: Mapping[str, np.ndarray],
        *,
        legend: bool,
        last: bool,
    ) -> None:
        """Draw one plot with its curves and the cursor."""
        if self._fitting:
            implot.set_next_axes_to_fit()
            if last and profile.done >= 1:
                self._fitting = False
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
            implot.plot_line(
                _label(name), profile.distance_m, np.ascontiguousarray(curves[name]), spec
            )
        if implot.is_plot_hovered():
            view.measuring.plot_cursor_m = min(
                max(implot.get_plot_mouse_pos().x, 0.0), float(profile.distance_m[-1])
            )
        cursor = view.measuring.cursor_m
        if cursor is not None:
            index = int(np.argmin(np.abs(profile.distance_m - cursor)))
            spec = implot.Spec(line_color=theme.rgba(theme.TEXT, 0.8), line_weight=1.0)
            implot.plot_inf_lines("##cursor", np.array([profile.distance_m[index]]), spec)
            for name in order:
                value = float(curves[name][index])
                if value == value:
                    implot.tag_y(value, theme.rgba(look.color(name)), f"{value:.3f}")
            if last:
                implot.tag_x(
                    float(profile.distance_m[index]),
                    theme.rgba(theme.DIM),
                    f"{profile.distance_m[index]:.1f}",
                )
        implot.end_plot()


def _errors(profile: Profile) -> None:
    """Draw the statistics of the differences in the colors of their curves."""
    numbers = profile.statistics() if profile.done >= 1 else {}
    for number, (name, values) in enumerate(numbers.items()):
        if number:
            imgui.same_line(0, 1.6 * hello_imgui.em_size())
        imgui.text_colored(theme.rgba(look.color(name)), name)
        imgui.same_line(0, 0.5 * hello_imgui.em_size())
        imgui.text_unformatted(
            f"RMSE {text.meters(values['rmse_m'])}, largest {text.meters(values['max_error_m'])}"
        )
        tip = (
            f"Along this line: bias {text.meters(values['bias_m'], signed=True)}, MAE "
            f"{text.meters(values['mae_m'])}, "
        )
        widgets.tip(f"{tip}LE90 {text.meters(values['le90_m'])}.")
    if profile.residuals_m and not numbers:
        widgets.dim("reading…")


def facts(profile: Profile) -> str:
    """Return length, sample spacing and progress of a profile."""
    words = (
        f"{text.length(float(profile.distance_m[-1]))}, a sample every {profile.spacing_m:.3g} m"
    )
    if not profile.finest:
        words += f" (finest cells: {profile.cell_m:g} m)"
    return words if profile.done >= 1 else f"{words}; {100 * profile.done:.0f} % read"


def _label(name: str) -> str:
    return f"Reference##{name}" if name == REFERENCE else name


def _save_csv(view: MeasuringView, path: str, profile: Profile) -> None:
    _save(view, path, lambda: output.write_text(path, profile.to_csv()))


def _save_png(view: MeasuringView, path: str, profile: Profile) -> None:
    _save(
        view,
        path,
        lambda: write_png(path, profile_figure.draw(profile, view.file_name, _labels(view))),
    )


def _save(view: MeasuringView, path: str, write: Callable[[], object]) -> None:
    view.messages.report_errors(write, f"Saved {Path(path).name}.")


def _labels(view: MeasuringView) -> dict[str, str]:
    """Return surface → label, for the figure."""
    scene = view.scene
    name = scene.reference_name
    labels = {
        slot: layers.label(scene.reader_of(choice).layers[choice.index], choice)
        for slot, choice in view.settings.slots.items()
    }
    return labels | ({} if name is None else {REFERENCE: name})


PANEL = Panel(
    look.PROFILE_PANEL, dock="Profile", needs_document=True, draw=ProfilePlots().draw, shown=False
)
