"""The overlays: what each shows, in which unit and colors.

An overlay is an entry here and shaders/overlay/<name>.glsl.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from viewer.model.settings import Overlay

HEIGHT = "height"
GRADIENT = "gradient"
"""Quantities measured of a tile: decoded − reference in meters, or how far the gradients are apart
in m/m."""

EDGE_GAP = "edge_gap"
"""The overlay whose numbers are those of tiles' edges."""


@dataclass(frozen=True)
class Kind:
    """One overlay. `ends` says which values the two ends of its colors stand for:

    "positive" 0 and the reach, "signed" ± the reach, "cyclic" 0 and 360, "mask" no colors but two.
    """

    title: str
    unit: str
    tables: str  # kind of color tables it takes, see viewer.model.colormaps
    colormap: str  # the one it begins with
    ends: str
    # where its colors end if nothing else is chosen; None: by what is in view
    reach: float | None = None
    least_reach: float = 0.0  # an automatic reach is never less
    measures: str = ""  # the errors it needs, HEIGHT or GRADIENT
    note: str = ""  # second line of its legend
    about: str = ""  # a sentence that explains it


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "slope": Kind(
            "Slope",
            "°",
            "amount",
            "heather",
            "positive",
            60.0,
            about="Steepness of the decoded surface, from its exact gradient.",
        ),
        "aspect": Kind(
            "Aspect",
            "°",
            "cyclic",
            "compass",
            "cyclic",
            360.0,
            note="facing",
            about="Where the slope faces, clockwise from north; level ground is gray.",
        ),
        "profile_curvature": Kind(
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
        "plan_curvature": Kind(
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
        "error": Kind(
            "Error",
            "m",
            "error",
            "balance",
            "signed",
            least_reach=1e-3,
            measures=HEIGHT,
            about="Decoded − reference: blue is too low, red too high.",
        ),
        "absolute_error": Kind(
            "Absolute error",
            "m",
            "amount",
            "heather",
            "positive",
            least_reach=1e-3,
            measures=HEIGHT,
            about="Size of decoded − reference.",
        ),
        "tolerance": Kind(
            "Beyond tolerance",
            "m",
            "",
            "",
            "mask",
            measures=HEIGHT,
            about="Cells whose error is larger than the tolerance.",
        ),
        "gradient_error": Kind(
            "Gradient error",
            "m/m",
            "amount",
            "heather",
            "positive",
            least_reach=1e-3,
            measures=GRADIENT,
            about="Length of the difference between the decoded gradient and central "
            "differences of the reference.",
        ),
        EDGE_GAP: Kind(
            "Edge gap",
            "m",
            "amount",
            "heather",
            "positive",
            least_reach=1e-3,
            about="Height steps between tiles of one level along their common edges.",
        ),
    }
)
"""Every overlay there is, in the order of the lists that offer them."""

NAMES = ("none", *KINDS)
"""Values of `settings.Overlay.name`."""

AGAINST = ("reference", "B")
"""Values of `settings.Overlay.against`: the reference, or slot B (differences A − B)."""


def table(overlay: Overlay, name: str) -> str:
    """Name of the color table an overlay is shown with."""
    return overlay.colormap.get(name) or KINDS[name].colormap


def reach(overlay: Overlay, typical: Callable[[], float]) -> float:
    """Where the chosen overlay's colors end before amplification; `typical` tells how large the
    values in view are."""
    kind = KINDS.get(overlay.name)
    chosen = overlay.reach.get(overlay.name, None if kind is None else kind.reach)
    if kind is None or chosen is not None:
        return chosen or 1.0
    return max(round_up(typical()), kind.least_reach)


def ends(overlay: Overlay, reach: float) -> tuple[float, float]:
    """Values at the two ends of the chosen overlay's colors."""
    kind = KINDS.get(overlay.name)
    if kind is None or kind.ends == "mask":
        return 0.0, 1.0
    reach /= overlay.amplification if kind.measures else 1.0
    return (-reach if kind.ends == "signed" else 0.0), reach


def round_up(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten, so that colors do not change with every tile; 0 for
    next to nothing."""
    if value <= 1e-9:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(k * power for k in (1, 2, 5, 10) if k * power >= value * (1 - 1e-9))
