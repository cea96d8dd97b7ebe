"""Projects in the window: saving and opening them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from neural.errors import NtileError
from viewer.gui import window
from viewer.session import project_io
from viewer.storage import project
from viewer.storage.project import Project

if TYPE_CHECKING:
    from viewer.app import App
    from viewer.session.launch import Launch
    from viewer.tiles.pending_file import PendingFile


class Part(Protocol):
    """A feature that keeps something in projects."""

    def to_json(self) -> Any:
        """Plain JSON values."""

    def from_json(self, values: Any) -> None:
        """Take `to_json`'s values back. Raises NtileError or ValueError for others, and then has
        not changed."""


PARTS: dict[str, Callable[[App], Part]] = {"film": lambda app: app.film}
"""Keys of the project file beside those of `project.Project`, and who keeps them."""


class Projects:
    """The project in the window, if it has been saved or opened."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.path: str | None = None

    def gather(self) -> Project:
        """Everything in view; a file must be open."""
        app = self._app
        assert app.scene is not None
        parts = {name: part(app).to_json() for name, part in PARTS.items()}
        return project_io.gathered(app.scene, app.camera, app.reference, parts)

    def save(self) -> None:
        """Save where it was saved before, or ask."""
        if self.path is None:
            self.save_as()
        else:
            self.write(self.path)

    def save_as(self) -> None:
        """Ask where, then save."""
        app = self._app
        name = (
            Path(self.path or app.path or "terrain")
            .name.removesuffix(project.SUFFIX)
            .removesuffix(".ntile")
        )
        app.dialogs.save("Save project", project.SUFFIX, self.write, name + project.SUFFIX)

    def write(self, path: str) -> bool:
        """Save there; what goes wrong becomes a message."""
        app = self._app
        try:
            project.write(path, self.gather())
        except NtileError as error:
            app.messages.error(str(error))
            return False
        self._adopt(path)
        app.messages.info(f"Saved {path}.")
        return True

    def begin(self, launch: Launch) -> None:
        """`--project`. Raises NtileError where its terrain cannot be shown."""
        assert launch.opened_project is not None
        assert launch.project_path is not None
        chosen = launch.methods, launch.bits
        openings = [launch.opening] if launch.opening else ()
        self.show(
            launch.opened_project,
            launch.project_path,
            *chosen,
            slots=not any(chosen),
            openings=openings,
        )

    def open(
        self, path: str, opened: Project | None = None, openings: Sequence[PendingFile] = ()
    ) -> bool:
        """Show what a project file says; what is wrong with it becomes messages.

        `opened` and `openings`: the file, if it has been read, and its terrain files that are
        there.
        """
        try:
            self.show(opened or project.read(path), path, openings=openings)
        except NtileError as error:
            for opening in openings[1:]:
                opening.cancel()
            self._app.messages.error(str(error))
            return False
        return True

    def show(
        self,
        opened: Project,
        path: str,
        methods: Sequence[str] = (),
        bits: Sequence[int] = (),
        *,
        slots: bool = True,
        openings: Sequence[PendingFile] = (),
    ) -> None:
        """Open its files and restore the rest. Raises NtileError where its terrain cannot be shown.

        `openings`: its main file, with its reference, and the others that are there, if they are
        under way.
        """
        app = self._app
        said = list(opened.warnings)
        try:
            app.load(opened.files[0], opened.reference, methods, bits, next(iter(openings), None))
        except NtileError as error:
            if opened.reference is None:
                raise
            for opening in openings[1:]:  # begun with the reference that cannot be
                opening.cancel()
            openings = ()
            app.load(opened.files[0], None, methods, bits)
            said.append(str(error))
        assert app.scene is not None
        said += project_io.into(app.scene, opened, slots=slots, openings=openings[1:])
        if opened.camera is not None:
            app.camera = replace(opened.camera)
            app.navigation.settling_frames = 0
        for name, part in PARTS.items():
            if name not in opened.parts:
                continue
            try:
                part(app).from_json(opened.parts[name])
            except (NtileError, ValueError) as error:
                said.append(f"{Path(path).name}: {name} left as they were ({error}).")
        unknown = sorted(set(opened.parts) - set(PARTS))
        if unknown:
            said.append(f"{Path(path).name}: not understood and left out: {', '.join(unknown)}.")
        for sentence in said:
            app.messages.add("warning", sentence)
        self._adopt(path)

    def _adopt(self, path: str) -> None:
        app = self._app
        self.path = path
        app.preferences.values.remember(path)
        app.preferences.save()
        window.set_title(f"{Path(path).name} – Terrain Viewer")
