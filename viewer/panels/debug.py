"""Debug panel: frame times, queues, memory, and debug views; opened with Ctrl+Shift+D."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from imgui_bundle import ImVec2, hello_imgui, imgui, implot

from viewer.gui import theme, widgets
from viewer.gui.debugging import PANEL as TITLE
from viewer.model import text
from viewer.model.single_tile import tile_of
from viewer.panels.panel import Panel
from viewer.session import frame_times

if TYPE_CHECKING:
    from viewer.session.protocols import DebugView

TARGETS_MS = (1000 / 60, 1000 / 30)
"""Lines of the graph: frame budgets at 60 and at 30 frames/s, milliseconds."""

_SWITCHES = (
    ("wireframe", "Wireframe"),
    ("lod_tint", "Color by LOD"),
    ("bounds", "Tile boxes"),
    ("freeze", "Freeze LOD"),
)


def draw(view: DebugView) -> None:
    """Draw switches, graph, times by stage, counters."""
    report = view.report()
    if not report:
        return
    _switches(view)
    _graph(view, report)
    _stages(report)
    _counters(report)
    if imgui.button("Copy report"):
        imgui.set_clipboard_text(json.dumps(report, indent=1, ensure_ascii=False))
        view.messages.info("The report is on the clipboard.")
    widgets.tip("Copy all of this as JSON, for a bug report.")


def _switches(view: DebugView) -> None:
    debug = view.settings.debug
    for number, (name, label) in enumerate(_SWITCHES):
        if number % 2:
            imgui.same_line(hello_imgui.em_size(9.0))
        setattr(debug, name, imgui.checkbox(label, getattr(debug, name))[1])
    hint = "all; z/x/y for one"
    changed, value = imgui.input_text_with_hint(widgets.labeled("Only tile"), hint, debug.tile)
    widgets.tip(
        "Draw only this tile: level/column/row. Shift+F takes the tile under the cursor, or draws "
        "all again."
    )
    if changed:
        debug.tile = value.strip()
    if debug.tile and tile_of(debug.tile) is None:
        widgets.dim("Write level/column/row, such as 3/5/2.")


def _graph(view: DebugView, report: dict[str, Any]) -> None:
    ages, ms = view.frames.latest()
    p50 = report["frames"]["p50_ms"]
    p99 = report["frames"]["p99_ms"]
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
        "CPU time of the main thread per frame with a new picture; half and 99 % of the frames "
        "took less."
    )


def _stages(report: dict[str, Any]) -> None:
    """Draw a row per stage: CPU time, GPU time."""
    widgets.heading("A picture, milliseconds")
    if not imgui.begin_table(
        "stages", 3, imgui.TableFlags_.sizing_stretch_prop | imgui.TableFlags_.no_pad_outer_x
    ):
        return
    for name, share in (("stage", 1.6), ("CPU", 1.0), ("GPU", 1.0)):
        imgui.table_setup_column(name, imgui.TableColumnFlags_.width_stretch, share)
    imgui.table_headers_row()
    cpu = report["cpu_ms"]
    gpu = report["gpu_ms"]
    for stage, ms in cpu.items():
        imgui.table_next_column()
        imgui.text_colored(theme.rgba(theme.DIM), stage)
        for value in (ms, gpu.get(stage)):
            imgui.table_next_column()
            imgui.text_unformatted(text.DASH if value is None else f"{value:.2f}")
    imgui.end_table()


def _counters(report: dict[str, Any]) -> None:
    tiles = report["tiles"]
    sizes = report["bytes"]
    widgets.heading("Tiles")
    widgets.facts("tiles", [(name, text.count(value)) for name, value in tiles.items()], pairs=2)
    if "queues" not in report:
        return
    queues = report["queues"]
    requests = report["requests"]
    widgets.heading("Queues and requests")
    widgets.facts(
        "queues",
        [
            ("waiting", str(queues["waiting"]), "Tiles that no worker has started."),
            ("in work", str(queues["running"]), "Tiles being read and decoded."),
            (
                "finished",
                str(queues["finished"]),
                "Tiles that wait for their upload to the GPU.",
            ),
            (
                "upload",
                f"{report['upload_ms']:.1f} ms",
                "Upload time of finished tiles in the latest frame.",
            ),
            (
                "requests",
                text.count(requests["count"]),
                "Range requests to the file so far.",
            ),
            ("read", text.data_size(requests["bytes"])),
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
                "Payload bytes read so far.",
            ),
            (
                "textures",
                f"{text.data_size(sizes['textures'])} of {budget}",
                "Tiles on the GPU, and their budget.",
            ),
            (
                "decoders",
                text.data_size(sizes["linked_decoders"]),
                "Decoded tiles cached as context of others.",
            ),
        ],
    )
    widgets.heading("Decoding")
    rows = [
        (work["layer"], f"{text.count(work['us_per_tile'])} µs per tile, {work['tiles']} tiles")
        for work in report["decode"]
    ]
    widgets.facts("decode", rows)


PANEL = Panel(TITLE, dock="Column", needs_document=False, draw=draw, shown=False)
