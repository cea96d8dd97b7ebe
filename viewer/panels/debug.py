"""Where the time and the memory go, and switches that show the machinery; opened with
Ctrl+Shift+D."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from imgui_bundle import ImVec2, hello_imgui, imgui, implot

from viewer.gui import theme, widgets
from viewer.gui.debugging import PANEL
from viewer.model import text
from viewer.model.single_tile import tile_of
from viewer.session import frame_times

if TYPE_CHECKING:
    from viewer.app import App

TITLE = PANEL
DOCK = "Column"
SHOWN = False
"""Opened by its key only."""

TARGETS_MS = (1000 / 60, 1000 / 30)
"""Lines of the graph: what a frame may take at 60 and at 30 a second."""

_SWITCHES = (
    ("wireframe", "Wireframe"),
    ("lod_tint", "Tint levels"),
    ("bounds", "Tile boxes"),
    ("freeze", "Freeze tiles"),
)


def draw(app: App) -> None:
    """Graph, times by stage, counters, switches."""
    found = app.debugging.report()
    if not found:
        return
    _switches(app)
    _graph(app, found)
    _stages(found)
    _counters(found)
    if imgui.button("Copy report"):
        app.debugging.copy_report()
    widgets.tip("All of this as JSON on the clipboard, for a bug report.")


def _switches(app: App) -> None:
    debug = app.settings.debug
    for number, (name, label) in enumerate(_SWITCHES):
        if number % 2:
            imgui.same_line(hello_imgui.em_size(9.0))
        setattr(debug, name, imgui.checkbox(label, getattr(debug, name))[1])
    hint = "all; z/x/y for one"
    changed, value = imgui.input_text_with_hint(widgets.labeled("Only tile"), hint, debug.tile)
    widgets.tip(
        "Draws only this tile: level, column, row. Shift+F takes the tile under the cursor, and "
        "lets it go."
    )
    if changed:
        debug.tile = value.strip()
    if debug.tile and tile_of(debug.tile) is None:
        widgets.dim("Write level/column/row, such as 3/5/2.")


def _graph(app: App, found: dict[str, Any]) -> None:
    ages, ms = app.debugging.frames.latest()
    p50 = found["frames"]["p50_ms"]
    p99 = found["frames"]["p99_ms"]
    widgets.heading(f"New pictures: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    flags = implot.Flags_.canvas_only | implot.Flags_.no_inputs
    if not implot.begin_plot("##frames", ImVec2(-1, 7 * hello_imgui.em_size()), flags):
        return
    implot.setup_axes("", "", implot.AxisFlags_.no_grid_lines, implot.AxisFlags_.no_grid_lines)
    implot.setup_axis_format(implot.ImAxis_.x1, "%g s")
    implot.setup_axis_format(implot.ImAxis_.y1, "%g ms")
    implot.setup_axis_limits(implot.ImAxis_.x1, -frame_times.SECONDS, 0.0, imgui.Cond_.always)
    top = max(1.15 * float(ms.max(initial=0.0)), 1.3 * TARGETS_MS[0])
    implot.setup_axis_limits(implot.ImAxis_.y1, 0.0, top, imgui.Cond_.always)
    line = implot.Spec(line_color=theme.rgba(theme.DIM), flags=implot.InfLinesFlags_.horizontal)
    implot.plot_inf_lines("targets", np.array(TARGETS_MS), spec=line)
    bars = implot.Spec(fill_color=theme.rgba(theme.ACCENT), line_color=theme.rgba(theme.ACCENT))
    implot.plot_bars("frames", ages, ms, frame_times.SECONDS / 300, spec=bars)
    implot.end_plot()
    widgets.tip(
        "What the window's thread worked on each frame with a new picture; half and 99 % of "
        "them took less."
    )


def _stages(found: dict[str, Any]) -> None:
    """A row for each stage: on the processor, on the GPU."""
    widgets.heading("A picture, milliseconds")
    if not imgui.begin_table(
        "stages", 3, imgui.TableFlags_.sizing_stretch_prop | imgui.TableFlags_.no_pad_outer_x
    ):
        return
    for name, share in (("stage", 1.6), ("CPU", 1.0), ("GPU", 1.0)):
        imgui.table_setup_column(name, imgui.TableColumnFlags_.width_stretch, share)
    imgui.table_headers_row()
    cpu = found["cpu_ms"]
    gpu = found["gpu_ms"]
    for stage, ms in cpu.items():
        imgui.table_next_column()
        imgui.text_colored(theme.rgba(theme.DIM), stage)
        for value in (ms, gpu.get(stage)):
            imgui.table_next_column()
            imgui.text_unformatted(text.DASH if value is None else f"{value:.2f}")
    imgui.end_table()


def _counters(found: dict[str, Any]) -> None:
    tiles = found["tiles"]
    sizes = found["bytes"]
    widgets.heading("Tiles")
    widgets.facts("tiles", [(name, text.count(value)) for name, value in tiles.items()], pairs=2)
    if "queues" not in found:
        return
    queues = found["queues"]
    requests = found["requests"]
    widgets.heading("Queues and requests")
    widgets.facts(
        "queues",
        [
            ("waiting", str(queues["waiting"]), "Tiles that no worker has begun yet."),
            ("in work", str(queues["running"]), "Tiles being read and decoded."),
            (
                "finished",
                str(queues["finished"]),
                "Tiles that wait for their turn to go to the GPU.",
            ),
            (
                "upload",
                f"{found['upload_ms']:.1f} ms",
                "Taking in finished tiles in the latest frame.",
            ),
            (
                "requests",
                text.count(requests["count"]),
                "Reads of the file so far, each of one range of bytes.",
            ),
            ("brought", text.data_size(requests["bytes"])),
        ],
        pairs=2,
    )
    widgets.heading("Memory")
    budget = text.data_size(sizes["texture_budget"])
    widgets.facts(
        "bytes",
        [
            (
                "payloads",
                text.data_size(sizes["payloads_read"]),
                "Stored bytes of tiles read so far.",
            ),
            (
                "textures",
                f"{text.data_size(sizes['textures'])} of {budget}",
                "Tiles on the GPU, and their budget.",
            ),
            (
                "decoders",
                text.data_size(sizes["linked_decoders"]),
                "Kept of tiles that others are decoded from.",
            ),
        ],
    )
    widgets.heading("Decoding")
    rows = [
        (each["layer"], f"{text.count(each['us_per_tile'])} µs a tile, {each['tiles']} tiles")
        for each in found["decode"]
    ]
    widgets.facts("decode", rows)
