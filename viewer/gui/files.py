"""Opening files in the window: a thread reads and decodes, the window goes on, and then the app takes the file over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from neural.errors import NtileError
from viewer.storage import project
from viewer.terrain import layers
from viewer.terrain.opening import Opening

if TYPE_CHECKING:
    from viewer.app import App

Begin = Callable[[], Opening | None]
"""Begins to open a file; None where nothing is to be read first. Raises NtileError."""

Then = Callable[[Opening | None], object]
"""What is done with a file that is there, or with what was wrong with it (`Opening.result` raises)."""


class Files:
    """What dialogs, menus and drops ask for, one after the other in the order asked."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._waiting: list[tuple[Begin, Then]] = []
        self._opening: tuple[Opening, Then] | None = None

    @property
    def loading(self) -> str:
        """Name of the file being opened; empty when there is none."""
        return "" if self._opening is None else self._opening[0].path.name

    @property
    def busy(self) -> bool:
        """Whether anything is left to do."""
        return self._opening is not None or bool(self._waiting)

    def open(self, path: str) -> None:
        """Show a file in place of the present ones; what is wrong with it becomes a message and they stay."""
        self._soon(
            lambda: layers.begin_opening(path, entry=self._entry),
            lambda opening: self._app.open(path, opening=opening),
        )

    def open_reference(self, path: str) -> None:
        """Measure errors against this raster."""

        def begin() -> Opening | None:
            present = self._app.path
            return None if present is None else layers.begin_opening(present, path, entry=self._entry)

        self._soon(begin, lambda opening: self._app.open_reference(path, opening))

    def compare(self, path: str) -> None:
        """Open a file beside the first and put it into slot B; where there is none, open it."""
        app = self._app

        def begin() -> Opening | None:
            assert app.scene is not None
            if app.scene.reader is None:
                return layers.begin_opening(path, entry=self._entry)
            return layers.begin_compared(app.scene, path) if layers.is_open(app.scene, path) is None else None

        def then(opening: Opening | None) -> None:
            assert app.scene is not None
            (app.open if app.scene.reader is None else app.comparing.open)(path, opening=opening)

        self._soon(begin, then)

    def open_project(self, path: str) -> None:
        """Show what a project file says."""

        def begin() -> Opening | None:
            found = project.read(path)
            return layers.begin_opening(found.files[0], found.reference, entry=self._entry)

        self._soon(begin, lambda opening: self._app.projects.open(path, opening))

    def then(self, action: Callable[[], object]) -> None:
        """Do something when all files asked for so far are there."""
        self._soon(lambda: None, lambda opening: action())

    def update(self) -> None:
        """Once a frame: take over what has come, begin what waits."""
        while True:
            if self._opening is not None:
                opening, then = self._opening
                if not opening.done:
                    return
                self._opening = None
                then(opening)
            if not self._waiting:
                return
            begin, then = self._waiting.pop(0)
            try:
                begun = begin()
            except NtileError:
                begun = None  # said by whoever tries without
            if begun is None:
                then(None)
            else:
                self._opening = begun, then

    def close(self) -> None:
        """Want nothing any more."""
        self._waiting.clear()
        if self._opening is not None:
            self._opening[0].cancel()
        self._opening = None

    @property
    def _entry(self) -> str:
        assert self._app.scene is not None
        return self._app.scene.decode_entry

    def _soon(self, begin: Begin, then: Then) -> None:
        self._waiting.append((begin, then))
