"""Opening files without waiting: threads read them, then the session takes them over."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from neural.errors import NtileError
from neural.raster.reading import ReferenceRaster
from viewer.session.comparing import Comparing
from viewer.session.document import CurrentDocument
from viewer.session.messages import Messages
from viewer.session.open_request import OpenRequest, absolute
from viewer.session.opening import (
    Loading,
    begin_beside,
    begin_second,
    index_of,
    present,
    raster_contents,
)
from viewer.storage import project
from viewer.tiles.pending_file import PendingFile
from viewer.tiles.pins import Pins

Begin = Callable[[], Sequence[PendingFile]]
"""Begins to read files; returns none where nothing is to be read first. Raises NtileError."""

OnLoaded = Callable[..., object]
"""Called with the finished openings; `Opening.result` raises a load error again."""

Show = Callable[[OpenRequest, Loading | None], object]
"""`Session.open`. Raises NtileError."""


class FileQueue:
    """Queue of files to open, one request after the other; errors become messages, and the present
    document stays."""

    def __init__(
        self,
        current: CurrentDocument,
        comparing: Comparing,
        messages: Messages,
        show: Show,
        decode_backend: Callable[[], str],
    ) -> None:
        """Create an empty queue; `decode_backend` returns `Scene.decode_backend`."""
        self._current = current
        self._comparing = comparing
        self._messages = messages
        self._show = show
        self._decode_backend = decode_backend
        self._waiting: list[tuple[Begin, OnLoaded]] = []
        self._reading: tuple[Sequence[PendingFile], OnLoaded] | None = None

    @property
    def loading(self) -> str:
        """Name of the file being read; empty when there is none."""
        openings = () if self._reading is None else self._reading[0]
        return next((opening.path.name for opening in openings if not opening.done), "")

    @property
    def busy(self) -> bool:
        """True if anything is left to do."""
        return self._reading is not None or bool(self._waiting)

    def open(self, path: str) -> None:
        """Show a file in place of the present document."""
        self._open(lambda: OpenRequest(path))

    def open_reference(self, path: str) -> None:
        """Measure errors against a raster: open all files again with it."""

        def request() -> OpenRequest:
            document = self._current.require(
                f"{path}: open a .ntile file before its reference raster."
            )
            return document.again(reference=ReferenceRaster(path))

        self._open(request)

    def reload(self) -> None:
        """Open the files that have changed again."""
        self._open(
            lambda: self._current.require("Open a file before it is reloaded.").again(reload=True)
        )

    def open_project(self, path: str) -> None:
        """Restore a project file."""
        self._open(lambda: project_request(path))

    def compare(self, path: str) -> None:
        """Open a file for comparison in slot B; without a document, open it as the first."""
        path = absolute(path)
        loadings: list[Loading] = []

        def begin() -> Sequence[PendingFile]:
            document = self._current.document
            if document is None:
                loadings.append(Loading(OpenRequest(path), self._decode_backend()))
                return loadings[0].openings
            is_open = index_of(document.scene, path) is not None
            return () if is_open else [begin_second(document.scene, path)]

        def finish(*openings: PendingFile) -> None:
            for loading in loadings:
                self._report(loading)
            if not loadings:
                self._comparing.open(path, next(iter(openings), None))

        self._add(begin, finish)

    def add(
        self, path: str, layer: int, on_loaded: Callable[[PendingFile], object], pins: Pins
    ) -> None:
        """Read a file to be added to the present ones, beginning with a layer; `pins` hold it to a
        content."""

        def begin() -> Sequence[PendingFile]:
            document = self._current.document
            reference = None if document is None else document.reference
            if document is not None:
                pins.contents.update(raster_contents(document.scene))
            return [begin_beside(path, reference, layer, self._decode_backend(), pins)]

        self._add(begin, on_loaded)

    def then(self, action: Callable[[], object]) -> None:
        """Run an action when all files requested so far are open."""
        self._add(tuple, action)

    def update(self) -> None:
        """Take over finished files and begin with waiting ones; once a frame."""
        while True:
            if self._reading is not None:
                openings, on_loaded = self._reading
                if not all(opening.done for opening in openings):
                    return
                self._reading = None
                on_loaded(*openings)
            if not self._waiting:
                return
            begin, on_loaded = self._waiting.pop(0)
            try:
                self._reading = begin(), on_loaded
            except NtileError as error:
                self._messages.error(str(error))

    def finish(self) -> None:
        """Wait until everything requested is done; for programs without frames."""
        while self.busy:
            if self._reading is not None:
                for opening in self._reading[0]:
                    opening.wait()
            self.update()

    def close(self) -> None:
        """Cancel everything."""
        self._waiting.clear()
        for opening in () if self._reading is None else self._reading[0]:
            opening.cancel()
        self._reading = None

    def _open(self, request: Callable[[], OpenRequest], *, first: bool = False) -> None:
        loadings: list[Loading] = []

        def begin() -> Sequence[PendingFile]:
            asked = request()
            document = self._current.document
            readers = [] if document is None else present(document.scene, asked)
            loadings.append(Loading(asked, self._decode_backend(), readers))
            return loadings[0].openings

        def finish(*openings: PendingFile) -> None:
            self._report(loadings[0])

        self._waiting.insert(0 if first else len(self._waiting), (begin, finish))

    def _report(self, loading: Loading) -> None:
        """Show finished files; report errors. Without an optional reference, read them again."""
        error = loading.main.error
        request = loading.request
        if error is not None and request.has_optional_reference:
            loading.cancel()
            self._open(lambda: request.without_reference(error), first=True)
        else:
            self._messages.report_errors(lambda: self._show(request, loading))

    def _add(self, begin: Begin, on_loaded: OnLoaded) -> None:
        self._waiting.append((begin, on_loaded))


def project_request(path: str) -> OpenRequest:
    """Read a project file and return the request that restores it. Raises NtileError."""
    opened = project.read(path)
    return OpenRequest(
        opened.files[0],
        opened.reference,
        project=opened,
        project_path=path,
        reference_optional=True,
        pins=Pins(opened.contents),
    )
