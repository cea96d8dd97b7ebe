"""Comparison: other files, errors against the reference or slot B, the reference layer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from neural.errors import NtileError, UsageError
from viewer.model.overlays import OVERLAYS
from viewer.model.settings import Settings
from viewer.session.document import CurrentDocument, Document
from viewer.session.messages import Messages
from viewer.session.opening import compare_file
from viewer.tiles.pending_file import PendingFile


class Comparing:
    """Commands on compared files and slots; their state is in the settings."""

    def __init__(
        self,
        current: CurrentDocument,
        settings: Settings,
        messages: Messages,
        on_close: Callable[[], object],
    ) -> None:
        """Create without a second file; `on_close` is called after a file has been closed."""
        self._current = current
        self._settings = settings
        self._messages = messages
        self._on_close = on_close

    @property
    def paths(self) -> list[str]:
        """Compared files, in the order of their indices."""
        document = self._current.document
        return [] if document is None else document.compared

    def open(self, path: str, opening: PendingFile | None = None) -> bool:
        """Open a file for comparison and put it into slot B; report errors.

        `opening`: the file, if it is being read. Return True if that succeeded.
        """
        return self._messages.report_errors(lambda: self._open(path, opening))

    def _open(self, path: str, opening: PendingFile | None) -> None:
        document = self._current.document
        if document is None:
            if opening is not None:
                opening.cancel()
            raise UsageError(f"{path}: open a .ntile file before one to compare with it.")
        index = compare_file(document.scene, path, opening=opening)
        self._messages.info(
            f"Slot B holds {Path(path).name}. S splits the picture, X swaps A and B, D "
            "subtracts them."
        )
        self._warn_of_datums(document, index)

    def _warn_of_datums(self, document: Document, index: int) -> None:
        """Warn when the two files use different vertical datums."""
        other = document.scene.files[index].reader
        first_datum = document.reader.grid.vertical_datum
        other_datum = other.grid.vertical_datum
        if first_datum and other_datum and first_datum != other_datum:
            self._messages.warning(
                f"{Path(other.path).name} measures heights from {other_datum}, the first file "
                f"from {first_datum}: differences hold that of the two."
            )

    def close(self, index: int) -> None:
        """Close a compared file, by its index (1 or more)."""
        document = self._current.document
        if document is None:
            return
        name = Path(document.scene.files[index].reader.path).name
        try:
            document.scene.remove(index)
        except NtileError as error:
            self._messages.error(str(error))
        self._on_close()
        self._messages.info(f"Closed {name}.")

    def close_last(self) -> None:
        """Close the compared file that was opened last."""
        count = len(self.paths)
        if count:
            self.close(count)

    def toggle_errors(self, against: str) -> None:
        """Show errors against one of `overlays.AGAINST`, or none if these are shown already."""
        overlay = self._settings.overlay
        if shows_errors(self._settings, against):
            overlay.name = "none"
            return
        overlay.against = against
        if not (overlay.name in OVERLAYS and OVERLAYS[overlay.name].measures):
            overlay.name = "error"

    def toggle_reference(self) -> None:
        """Show the reference layer in place of the active slot, or the slot again."""
        document = self._current.document
        if document is None:
            return
        compare = self._settings.compare
        reader = document.scene.reader_of(self._settings.layer)
        if not compare.reference and not any(layer.is_reference for layer in reader.layers):
            name = Path(reader.path).name
            self._messages.warning(f"{name} has no reference layer that could be shown.")
            return
        compare.reference = not compare.reference


def shows_errors(settings: Settings, against: str) -> bool:
    """Return True if an overlay of errors against one of `overlays.AGAINST` is on."""
    overlay = settings.overlay
    measures = overlay.name in OVERLAYS and bool(OVERLAYS[overlay.name].measures)
    return measures and overlay.against == against
