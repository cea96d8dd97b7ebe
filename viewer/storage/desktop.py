"""Facts of the desktop: settings folder, light or dark theme."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FOLDER = "terrain-viewer"
"""Name of the program's folder among the user's settings."""


def home() -> Path | None:
    """Return the user's home folder; None where the account has none: it is not told, missing, or
    the root."""
    name = os.environ.get("HOME", "")
    try:
        folder = Path(name) if os.path.isabs(name) and os.name == "posix" else _registered_home()
    except (KeyError, RuntimeError):  # an account without an entry, as in containers
        return None
    is_root = folder == Path(folder.anchor)
    return folder if folder.is_absolute() and not is_root and os.path.isdir(folder) else None


def _registered_home() -> Path:
    """Return the home folder that the system has for the user."""
    if os.name != "posix":
        return Path.home()
    import pwd

    return Path(pwd.getpwuid(os.getuid()).pw_dir)


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


def keep_libraries_in_place() -> None:
    """Have the libraries of this process, such as OpenGL's shader cache, write nothing into the
    working directory or the root, where the environment would lead them."""
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        if name in os.environ and not os.path.isabs(os.environ[name]):
            del os.environ[name]
    account = home()
    if account is None:
        os.environ.setdefault("MESA_SHADER_CACHE_DISABLE", "true")
    elif not os.path.isabs(os.environ.get("HOME", "")) and os.name == "posix":
        os.environ["HOME"] = str(account)


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
