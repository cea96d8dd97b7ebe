"""Light or dark, and how large: what the preferences and `--theme` say, put into effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgui_bundle import hello_imgui

from viewer.gui import theme
from viewer.storage import desktop
from viewer.storage.preferences import BOUNDS

if TYPE_CHECKING:
    from viewer.app import App

SCALE_STEP = 1.125  # of "larger text" and "smaller text"


def begin(app: App) -> None:
    """The window is being made: its palette and sizes."""
    use(app.launch.theme or app.preferences.values.theme)
    theme.apply_style(app.preferences.values.ui_scale)


def choose(app: App, name: str) -> None:
    """Change to "dark", "light" or "system", and remember it."""
    app.preferences.values.theme = name
    app.launch.theme = None
    use(name)
    _restyle(app)


def toggle_light(app: App) -> None:
    """Change between light and dark."""
    choose(app, "dark" if is_light(app) else "light")


def is_light(app: App) -> bool:
    """Return True if the light palette is in use."""
    return theme.current() == "light"


def resize(app: App, scale: float) -> None:
    """Make text and widgets `scale` times as large as usual, and remember it."""
    low, high = BOUNDS["ui_scale"]
    app.preferences.values.ui_scale = min(max(scale, low), high)
    _restyle(app)


def larger(app: App) -> None:
    """A little larger."""
    resize(app, app.preferences.values.ui_scale * SCALE_STEP)


def smaller(app: App) -> None:
    """A little smaller."""
    resize(app, app.preferences.values.ui_scale / SCALE_STEP)


def use(name: str) -> None:
    """Take the palette "dark", "light", or the one that the desktop says ("system")."""
    theme.use(desktop.system_theme() if name == "system" else name)


def _restyle(app: App) -> None:
    theme.apply_style(app.preferences.values.ui_scale, hello_imgui.dpi_window_size_factor())
    app.preferences.save()
