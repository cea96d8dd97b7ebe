"""The colour legend over the scene: a bar with ticks in metres, drawn straight into a draw list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from imgui_bundle import ImVec2, hello_imgui, imgui

from viewer import colormaps, text, theme

if TYPE_CHECKING:
    from viewer.scene import Scene

ERROR_COLOURS = "balance"
"""The diverging table of signed errors."""

STEPS = 64
"""Pieces of the bar; each is shaded between two entries of the table."""


@dataclass(frozen=True)
class Legend:
    """What the colours of the scene mean."""

    title: str
    note: str
    table: np.ndarray  # uint8 [256, 3]
    low_m: float
    high_m: float


def for_scene(scene: Scene) -> Legend | None:
    """The legend of what a scene shows now; None where colours stand for nothing."""
    settings = scene.settings
    if settings.overlay.name == "error" and scene.reference_name is not None:
        reach = scene.error_range_m
        table = colormaps.lut(ERROR_COLOURS)
        return Legend("Error, m", "decoded − reference", table, -reach, reach)
    if settings.shading.mode == "hillshade":
        return None
    low, high = scene.elevation_range
    return Legend("Elevation, m", "", colormaps.lut(settings.shading.colormap), low, high)


def draw(legend: Legend, left: float, bottom: float) -> None:
    """Draw the legend's card with its lower left corner at (left, bottom), screen pixels."""
    em = hello_imgui.em_size()
    pad, bar_width, bar_height = 0.7 * em, 1.0 * em, 10.0 * em
    values = text.ticks(legend.low_m, legend.high_m)
    step = values[1] - values[0] if len(values) > 1 else legend.high_m - legend.low_m
    labels = [text.tick_label(value, step) for value in values]
    label_width = max((imgui.calc_text_size(label).x for label in labels), default=0.0)
    lines = [line for line in (legend.title, legend.note) if line]
    inner = max(bar_width + 0.9 * em + label_width, *(imgui.calc_text_size(line).x for line in lines))
    height = 2 * pad + len(lines) * 1.2 * em + 0.5 * em + bar_height

    paint = imgui.get_background_draw_list()
    top = bottom - height
    right = left + inner + 2 * pad
    paint.add_rect_filled(ImVec2(left, top), ImVec2(right, bottom), theme.u32(theme.PANEL, 0.86), 0.35 * em)
    x, y = left + pad, top + pad
    for line, colour in zip(lines, (theme.TEXT, theme.DIM), strict=False):
        paint.add_text(ImVec2(x, y), theme.u32(colour), line)
        y += 1.2 * em
    y += 0.5 * em
    _bar(paint, legend.table, x, y, bar_width, bar_height)
    for value, label in zip(values, labels, strict=True):
        share = (value - legend.low_m) / (legend.high_m - legend.low_m)
        at = y + bar_height * (1 - share)
        paint.add_line(ImVec2(x + bar_width, at), ImVec2(x + bar_width + 0.3 * em, at), theme.u32(theme.DIM))
        half = imgui.calc_text_size(label).y / 2
        # Labels of the ends stay inside the card.
        at = min(max(at, y + 0.4 * half), y + bar_height - 0.4 * half)
        paint.add_text(ImVec2(x + bar_width + 0.6 * em, at - half), theme.u32(theme.TEXT), label)


def _bar(paint: imgui.ImDrawList, table: np.ndarray, x: float, y: float, width: float, height: float) -> None:
    """The table as a vertical bar, highest value on top."""
    entries = table[np.linspace(len(table) - 1, 0, STEPS + 1).round().astype(int)].astype(np.uint32)
    packed = (entries[:, 0] | entries[:, 1] << 8 | entries[:, 2] << 16 | 0xFF000000).tolist()
    for k in range(STEPS):
        top, end = y + height * k / STEPS, y + height * (k + 1) / STEPS
        a, b = packed[k], packed[k + 1]
        paint.add_rect_filled_multi_color(ImVec2(x, top), ImVec2(x + width, end), a, a, b, b)
    paint.add_rect(ImVec2(x, y), ImVec2(x + width, y + height), theme.u32(theme.LINE))
