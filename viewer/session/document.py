"""The open document, and its place in a session."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neural.errors import UsageError
from viewer.session.open_request import OpenRequest

if TYPE_CHECKING:
    from neural.container.reader import Reader
    from neural.raster.reading import ReferenceRaster
    from viewer.scene.scene import Scene


@dataclass(frozen=True)
class Document:
    """A terrain file on screen, with the files compared with it."""

    scene: Scene
    path: Path
    """Main file, absolute."""
    reference: ReferenceRaster | None
    """Raster that errors are measured against; None for the files' own reference layers."""

    @property
    def reader(self) -> Reader:
        """Reader of the main file."""
        return self.scene.files[0].reader

    @property
    def compared(self) -> list[str]:
        """Paths of the compared files, in the order of their indices (1 …)."""
        return [str(file.reader.path) for file in self.scene.files[1:]]

    def again(self, **changes: Any) -> OpenRequest:
        """Return the request that shows the same files in the same view, with some of its fields
        changed."""
        values = {"reference": self.reference, **changes}
        return OpenRequest(str(self.path), beside=tuple(self.compared), keep_view=True, **values)


class CurrentDocument:
    """Holder of the open document, shared by the parts of a session."""

    def __init__(self) -> None:
        self.document: Document | None = None

    def require(self, purpose: str) -> Document:
        """Return the open document. Raises UsageError with `purpose` where none is open."""
        if self.document is None:
            raise UsageError(purpose)
        return self.document
