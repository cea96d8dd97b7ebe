"""Survey of the picture: visible overlay values and heights, at a lower resolution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from viewer.graphics import contours
from viewer.model.height_range import LEAST_M
from viewer.model.overlays import EDGE_GAP, OVERLAYS
from viewer.model.settings import Settings

LONGEST_PX = 480
"""Longer side of a survey, pixels."""

QUADS = 32
"""Quads per tile side of a survey's mesh."""

TYPICAL = 0.95
"""Share of the visible values inside automatic colors."""


@dataclass(frozen=True, eq=False)
class Survey:
    """Visible values of a picture; each pixel stands for `pixel_px` of a screen-sized picture."""

    # float32 [h, w, 2]: the overlay's value and the height in meters; NaN where there is none
    numbers: np.ndarray
    pixel_px: float
    least_m: float = LEAST_M
    """Least automatic contour interval, meters; infinite for a flat surface, which has none."""

    @cached_property
    def typical(self) -> float:
        """Magnitude of the overlay's visible values."""
        values = self.numbers[..., 0]
        values = np.abs(values[np.isfinite(values)])
        return float(np.quantile(values, TYPICAL)) if values.size else 0.0

    def interval_m(self, settings: Settings) -> float:
        """Return the contour interval in meters; 0 without contours, as on a flat surface."""
        chosen = settings.contours
        if not chosen.on:
            return 0.0
        return self._automatic_m if chosen.auto else chosen.interval_m

    @cached_property
    def _automatic_m(self) -> float:
        if math.isinf(self.least_m):
            return 0.0
        return contours.automatic_m(self.numbers[..., 1], self.pixel_px, self.least_m)

    def labels(self, settings: Settings) -> list[contours.Label]:
        """Return the labels of contour lines."""
        interval = self.interval_m(settings)
        if not (interval and settings.contours.labels):
            return []
        return contours.labels(self.numbers[..., 1], interval, self.pixel_px)


NOTHING = Survey(np.full((1, 1, 2), np.nan, np.float32), 1.0)
"""Survey without terrain."""


def needed(settings: Settings) -> bool:
    """Return True if a picture with these settings needs a survey."""
    overlay = settings.overlay
    kind = OVERLAYS.get(overlay.name)
    by_sight = kind is not None and not kind.measures and overlay.name != EDGE_GAP
    automatic = (
        kind is not None
        and by_sight
        and kind.color_limit is None
        and overlay.name not in overlay.reach
    )
    return settings.contours.on or automatic


def scale(size_px: tuple[int, int]) -> float:
    """Return the scale of line widths and distances against a screen: they grow with the text of
    large pictures."""
    return max(1.0, min(size_px[0] / 1440, size_px[1] / 1080))


def size(size_px: tuple[int, int]) -> tuple[int, int]:
    """Return the survey's size in pixels for a picture."""
    share = min(1.0, LONGEST_PX / max(size_px))
    return max(1, round(size_px[0] * share)), max(1, round(size_px[1] * share))
