"""Facts of the desktop: settings folder, light or dark theme."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from neural.system.home import home

FOLDER = "terrain-viewer"
"""Name of the program's folder among the user's settings."""


def config_folder() -> Path | None:
    """Return the program's folder among the user's settings; None where the account has none.

    Paths in the environment that are not absolute count as not set, and the root is no place.
    """
    if sys.platform == "win32":
        variable, usual = "APPDATA", "AppData/Roaming"
    elif sys.platform == "darwin":
        variable, usual = "", "Library/Application Support"
    else:
        variable, usual = "XDG_CONFIG_HOME", ".config"
    base = Path(os.environ.get(variable, ""))
    if base.is_absolute() and base != Path(base.anchor):
        return base / FOLDER
    account = home()
    return None if account is None else account / usual / FOLDER


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
