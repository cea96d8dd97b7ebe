"""The sheets, by name: keys, preferences, about."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from viewer.gui import about, help, preferences_sheet

if TYPE_CHECKING:
    from viewer.app import App

SHEETS: dict[str, Callable[[App], None]] = {
    "help": help.draw,
    "preferences": preferences_sheet.draw,
    "about": about.draw,
}
"""Values of `App.sheet`, and what draws each."""
