"""Kinds of measurements, and the tools that draw them."""

from __future__ import annotations

import math

from viewer.model.settings import Measurement

MEASUREMENT_KINDS = ("point", "distance", "area")
"""Kinds of measurements; see MIN_POINTS for the number of points of each."""

MIN_POINTS = {"point": 1, "distance": 2, "area": 3}
"""Fewest points of a measurement, by kind."""

TOOLS = (*MEASUREMENT_KINDS, "profile")
"""Values of `settings.measuring.tool` besides "none"."""


def is_valid(item: Measurement) -> bool:
    """Return True if a measurement, which may come from a file, has enough points, each a pair."""
    return len(item.points) >= MIN_POINTS.get(item.kind, math.inf) and all(
        len(point) == 2 for point in item.points
    )
