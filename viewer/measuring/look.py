"""Appearance of measurements: colors of surfaces and lines, titles of the panels, short results."""

from __future__ import annotations

from viewer.measuring.quantities import MeasurementResult
from viewer.measuring.terrain import REFERENCE
from viewer.model import palette, text

MEASURE_PANEL = "Measure"
PROFILE_PANEL = "Profile"
"""Titles of the panels."""

LINE = "ffd23f"
PROFILE_LINE = "ffffff"
CASING = "101418"
"""Yellow for measurements and white for the profile, cased in black: distinct from every
colormap."""


def color(name: str) -> str:
    """Return the color of a surface or difference in plots and tables, "rrggbb"."""
    if name == REFERENCE:
        return palette.REFERENCE
    if name in ("A", "B"):
        return palette.slot(name)
    one, other = name.split(" − ")
    return palette.slot(one) if other == REFERENCE else palette.RESIDUAL


def headline(result: MeasurementResult, slot: str) -> str:
    """Return the first number of a measurement, for its label in the scene and in lists."""
    numbers = result.surfaces.get(slot) or next(iter(result.surfaces.values()), {})
    if result.kind == "point":
        return text.meters(numbers.get("height_m"))
    if result.kind == "distance":
        rise = text.signed_meters(numbers.get("height_difference_m"))
        return f"{text.length(result.common['horizontal_m'])}, {rise}"
    return text.area(result.common["planimetric_m2"])
