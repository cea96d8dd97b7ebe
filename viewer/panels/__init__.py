"""The panels, in the order of their tabs. A panel is a module with TITLE, DOCK and draw(app), and
SHOWN = False where it is opened by a command only.

Panels read the app and write only its settings. To add one: write the file, name it in PANELS.
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

PANELS = (
    layers,
    shading,
    film,
    statistics,
    quantization,
    views,
    overlay,
    measure,
    log,
    results,
    profile,
    debug,
)
"""Every panel there is."""

SPLITS = (
    ("MainDockSpace", "Column", "right", 0.27),
    ("MainDockSpace", "Bottom", "down", 0.13),
    ("MainDockSpace", "Profile", "down", 0.5),
    ("Column", "ColumnMiddle", "down", 0.54),
    ("ColumnMiddle", "ColumnBottom", "down", 0.68),
)
"""Docks: the dock that is divided, the new one, its side, its share."""
