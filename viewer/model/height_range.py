"""Range of heights that colors and the first view span: all of them, or without outliers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from viewer.model import text

SHARE = 0.02
"""Share of the heights left out at each end where there are outliers."""

LABEL = "2–98 %"
"""Name of the range without outliers."""

GAP = 0.5
"""Share of the whole range that a gap below or above outliers takes up: terrain has none."""

FEWEST = 8
"""Fewest samples that tell an outlier."""

LEAST_M = 0.01
"""Least range with colors of its own, meters; below it there is only rounding."""

RINGING = 1e-4
"""Share of an outlier's distance that lossy methods leave around it."""

FLAT_SPAN = 1000.0
"""Range of the colors of a flat surface, in least ranges: it has one color."""


class ColorRange(NamedTuple):
    """Heights in meters at the two ends of the colors."""

    low: float
    high: float
    flat: str = ""
    """Height of a flat surface, which lies in the middle of the colors: "1234.50 m"."""


@dataclass(frozen=True)
class HeightRange:
    """Range of heights in meters."""

    lowest: float
    highest: float
    """Ends of all heights."""
    low: float
    high: float
    """Ends without outliers; those of all heights where there are none."""

    @property
    def trimmed(self) -> bool:
        """True if outliers are left out."""
        return (self.low, self.high) != (self.lowest, self.highest)

    def ends(self, *, full: bool = False) -> tuple[float, float]:
        """Return the ends without outliers, or with `full` those of all heights."""
        return (self.lowest, self.highest) if full else (self.low, self.high)

    def colors(self, least_m: float, *, full: bool = False) -> ColorRange:
        """Return the range of the colors; a range below `least_m` is rounding."""
        low, high = self.ends(full=full)
        least = max(LEAST_M, least_m)
        if self.trimmed and not full:
            least = max(least, RINGING * (self.highest - self.lowest))
        if high - low >= least:
            return ColorRange(low, high)
        middle = (low + high) / 2
        reach = FLAT_SPAN / 2 * max(least, float(np.spacing(abs(middle))))
        label = f"{text.tick_label(middle, least)} m"
        return ColorRange(middle - reach, middle + reach, label)

    @property
    def remark(self) -> str:
        """Sentence on the outliers; "" without any."""
        if not self.trimmed:
            return ""
        inner, outer = (text.height_span(*ends) for ends in (self.ends(), self.ends(full=True)))
        return (
            f"A few heights lie far from all others ({outer} in all): colors and first view are "
            f"those of {LABEL} ({inner}); Full height range, in the menu View, shows all."
        )


class Gap(NamedTuple):
    """Gap between outliers and all other heights, meters."""

    start: float
    end: float
    below: bool
    """True if the outliers lie below it."""

    def parts(self, low: float, high: float) -> bool:
        """Return True if some of the heights from low to high are nearer to the outliers."""
        middle = (self.start + self.end) / 2
        return low < middle if self.below else high > middle


def gaps_of(lowest: float, highest: float, samples: np.ndarray) -> tuple[Gap, ...]:
    """Return the gaps between outliers and other heights, by samples [n] of those from lowest to
    highest: below, above, both or none.

    Outliers are at most `SHARE` of the samples, beyond a gap of more than `GAP` of the range. Those
    at one end are told by the range without those at the other.
    """
    if not highest > lowest or len(samples) < FEWEST:
        return ()
    ordered = np.concatenate([[lowest], np.sort(np.clip(samples, lowest, highest)), [highest]])
    gaps = np.diff(ordered)
    most = int(max(SHARE * len(samples), 1)) + 1
    bottom = int(np.argmax(gaps[:most]))
    top = len(gaps) - 1 - int(np.argmax(gaps[::-1][:most]))
    if not bottom < top:
        return ()
    span = highest - lowest
    under = float(ordered[bottom + 1]) - lowest
    over = highest - float(ordered[top])
    both = gaps[bottom] > GAP * (span - over) and gaps[top] > GAP * (span - under)
    outer = []
    for place, below in ((bottom, True), (top, False)):
        if both or gaps[place] > GAP * span:
            outer.append(Gap(float(ordered[place]), float(ordered[place + 1]), below))
    return tuple(outer)


def trimmed(lowest: float, highest: float, samples: np.ndarray) -> HeightRange:
    """Return the range without outliers of heights from lowest to highest, by samples [n]."""
    inside = np.clip(samples, lowest, highest)
    low = float(np.quantile(inside, SHARE, method="higher"))
    high = float(np.quantile(inside, 1 - SHARE, method="lower"))
    return HeightRange(lowest, highest, min(low, high), max(low, high))


def whole(lowest: float, highest: float) -> HeightRange:
    """Return the range of all heights."""
    return HeightRange(lowest, highest, lowest, highest)


def combined(ranges: Sequence[HeightRange]) -> HeightRange:
    """Return the range that spans several."""
    return HeightRange(
        min(part.lowest for part in ranges),
        max(part.highest for part in ranges),
        min(part.low for part in ranges),
        max(part.high for part in ranges),
    )
