"""Comparing in the window: files beside the first, the split picture, blinking, the difference of the slots."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from neural.errors import NtileError, UsageError
from viewer import layers

if TYPE_CHECKING:
    from viewer.app import App


class Comparing:
    """What keys, menus and panels ask for; all of it is in the settings but the files."""

    def __init__(self, app: App) -> None:
        self._app = app

    def open(self, path: str) -> bool:
        """Open a file beside the first and put it into slot B; what is wrong with it becomes a message."""
        app = self._app
        try:
            if app.scene is None or app.scene.reader is None:
                raise UsageError(f"{path}: open a .ntile file before one to compare with it.")
            layers.compare_file(app.scene, path)
        except NtileError as error:
            app.messages.error(str(error))
            return False
        app.messages.info(f"Slot B holds {Path(path).name}.")
        return True

    def close(self, index: int) -> None:
        """Close a file beside the first."""
        app = self._app
        if app.scene is None:
            return
        name = Path(app.scene.files[index].reader.path).name
        try:
            app.scene.remove(index)
        except NtileError as error:
            app.messages.error(str(error))
        app.measuring.forget()
        app.messages.info(f"Closed {name}.")
