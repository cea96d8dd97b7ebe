"""Images of the scene and screenshots of the window: taken when a frame is complete, saved as
PNG."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import moderngl
import numpy as np

from neural.errors import NtileError
from neural.system.home import home, working_directory
from viewer.gui import window
from viewer.pictures import decorations
from viewer.pictures.png import write_png
from viewer.session.messages import Messages

if TYPE_CHECKING:
    from viewer.gui.viewport import Viewport
    from viewer.session.session import Session

Take = Callable[[np.ndarray], object]
"""Gets the window's picture, uint8 [h, w, 3]."""


class Screenshots:
    """Pending requests for a screenshot of the window."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self._waiting: list[Take] = []

    def request(self, take: Take) -> None:
        """Call `take` with the window's picture when the present frame is complete."""
        self._waiting.append(take)

    def deliver(self, ctx: moderngl.Context) -> None:
        """Read the completed frame and hand it to the pending requests."""
        if self._waiting:
            waiting = self._waiting
            self._waiting = []
            picture = window.read_screen(ctx)
            for take in waiting:
                take(picture)

    def save(self) -> None:
        """Save a screenshot of the window in the working folder, named after the time."""
        path = self._path()
        self.request(lambda picture: self._write(path, picture))

    def save_scene(self, session: Session, viewport: Viewport | None) -> None:
        """Save the scene's image with the decorations of `Settings.decorations`, in the working
        folder."""
        path = self._path()

        def take(_: np.ndarray) -> None:
            document = session.document
            if document is None or viewport is None:
                self._messages.error("There is no image to export; open a .ntile file first.")
                return
            picture = viewport.image()
            decorations.for_scene(document.scene, session.camera, viewport.size).paint(picture)
            self._write(path, picture)

        self.request(take)

    def _path(self) -> Path:
        """Return a name that no file has, also where the clock was set back."""
        name = time.strftime("terrain_%Y%m%d_%H%M%S")
        folder = working_directory() or home() or Path(os.sep)
        path = folder / f"{name}.png"
        others = (path.with_stem(f"{name}_{k}") for k in itertools.count(2))
        return next(other for other in itertools.chain([path], others) if not other.exists())

    def _write(self, path: Path, picture: np.ndarray) -> None:
        try:
            write_png(path, picture)
        except NtileError as error:
            self._messages.error(str(error))
        else:
            self._messages.info(f"Saved {path}.")
