"""Painting of the legend over the scene in the window."""

from __future__ import annotations

import math

import numpy as np
from imgui_bundle import ImVec2, hello_imgui, imgui

from viewer.gui import theme, widgets
from viewer.measuring.cards import Box
from viewer.scene.legend import Color, Legend, Scale

BAR_EM = 10.0
"""Height of the bar of colors, in em."""

ROSE_EM = 7.0
"""Diameter of the ring of directions."""

STEPS = 64
"""Segments of the bar or ring."""


def draw(legend: Legend, left: float, bottom: float) -> Box:
    """Draw the legend's card with its lower left corner at (left, bottom), screen pixels; return
    its box."""
    em = hello_imgui.em_size()
    pad = 0.7 * em
    line_height = 1.25 * em
    scale = Scale.of(legend)
    lines = [(theme.seen(line), theme.DIM if note else theme.TEXT) for line, note in legend.texts]
    chip = (widgets.BADGE_EM + 0.4) * em if legend.slot else 0.0
    widths = [
        imgui.calc_text_size(line).x + (0 if k else chip) for k, (line, _) in enumerate(lines)
    ]
    widths += [1.9 * em + imgui.calc_text_size(label).x for label in scale.labels]
    widths += [1.5 * em + imgui.calc_text_size(label).x for _, label in legend.patches]
    inner = max(*widths, (ROSE_EM + 1) * em if legend.rose else 0.0)
    bar = 0.0 if legend.table is None else (ROSE_EM if legend.rose else BAR_EM) * em
    below = (
        0.3 * em + line_height * len(legend.patches)
        if legend.patches
        else bar + 0.5 * em
        if bar
        else 0.0
    )
    height = 2 * pad + len(lines) * line_height + below

    paint = imgui.get_background_draw_list()
    top = bottom - height
    right = left + inner + 2 * pad
    paint.add_rect_filled(
        ImVec2(left, top), ImVec2(right, bottom), theme.u32(theme.PANEL, 0.86), 0.35 * em
    )
    x = left + pad
    y = top + pad
    if legend.slot:
        widgets.paint_badge(paint, x, y, legend.slot)
    for line, color in lines:
        paint.add_text(ImVec2(x + chip, y), theme.u32(color), line)
        y = y + line_height
        chip = 0.0
    y += 0.3 * em if legend.patches else 0.5 * em
    for patch, label in legend.patches:
        paint.add_rect_filled(
            ImVec2(x, y + 0.1 * em), ImVec2(x + em, y + 1.1 * em), _packed(patch), 0.15 * em
        )
        paint.add_text(ImVec2(x + 1.5 * em, y), theme.u32(theme.TEXT), label)
        y += line_height
    box = Box(left, top, right, bottom)
    if legend.table is None:
        return box
    if legend.rose:
        _rose(paint, legend.table, x + inner / 2, y + ROSE_EM / 2 * em, ROSE_EM / 2 * em)
        return box
    bar_width = em
    bar_height = BAR_EM * em
    _bar(paint, legend.table, x, y, bar_width, bar_height)
    for share, label in zip(scale.shares, scale.labels, strict=True):
        tick = y + bar_height * (1 - share)
        paint.add_line(
            ImVec2(x + bar_width, tick),
            ImVec2(x + bar_width + 0.3 * em, tick),
            theme.u32(theme.DIM),
        )
        half = imgui.calc_text_size(label).y / 2
        # Labels of the ends stay inside the card.
        middle = min(max(tick, y + 0.4 * half), y + bar_height - 0.4 * half)
        paint.add_text(
            ImVec2(x + bar_width + 0.6 * em, middle - half), theme.u32(theme.TEXT), label
        )
    return box


def _packed(color: Color) -> int:
    red, green, blue = (int(part) for part in color)
    return red | green << 8 | blue << 16 | 0xFF000000


def _rose(paint: imgui.ImDrawList, table: np.ndarray, x: float, y: float, radius: float) -> None:
    """Draw the color table as a ring about (x, y), clockwise from north."""
    inner = 0.62 * radius
    for k in range(STEPS):
        a, b = (2 * math.pi * (k + end) / STEPS for end in (-0.52, 0.52))
        corners = ((inner, a), (radius, a), (radius, b), (inner, b))
        p, q, r, s = (
            ImVec2(x + far * math.sin(angle), y - far * math.cos(angle)) for far, angle in corners
        )
        paint.add_quad_filled(p, q, r, s, _packed(table[round(k / STEPS * (len(table) - 1))]))
    for label, east, south in (("N", 0, -1), ("E", 1, 0), ("S", 0, 1), ("W", -1, 0)):
        size = imgui.calc_text_size(label)
        place = ImVec2(
            x + 0.42 * radius * east - size.x / 2, y + 0.42 * radius * south - size.y / 2
        )
        paint.add_text(place, theme.u32(theme.TEXT), label)


def _bar(
    paint: imgui.ImDrawList, table: np.ndarray, x: float, y: float, width: float, height: float
) -> None:
    """Draw the color table as a vertical bar, highest value on top."""
    packed = [
        _packed(entry)
        for entry in table[np.linspace(len(table) - 1, 0, STEPS + 1).round().astype(int)]
    ]
    for k in range(STEPS):
        top = y + height * k / STEPS
        end = y + height * (k + 1) / STEPS
        a = packed[k]
        b = packed[k + 1]
        paint.add_rect_filled_multi_color(ImVec2(x, top), ImVec2(x + width, end), a, a, b, b)
    paint.add_rect(ImVec2(x, y), ImVec2(x + width, y + height), theme.u32(theme.LINE))
