"""Facts of the desktop: settings folder, light or dark theme."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FOLDER = "terrain-viewer"
"""Name of the program's folder among the user's settings."""


def config_folder() -> Path:
    """Return the program's folder among the user's settings, shared with hello_imgui's layout
    file."""
    if sys.platform == "win32":
        base = os.environ.get("APPDATA", "")
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Application Support")
    else:
        base = os.environ.get("XDG_CONFIG_HOME", "")
    return Path(base or Path.home() / ".config") / FOLDER


def system_theme() -> str:
    """Return "light" or "dark", as the desktop is set; "dark" where that is unknown."""
    try:
        if sys.platform == "win32":
            import winreg

            place = r"Software\Microsoft\Windows\CurrentVersion\Themes\Personalize"
            with winreg.OpenKey(winreg.HKEY_CURRENT_USER, place) as key:
                return "light" if winreg.QueryValueEx(key, "AppsUseLightTheme")[0] else "dark"
        if sys.platform == "darwin":
            ask = ["defaults", "read", "-g", "AppleInterfaceStyle"]
            return "dark" if "Dark" in _output(ask) else "light"
        ask = ["gsettings", "get", "org.gnome.desktop.interface", "color-scheme"]
        return "light" if "light" in _output(ask) else "dark"
    except (OSError, ValueError):
        return "dark"


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=1, check=False
        ).stdout
    except subprocess.TimeoutExpired:
        return ""
