"""Registry of the sheets: keys, preferences, about."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from viewer.gui import about, help, preferences_sheet

if TYPE_CHECKING:
    from viewer.gui.view import WindowView

SHEETS: dict[str, Callable[[WindowView], None]] = {
    "help": help.draw,
    "preferences": preferences_sheet.draw,
    "about": about.draw,
}
"""Name of a sheet → its draw function."""
