"""The colour legend over the scene: a bar with ticks in metres, drawn straight into a draw list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from imgui_bundle import ImVec2, hello_imgui, imgui

from viewer import colormaps, layers, text, theme, widgets

if TYPE_CHECKING:
    from viewer.scene import Scene

ERROR_COLOURS = "balance"
"""The diverging table of signed errors."""

BAR_EM = 10.0
"""Height of the bar of colours, in em."""

STEPS = 64
"""Pieces of the bar; each is shaded between two entries of the table."""


@dataclass(frozen=True)
class Legend:
    """What the picture shows, and what its colours mean."""

    slot: str  # "A" or "B"; empty when neither holds what is shown
    layer: str  # name and bits
    title: str = ""
    note: str = ""
    table: np.ndarray | None = None  # uint8 [256, 3]; None: the colours mean nothing
    low_m: float = 0.0
    high_m: float = 0.0


@dataclass(frozen=True)
class Scale:
    """The ticks of a legend: labels, and where they are on the bar, 0 its low end."""

    shares: list[float]
    labels: list[str]

    @classmethod
    def of(cls, legend: Legend) -> Scale:
        """Round values between the ends; none where the colours mean nothing."""
        span = legend.high_m - legend.low_m
        if legend.table is None or not span > 0:
            return cls([], [])
        values = text.ticks(legend.low_m, legend.high_m)
        step = values[1] - values[0] if len(values) > 1 else span
        return cls([(value - legend.low_m) / span for value in values], [text.tick_label(v, step) for v in values])


def for_scene(scene: Scene) -> Legend | None:
    """The legend of what a scene shows now; None without a file."""
    if scene.reader is None:
        return None
    settings, (slot, layer) = scene.settings, layers.shown(scene)
    if settings.overlay.name == "error" and scene.reference_name is not None:
        reach = scene.error_range_m
        table = colormaps.lut(ERROR_COLOURS)
        return Legend(slot, layer, "Error, m", "decoded − reference", table, -reach, reach)
    if settings.shading.mode == "hillshade":
        return Legend(slot, layer)
    low, high = scene.elevation_range
    return Legend(slot, layer, "Elevation, m", "", colormaps.lut(settings.shading.colormap), low, high)


def draw(legend: Legend, left: float, bottom: float) -> None:
    """Draw the legend's card with its lower left corner at (left, bottom), screen pixels."""
    em = hello_imgui.em_size()
    pad, line_height = 0.7 * em, 1.25 * em
    scale = Scale.of(legend)
    lines = [(legend.layer, theme.TEXT), (legend.title, theme.TEXT), (legend.note, theme.DIM)]
    lines = [(line, colour) for line, colour in lines if line]
    chip = (widgets.BADGE_EM + 0.4) * em if legend.slot else 0.0
    widths = [imgui.calc_text_size(line).x + (0 if k else chip) for k, (line, _) in enumerate(lines)]
    widths += [1.9 * em + imgui.calc_text_size(label).x for label in scale.labels]
    inner = max(widths)
    height = 2 * pad + len(lines) * line_height + (0 if legend.table is None else 0.5 * em + BAR_EM * em)

    paint = imgui.get_background_draw_list()
    top = bottom - height
    right = left + inner + 2 * pad
    paint.add_rect_filled(ImVec2(left, top), ImVec2(right, bottom), theme.u32(theme.PANEL, 0.86), 0.35 * em)
    x, y = left + pad, top + pad
    if legend.slot:
        widgets.paint_badge(paint, x, y, legend.slot)
    for line, colour in lines:
        paint.add_text(ImVec2(x + chip, y), theme.u32(colour), line)
        y, chip = y + line_height, 0.0
    if legend.table is None:
        return
    y += 0.5 * em
    bar_width, bar_height = em, BAR_EM * em
    _bar(paint, legend.table, x, y, bar_width, bar_height)
    for share, label in zip(scale.shares, scale.labels, strict=True):
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
