"""Comparing in the window: files beside the first, the split picture, the difference of the slots,
ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neural.errors import NtileError, UsageError
from viewer.gui.divider import Divider
from viewer.model.file_types import TERRAIN_SUFFIXES
from viewer.model.overlays import OVERLAYS
from viewer.scene import split
from viewer.scene.split import Side
from viewer.session.opening import compare_file

if TYPE_CHECKING:
    from viewer.app import App
    from viewer.model.settings import Settings
    from viewer.scene.scene import Scene
    from viewer.tiles.pending_file import PendingFile


class Comparing:
    """Commands of keys, menus and panels; their state but the files is in the settings."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.divider = Divider()
        self.sides: Sequence[Side] = ()
        """The sides of the picture shown; none while it is whole."""

    def read(self, scene: Scene) -> None:
        """Take over what the picture shows."""
        self.sides = split.sides(scene)

    # Files

    def ask(self) -> None:
        """Ask for a file to compare with."""
        self._app.dialogs.open("Compare with", TERRAIN_SUFFIXES, self._app.files.compare)

    def open(self, path: str, opening: PendingFile | None = None) -> bool:
        """Open a file beside the first and put it into slot B; what is wrong with it becomes a
        message."""
        app = self._app
        try:
            if app.scene is None or app.scene.reader is None:
                raise UsageError(f"{path}: open a .ntile file before one to compare with it.")
            index = compare_file(app.scene, path, opening=opening)
        except NtileError as error:
            app.messages.error(str(error))
            return False
        app.messages.info(
            f"Slot B holds {Path(path).name}. S splits the picture, X swaps A and B, D "
            "subtracts them."
        )
        self._warn(app.scene, index)
        return True

    def _warn(self, scene: Scene, index: int) -> None:
        """Say what makes heights of two files differ though the ground does not."""
        one = scene.files[0].reader.grid.vertical_datum
        two = scene.files[index].reader.grid.vertical_datum
        if one and two and one != two:
            self._app.messages.add(
                "warning",
                f"{Path(scene.files[index].reader.path).name} measures heights from {two}, the "
                f"first file from {one}: "
                "differences hold that of the two.",
            )

    @property
    def paths(self) -> list[str]:
        """The files beside the first."""
        scene = self._app.scene
        return [] if scene is None else [file.reader.path for file in scene.files[1:]]

    def reopen(self, openings: Sequence[PendingFile]) -> None:
        """Take over files beside the first, in their order, leaving the slots alone."""
        assert self._app.scene is not None
        for opening in openings:
            try:
                self._app.scene.add(opening.result())
            except NtileError as error:
                self._app.messages.error(str(error))

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

    def close_last(self) -> None:
        """Close the file that was opened last."""
        if self._app.scene is not None and len(self._app.scene.files) > 1:
            self.close(len(self._app.scene.files) - 1)

    # State shown

    def toggle_errors(self, against: str) -> None:
        """Show errors against one of `overlay_kinds.AGAINST`, or none where these are shown
        already."""
        overlay = self._app.settings.overlay
        if shows_errors(self._app.settings, against):
            overlay.name = "none"
            return
        overlay.against = against
        if not (overlay.name in OVERLAYS and OVERLAYS[overlay.name].measures):
            overlay.name = "error"

    def toggle_reference(self) -> None:
        """Show the reference layer in place of the active slot, or the slot again."""
        scene = self._app.scene
        compare = self._app.settings.compare
        if scene is None or scene.reader is None:
            return
        reader = scene.reader_of(self._app.settings.layer)
        if not compare.reference and not any(layer.is_reference for layer in reader.layers):
            self._app.messages.add(
                "warning", f"{Path(reader.path).name} has no reference layer that could be shown."
            )
            return
        compare.reference = not compare.reference


def shows_errors(settings: Settings, against: str) -> bool:
    """Return True if an overlay of errors against one of `overlay_kinds.AGAINST` is on."""
    overlay = settings.overlay
    return (
        overlay.name in OVERLAYS
        and bool(OVERLAYS[overlay.name].measures)
        and overlay.against == against
    )


def is_comparing(app: App) -> bool:
    """Return True if there is a file beside the first."""
    return bool(app.comparing.paths)
