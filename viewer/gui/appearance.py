"""Theme and scale of the user interface, from the preferences and `--theme`."""

from __future__ import annotations

from imgui_bundle import hello_imgui

from viewer.gui import theme
from viewer.storage import desktop
from viewer.storage.preferences import BOUNDS, Store

SCALE_STEP = 1.125
"""Factor of "larger text" and "smaller text"."""


class Appearance:
    """Palette and scale in use; changes are kept in the preferences."""

    def __init__(self, preferences: Store, override: str | None = None) -> None:
        self._preferences = preferences
        self._override = override  # `--theme`, until another one is chosen

    def begin(self) -> None:
        """Set palette and sizes while the window opens."""
        use(self._override or self._preferences.values.theme)
        theme.apply_style(self._preferences.values.ui_scale)

    def choose(self, name: str) -> None:
        """Change to "dark", "light" or "system" and keep it in the preferences."""
        self._preferences.values.theme = name
        self._override = None
        use(name)
        self._restyle()

    @property
    def is_light(self) -> bool:
        """True if the light palette is in use."""
        return theme.current() == "light"

    def toggle_light(self) -> None:
        """Change between light and dark."""
        self.choose("dark" if self.is_light else "light")

    def resize(self, scale: float) -> None:
        """Scale text and widgets by `scale` and keep it in the preferences."""
        low, high = BOUNDS["ui_scale"]
        self._preferences.values.ui_scale = min(max(scale, low), high)
        self._restyle()

    def enlarge(self) -> None:
        """Make text and widgets one step larger."""
        self.resize(self._preferences.values.ui_scale * SCALE_STEP)

    def shrink(self) -> None:
        """Make text and widgets one step smaller."""
        self.resize(self._preferences.values.ui_scale / SCALE_STEP)

    def _restyle(self) -> None:
        scale = self._preferences.values.ui_scale
        theme.apply_style(scale, hello_imgui.dpi_window_size_factor())
        self._preferences.save()


def use(name: str) -> None:
    """Use the palette "dark", "light", or the desktop's ("system")."""
    theme.use(desktop.system_theme() if name == "system" else name)
