"""Opening files in the window: a thread reads and decodes, the window goes on, and then the app
takes the file over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from neural.errors import NtileError
from neural.raster.reading import Raster
from viewer.session.opening import begin_beside, begin_compared, begin_opening, is_open
from viewer.storage import project
from viewer.tiles.pending_file import PendingFile

if TYPE_CHECKING:
    from viewer.app import App

Begin = Callable[[], Sequence[PendingFile]]
"""Begins to open files; none where nothing is to be read first. Raises NtileError."""

Then = Callable[..., object]
"""Called with the openings when all have ended, failed ones included (`PendingFile.result`
raises)."""


class Files:
    """Queue of requests from dialogs, menus and drops, done one after the other."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._waiting: list[tuple[Begin, Then]] = []
        self._openings: tuple[Sequence[PendingFile], Then] | None = None

    @property
    def loading(self) -> str:
        """Name of the file being opened; empty when there is none."""
        openings = () if self._openings is None else self._openings[0]
        return next((opening.path.name for opening in openings if not opening.done), "")

    @property
    def busy(self) -> bool:
        """True if anything is left to do."""
        return self._openings is not None or bool(self._waiting)

    def open(self, path: str) -> None:
        """Show a file in place of the present ones; what is wrong with it becomes a message and
        they stay."""
        self._soon(
            lambda: [begin_opening(path, decode_backend=self._entry)],
            lambda *openings: self._app.open(path, opening=next(iter(openings), None)),
        )

    def open_reference(self, path: str) -> None:
        """Measure errors against this raster."""

        def begin() -> Sequence[PendingFile]:
            if self._app.path is None:
                return ()
            main = begin_opening(self._app.path, path, decode_backend=self._entry)
            return [main, *self._beside(self._app.comparing.paths, path)]

        self._soon(begin, lambda *openings: self._app.open_reference(path, *openings))

    def compare(self, path: str) -> None:
        """Open a file beside the first and put it into slot B; where there is none, open it."""
        app = self._app

        def begin() -> Sequence[PendingFile]:
            assert app.scene is not None
            if app.scene.reader is None:
                return [begin_opening(path, decode_backend=self._entry)]
            return [begin_compared(app.scene, path)] if is_open(app.scene, path) is None else ()

        def then(opening: PendingFile | None = None) -> None:
            assert app.scene is not None
            (app.open if app.scene.reader is None else app.comparing.open)(path, opening=opening)

        self._soon(begin, then)

    def open_project(self, path: str) -> None:
        """Show what a project file says."""

        found: project.Project | None = None

        def begin() -> Sequence[PendingFile]:
            nonlocal found
            found = project.read(path)
            main, *others = found.present
            opening = begin_opening(main, found.reference, decode_backend=self._entry)
            return [opening, *self._beside(others, found.reference)]

        self._soon(begin, lambda *openings: self._app.projects.open(path, found, openings))

    def add(self, path: str, layer: int, then: Callable[[PendingFile], object]) -> None:
        """Open a file beside the first, beginning with a layer; `then` takes it over."""
        self._soon(lambda: self._beside([path], self._app.reference, layer), then)

    def then(self, action: Callable[[], object]) -> None:
        """Do something when all files asked for so far are there."""
        self._soon(tuple, action)

    def update(self) -> None:
        """Once a frame: take over what has come, begin what waits."""
        while True:
            if self._openings is not None:
                openings, then = self._openings
                if not all(opening.done for opening in openings):
                    return
                self._openings = None
                then(*openings)
            if not self._waiting:
                return
            begin, then = self._waiting.pop(0)
            try:
                self._openings = begin(), then
            except NtileError:
                self._openings = (), then  # said by whoever tries without

    def close(self) -> None:
        """Want nothing any more."""
        self._waiting.clear()
        for opening in () if self._openings is None else self._openings[0]:
            opening.cancel()
        self._openings = None

    @property
    def _entry(self) -> str:
        assert self._app.scene is not None
        return self._app.scene.decode_backend

    def _beside(
        self, paths: Sequence[str], reference: Raster | None, layer: int = 0
    ) -> list[PendingFile]:
        return [begin_beside(path, reference, layer, self._entry) for path in paths]

    def _soon(self, begin: Begin, then: Then) -> None:
        self._waiting.append((begin, then))
