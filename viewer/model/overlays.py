"""Registry of overlays: title, unit, colormap and color range of each.

An overlay is an entry here, shaders/overlay/<name>.glsl, and a command `overlay(id, title, name)`
in `viewer.session.commands` with its entry in the menus (`viewer.gui.bars`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from viewer.model.height_range import LEAST_M
from viewer.model.settings import OverlaySettings

HEIGHT = "height"
GRADIENT = "gradient"
"""Quantities of errors: decoded − reference in meters, or the length of the gradients' difference
in m/m."""

EDGE_GAP = "edge_gap"
"""The overlay of height steps along tile edges."""

BLOCKS = "blocks"
BLOCK_ERROR = "block_error"
"""The overlays of the blocks that a layer is made of: their scales, their errors."""


@dataclass(frozen=True)
class OverlaySpec:
    """One overlay. `range_kind` tells the values at the two ends of its colors: "positive" 0 and
    the color limit, "signed" ± the limit, "cyclic" 0 and 360, "mask" two colors without a range,
    "steps" whole numbers, those of the layer.
    """

    title: str
    unit: str
    colormap_kind: str  # kind of its colormaps, one of colormaps.USES
    colormap: str  # default colormap
    range_kind: str
    # default color limit; None: automatic, from the values in view
    color_limit: float | None = None
    min_color_limit: float = 0.0  # lower bound of an automatic limit
    measures: str = ""  # quantity of its errors, HEIGHT or GRADIENT; "": none
    note: str = ""  # second line of its legend
    about: str = ""  # tooltip


OVERLAYS: Mapping[str, OverlaySpec] = MappingProxyType(
    {
        "slope": OverlaySpec(
            "Slope",
            "°",
            "amount",
            "heather",
            "positive",
            60.0,
            about="Steepness of the decoded surface, from its exact gradient.",
        ),
        "aspect": OverlaySpec(
            "Aspect",
            "°",
            "cyclic",
            "compass",
            "cyclic",
            360.0,
            note="facing",
            about="Where the slope faces, clockwise from north; level ground is gray.",
        ),
        "profile_curvature": OverlaySpec(
            "Profile curvature",
            "1/m",
            "error",
            "purple_orange",
            "signed",
            None,
            1e-5,
            note="convex positive",
            about="Curvature along the steepest descent: positive on crests, negative at the "
            "foot of slopes.",
        ),
        "plan_curvature": OverlaySpec(
            "Plan curvature",
            "1/m",
            "error",
            "purple_orange",
            "signed",
            None,
            1e-5,
            note="convex positive",
            about="Curvature across the steepest descent: positive on spurs, negative in hollows.",
        ),
        "error": OverlaySpec(
            "Error",
            "m",
            "error",
            "balance",
            "signed",
            min_color_limit=LEAST_M / 2,
            measures=HEIGHT,
            about="Decoded − reference: blue is too low, red too high.",
        ),
        "absolute_error": OverlaySpec(
            "Absolute error",
            "m",
            "amount",
            "heather",
            "positive",
            min_color_limit=LEAST_M,
            measures=HEIGHT,
            about="Size of decoded − reference.",
        ),
        "tolerance": OverlaySpec(
            "Beyond tolerance",
            "m",
            "",
            "",
            "mask",
            measures=HEIGHT,
            about="Cells whose error is larger than the tolerance.",
        ),
        "gradient_error": OverlaySpec(
            "Gradient error",
            "m/m",
            "amount",
            "heather",
            "positive",
            min_color_limit=1e-3,
            measures=GRADIENT,
            about="Length of the difference between the decoded gradient and central "
            "differences of the reference.",
        ),
        EDGE_GAP: OverlaySpec(
            "Edge gap",
            "m",
            "amount",
            "heather",
            "positive",
            min_color_limit=LEAST_M,
            about="Height steps between tiles of one level along their common edges.",
        ),
        BLOCKS: OverlaySpec(
            "Blocks",
            "",
            "amount",
            "heather",
            "steps",
            1.0,
            about="Blocks that one network is fitted by, colored by their side; hatched where a "
            "block is a single height. Small ones are where the terrain needs them.",
        ),
        BLOCK_ERROR: OverlaySpec(
            "Block error",
            "m",
            "amount",
            "heather",
            "positive",
            min_color_limit=LEAST_M,
            note="root mean square, as encoded",
            about="Root mean square error of every block, as the encoder measured it; hatched "
            "where a block is a single height.",
        ),
    }
)
"""All overlays, in the order of lists."""

NAMES = ("none", *OVERLAYS)
"""Values of `OverlaySettings.name`."""

AGAINST = ("reference", "B")
"""Values of `OverlaySettings.against`: the reference, or slot B (differences A − B)."""


def colormap_name(overlay: OverlaySettings, name: str) -> str:
    """Return the name of an overlay's colormap."""
    return overlay.colormap.get(name) or OVERLAYS[name].colormap


def color_limit(overlay: OverlaySettings, typical: Callable[[], float]) -> float:
    """Return the upper end of the chosen overlay's colors before amplification.

    `typical` returns the magnitude of the values in view, for an automatic limit.
    """
    kind = OVERLAYS.get(overlay.name)
    chosen = overlay.reach.get(overlay.name, None if kind is None else kind.color_limit)
    if kind is None or chosen is not None:
        return chosen or 1.0
    return max(round_up(typical()), kind.min_color_limit)


def color_range(overlay: OverlaySettings, color_limit: float) -> tuple[float, float]:
    """Return the values at the low and high end of the chosen overlay's colors."""
    kind = OVERLAYS.get(overlay.name)
    if kind is None or kind.range_kind == "mask":
        return 0.0, 1.0
    color_limit /= overlay.amplification if kind.measures else 1.0
    return (-color_limit if kind.range_kind == "signed" else 0.0), color_limit


def round_up(value: float) -> float:
    """Return the next 1, 2 or 5 times a power of ten, so that colors do not change with every tile;
    0 for values ≤ 1e-9."""
    if value <= 1e-9:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(k * power for k in (1, 2, 5, 10) if k * power >= value * (1 - 1e-9))
