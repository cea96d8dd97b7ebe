"""How measuring looks everywhere: colours of the surfaces, titles of the panels."""

from __future__ import annotations

from viewer.gui import theme
from viewer.measuring.terrain import REFERENCE

MEASURE_PANEL, PROFILE_PANEL = "Measure", "Profile"
"""Titles of the panels."""


def colour(name: str) -> str:
    """The colour of a surface or difference in plots and tables, "rrggbb"."""
    if name == REFERENCE:
        return theme.REFERENCE
    if name in ("A", "B"):
        return theme.slot(name)
    one, other = name.split(" − ")
    return theme.slot(one) if other == REFERENCE else theme.RESIDUAL
