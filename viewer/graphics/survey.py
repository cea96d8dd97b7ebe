"""Numbers of the picture: the overlay's values and the heights in sight, at a lower resolution."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from viewer.graphics import contours
from viewer.model.overlays import EDGE_GAP, OVERLAYS
from viewer.model.settings import Settings

LONGEST_PX = 480
"""Longer side of a survey."""

QUADS = 32
"""Quads per tile side of a survey's mesh."""

TYPICAL = 0.95
"""Automatic colors end where this share of the values in sight lie inside."""


@dataclass(frozen=True, eq=False)
class Survey:
    """Numbers behind a picture; each pixel stands for `pixel_px` of the picture's, were it as large
    as a screen."""

    # float32 [h, w, 2]: the overlay's value and the height in meters; NaN where there is none
    numbers: np.ndarray
    pixel_px: float

    @cached_property
    def typical(self) -> float:
        """How large the overlay's values in sight are, signs aside."""
        values = self.numbers[..., 0]
        values = np.abs(values[np.isfinite(values)])
        return float(np.quantile(values, TYPICAL)) if values.size else 0.0

    def interval_m(self, settings: Settings) -> float:
        """Meters between lines of equal height; 0 without lines."""
        chosen = settings.contours
        if not chosen.on:
            return 0.0
        return self._automatic_m if chosen.auto else chosen.interval_m

    @cached_property
    def _automatic_m(self) -> float:
        return contours.automatic_m(self.numbers[..., 1], self.pixel_px)

    def labels(self, settings: Settings) -> list[contours.Label]:
        """Heights written on lines."""
        interval = self.interval_m(settings)
        if not (interval and settings.contours.labels):
            return []
        return contours.labels(self.numbers[..., 1], interval, self.pixel_px)


NOTHING = Survey(np.full((1, 1, 2), np.nan, np.float32), 1.0)
"""No terrain in sight."""


def needed(settings: Settings) -> bool:
    """Return True if a picture with these settings rests on a survey."""
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
    """How much wider lines and distances are than on a screen: they grow with the text on large
    pictures."""
    return max(1.0, min(size_px[0] / 1440, size_px[1] / 1080))


def size(size_px: tuple[int, int]) -> tuple[int, int]:
    """Pixels of the survey of a picture."""
    share = min(1.0, LONGEST_PX / max(size_px))
    return max(1, round(size_px[0] * share)), max(1, round(size_px[1] * share))
