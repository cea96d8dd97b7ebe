"""Both sides of a split picture: labels and legends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from viewer.scene import labels, legend
from viewer.scene.legend import Legend

if TYPE_CHECKING:
    from viewer.scene.scene import Scene


@dataclass(frozen=True)
class Side:
    """One side of a split picture."""

    slot: str
    label: str  # file (where there are several), layer and bits
    first: float  # left and right edge, shares of the picture's width
    end: float
    # None without colors, or with those of the side before
    legend: Legend | None = None


def sides(scene: Scene) -> list[Side]:
    """Return both sides from left to right; none for a whole picture."""
    if len(scene.panes) < 2:
        return []
    divider = scene.settings.compare.divider
    result: list[Side] = []
    seen: list[Legend] = []
    for pane, (first, end) in zip(scene.panes, ((0.0, divider), (divider, 1.0)), strict=True):
        pane_legend = legend.of_pane(scene, pane)
        # The name is above the side, so the legend need not say it.
        colors = replace(pane_legend, slot="", layer="", samples="")
        alike = not colors.title or any(same(colors, other) for other in seen)
        seen += [] if alike else [colors]
        label = labels.label_in(scene, scene.choice_in(pane))
        result.append(Side(pane.slot, label, first, end, None if alike else colors))
    return result


def same(one: Legend, other: Legend) -> bool:
    """Return True if the colors of two legends have the same meaning."""
    words = (one.title, one.note, one.low, one.high, one.patches)
    if words != (other.title, other.note, other.low, other.high, other.patches):
        return False
    return one.table is other.table or (
        one.table is not None and other.table is not None and bool((one.table == other.table).all())
    )
