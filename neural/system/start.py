"""Entry points of the installed commands: stop where another module hides one of this program's.

The wheel holds a copy of this file as `_terrain_viewer`, a top-level name that no other module has.
The packages `neural`, `viewer`, `shaders` and `assets` are top-level too, and Python takes the
first of a name on its path: a user's own `neural.py` would end the commands with a traceback.
"""

from __future__ import annotations

import importlib
import importlib.util
import signal
import sys
from pathlib import Path

PACKAGES = ("neural", "viewer", "shaders", "assets")
"""Top-level packages of the program, all in one folder."""

EXIT_CODE = 3
"""Exit status of an installation that cannot run."""


def program_folder() -> Path | None:
    """Return the first folder on Python's path that holds all packages; None without one."""
    folders = [Path(entry or ".").resolve() for entry in sys.path]
    for folder in folders:
        if all((folder / name / "__init__.py").is_file() for name in PACKAGES):
            return folder
    return None


def conflict(folder: Path) -> str | None:
    """Return a sentence that names a module which hides a package of `folder`, or None."""
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        origin = spec.origin if spec else None
        if origin is None or Path(origin).resolve() != folder / name / "__init__.py":
            return (
                f"{origin or name}: this module hides the package `{name}` of terrain-viewer; "
                "rename it, or take its folder off PYTHONPATH."
            )
    return None


def check() -> None:
    """Exit with status 3 and one sentence if a package of the program is missing or hidden."""
    folder = program_folder()
    message = (
        conflict(folder)
        if folder
        else "terrain-viewer is not completely installed; install it again with pip."
    )
    if message:
        print(f"Error: {message}", file=sys.stderr)
        sys.exit(EXIT_CODE)


def end_quietly() -> None:
    """Have Ctrl+C end the process as other signals do, without a traceback, until the command takes
    signals itself: nothing has been written yet."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def ntile() -> None:
    """Run the `ntile` command."""
    end_quietly()
    check()
    importlib.import_module("neural.cli").main()


def terrain_viewer() -> None:
    """Run the `terrain-viewer` command."""
    end_quietly()
    check()
    importlib.import_module("viewer.__main__").main()
