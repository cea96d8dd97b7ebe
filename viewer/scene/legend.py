"""Legend of a picture: title, color bar and its values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from viewer.model import colormaps, overlays, text
from viewer.model.height_range import LABEL
from viewer.model.overlays import BLOCK_ERROR, BLOCKS, OVERLAYS
from viewer.scene import labels

if TYPE_CHECKING:
    from viewer.model.readings import ErrorStats
    from viewer.scene.pane import Pane
    from viewer.scene.scene import Scene

DIFFERENCES = {
    "error": "Difference",
    "absolute_error": "Absolute difference",
    "gradient_error": "Gradient difference",
}
"""Titles of error overlays of A − B."""

NOT_MEASURED = "no reference heights in view"
"""Text of error overlays without a reference in view."""

NO_BLOCKS = "this layer is not made of blocks"
HATCHED = "hatched: a single height"
"""Texts of the overlays of blocks."""

Color = tuple[int, int, int]


@dataclass(frozen=True)
class Legend:
    """Title, colors and values of a picture's overlay."""

    slot: str  # "A" or "B"; empty if neither holds the layer
    layer: str  # title and bits
    title: str = ""
    note: str = ""
    samples: str = ""  # number and levels of error samples
    table: np.ndarray | None = None  # uint8 [256, 3]; None: no bar
    low: float = 0.0  # value at the low end of the bar, in the title's unit
    high: float = 0.0
    rose: bool = False  # colors of directions: a ring instead of a bar
    patches: tuple[tuple[Color, str], ...] = ()  # single colors with labels
    lines: str = ""  # note on the contour interval

    @property
    def texts(self) -> list[tuple[str, bool]]:
        """Lines of text above the colors, with True for secondary notes."""
        lines = (
            (self.layer, False),
            (self.lines, True),
            (self.title, False),
            (self.note, True),
            (self.samples, True),
        )
        return [(line, note) for line, note in lines if line]


@dataclass(frozen=True)
class Scale:
    """Ticks of a legend: labels, and positions on the bar, 0 its low end."""

    shares: list[float]
    labels: list[str]

    @classmethod
    def of(cls, legend: Legend) -> Scale:
        """Return round values between the ends; none without a bar."""
        span = legend.high - legend.low
        if legend.table is None or legend.rose or not span > 0:
            return cls([], [])
        values = text.ticks(legend.low, legend.high)
        step = values[1] - values[0] if len(values) > 1 else span
        shares = [(value - legend.low) / span for value in values]
        return cls(shares, [text.tick_label(value, step) for value in values])


def for_scene(scene: Scene) -> Legend | None:
    """Return the legend of the active slot's pane; None without a file."""
    return None if scene.pane is None else of_pane(scene, scene.pane)


def of_pane(scene: Scene, pane: Pane) -> Legend:
    """Return the legend of a pane."""
    interval = scene.survey.interval_m(scene.settings)
    return replace(_colors(scene, pane), lines=f"Contours every {interval:g} m" if interval else "")


def _colors(scene: Scene, pane: Pane) -> Legend:
    settings = scene.settings
    (slot, layer) = labels.pane_label(scene, pane)
    counted = labels.sample_label(pane)
    name = scene.overlay_of(pane)
    kind = OVERLAYS.get(name)
    if kind is not None:
        if kind.measures and settings.overlay.against != "reference":
            kind = replace(kind, title=DIFFERENCES.get(name, kind.title))
        note = kind.note or (labels.difference_label(scene, pane) if kind.measures else "")
        if kind.measures and pane.ready and scene.coloring.stats(pane) is None:
            return Legend(slot, layer, kind.title, f"{note}: {NOT_MEASURED}")
        if kind.range_kind == "mask":
            limit = f"{settings.overlay.tolerance_m:g} m"
            stats = scene.coloring.stats(pane)
            off, within = (
                ": " + text.share(part) if stats else ""
                for part in (_beyond(stats), 1 - _beyond(stats))
            )
            patches = (
                (colormaps.MASK, f"more than {limit} off{off}"),
                (colormaps.WITHIN, f"within {limit}{within}"),
            )
            return Legend(slot, layer, kind.title, note, counted, patches=patches)
        table = colormaps.lut(overlays.colormap_name(settings.overlay, name))
        if name in (BLOCKS, BLOCK_ERROR) and not pane.block_sides:
            return Legend(slot, layer, kind.title, NO_BLOCKS)
        if name == BLOCKS:
            note = HATCHED if any(blocks.constant.any() for blocks in pane.blocks) else ""
            sides = _block_patches(scene, pane, table)
            return Legend(slot, layer, "Blocks, side", note, patches=sides)
        title = kind.title if kind.range_kind == "cyclic" else f"{kind.title}, {kind.unit}"
        return Legend(
            slot,
            layer,
            title,
            note,
            counted if kind.measures else "",
            table,
            *scene.overlay_range,
            kind.range_kind == "cyclic",
        )
    if settings.shading.mode == "hillshade":
        return Legend(slot, layer)
    shading = settings.shading
    table = colormaps.lut(shading.colormap)
    is_trimmed = scene.heights.trimmed and shading.elevation_auto and not shading.elevation_full
    note = LABEL if is_trimmed else ""
    low, high, flat = scene.elevation_colors
    if flat:
        red, green, blue = table[len(table) // 2].tolist()
        return Legend(slot, layer, "Elevation", note, patches=(((red, green, blue), flat),))
    return Legend(slot, layer, "Elevation, m", note, "", table, low, high)


def _block_patches(scene: Scene, pane: Pane, table: np.ndarray) -> tuple[tuple[Color, str], ...]:
    """Return color and side of the blocks of every scale, the largest first."""
    low, high = scene.overlay_range
    patches = []
    for scale, side_m in pane.block_sides.items():
        entry = round((scale - low) / (high - low) * (len(table) - 1))
        red, green, blue = table[entry].tolist()
        patches.append(((red, green, blue), text.side(side_m)))
    return tuple(patches)


def _beyond(stats: ErrorStats | None) -> float:
    return 0.0 if stats is None else stats.beyond
