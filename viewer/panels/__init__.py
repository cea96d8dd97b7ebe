"""The panels, in the order of their tabs.

A panel is a module with `PANEL = Panel(title, dock, needs_document, draw)`. Its `draw(view)` reads
a narrow view, writes `view.settings` and the options of the parts it shows, and asks for anything
else by `view.run(command_id)`. To add one: write the file, name it in PANELS.
"""

from __future__ import annotations

from viewer.panels import (
    debug,
    film,
    layers,
    log,
    measure,
    overlay,
    profile,
    quantization,
    results,
    shading,
    statistics,
    views,
)
from viewer.panels.host import Host
from viewer.panels.panel import Panel

__all__ = ("PANELS", "SPLITS", "Host", "Panel")

PANELS: tuple[Panel, ...] = (
    layers.PANEL,
    shading.PANEL,
    film.PANEL,
    statistics.PANEL,
    quantization.PANEL,
    views.PANEL,
    overlay.PANEL,
    measure.PANEL,
    log.PANEL,
    results.PANEL,
    profile.PANEL,
    debug.PANEL,
)
"""Every panel."""

SPLITS = (
    ("MainDockSpace", "Column", "right", 0.27),
    ("MainDockSpace", "Bottom", "down", 0.13),
    ("MainDockSpace", "Profile", "down", 0.5),
    ("Column", "ColumnMiddle", "down", 0.54),
    ("ColumnMiddle", "ColumnBottom", "down", 0.68),
)
"""Docks: the dock that is divided, the new one, its side, its share."""
