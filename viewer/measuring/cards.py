"""Places of the cards with a measurement's numbers: beside their shapes, clear of all others.

Pixels or window coordinates, y downward; em is the height of text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Box(NamedTuple):
    """Rectangle of a card."""

    left: float
    top: float
    right: float
    bottom: float

    def holds(self, x: float, y: float) -> bool:
        """Return True if a point lies in the box."""
        return self.left <= x <= self.right and self.top <= y <= self.bottom

    def shared(self, other: Box) -> float:
        """Return the area shared with another box."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(across, 0.0) * max(down, 0.0)


RINGS = 8
"""Rings of places around a point, one card's height apart."""


def place(
    point: tuple[float, float],
    size: tuple[float, float],
    em: float,
    area: Box,
    taken: Sequence[Box],
) -> Box:
    """Return the place of a card of a size (width, height) for a point: upper right of it, or the
    nearest that lies in `area` and clear of the boxes `taken`; the clearest where none is.

    A point outside the area keeps its card beside it.
    """
    first, *others = _places(point, size, em)
    if not area.holds(*point):
        return first
    best = first
    least = float("inf")
    for box in (first, *others):
        inside = _moved_into(box, area)
        # a card moved over its own point would hide it
        covered = sum(inside.shared(other) for other in taken) + inside.holds(*point)
        if covered < least:
            best = inside
            least = covered
        if not covered:
            break
    return best


def _places(point: tuple[float, float], size: tuple[float, float], em: float) -> Iterator[Box]:
    """Iterate over places of a card, the preferred one first."""
    x, y = point
    width, height = size
    for ring in range(RINGS):
        away = 0.8 * em + ring * height
        above = y - 0.4 * em - height - ring * height
        below = y + 0.4 * em + ring * height
        for left in (x + away, x - away - width, x - width / 2):
            yield Box(left, above, left + width, above + height)
        for left in (x + away, x - away - width, x - width / 2):
            yield Box(left, below, left + width, below + height)
        for left in (x + away, x - away - width):
            yield Box(left, y - height / 2, left + width, y + height / 2)


def _moved_into(box: Box, area: Box) -> Box:
    """Return a box moved into an area, as far as it fits."""
    right = min(max(area.left - box.left, 0.0), max(area.right - box.right, 0.0))
    left = min(max(box.right - area.right, 0.0), max(box.left - area.left, 0.0))
    down = min(max(area.top - box.top, 0.0), max(area.bottom - box.bottom, 0.0))
    up = min(max(box.bottom - area.bottom, 0.0), max(box.top - area.top, 0.0))
    across = right - left
    along = down - up
    return Box(box.left + across, box.top + along, box.right + across, box.bottom + along)
