"""The project of a session: gather, save and restore it."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol

from neural.errors import NtileError
from viewer.model.settings import Settings
from viewer.session.document import CurrentDocument
from viewer.session.messages import Messages
from viewer.session.navigation import Navigation
from viewer.session.open_request import absolute
from viewer.session.opening import raster_contents
from viewer.storage import project
from viewer.storage.preferences import Store
from viewer.storage.project import Project

LONGEST_NAME = 255
"""Bytes of a file's name that all usual file systems take."""


class Part(Protocol):
    """Feature with a state in project files."""

    def to_json(self) -> Any:
        """Return its state as plain JSON values."""

    def from_json(self, values: Any) -> None:
        """Restore its state from `to_json`'s values. Raises NtileError or ValueError for others,
        and then has not changed."""


class Projects:
    """The project that was saved or opened last, if it is still shown."""

    def __init__(
        self,
        current: CurrentDocument,
        settings: Settings,
        navigation: Navigation,
        preferences: Store,
        messages: Messages,
    ) -> None:
        self._current = current
        self._settings = settings
        self._navigation = navigation
        self._preferences = preferences
        self._messages = messages
        self.parts: dict[str, Part] = {}
        """Features with a key of their own in project files, beside those of `Project`."""
        self.path: str | None = None
        """Its file; None before it has one."""

    def gather(self) -> Project:
        """Return the project of the open document. Raises UsageError without one."""
        document = self._current.require("Open a .ntile file before a project is saved.")
        parts = {name: part.to_json() for name, part in self.parts.items()}
        files = [str(document.scene.files[0].reader.path), *document.compared]
        return Project(
            files,
            set(),
            document.reference,
            replace(self._navigation.camera),
            asdict(self._settings),
            {name: value for name, value in parts.items() if value is not None},
        )

    def gather_pinned(self) -> Project:
        """Return the project of the open document for another process, which must not show other
        contents of its files. Raises UsageError without one."""
        gathered = self.gather()
        scene = self._current.require("Open a .ntile file before it is rendered.").scene
        for file in scene.files:
            gathered.contents[file.reader.path] = file.reader.content
        gathered.contents.update(raster_contents(scene))
        return gathered

    @property
    def suggested_name(self) -> str:
        """Name to propose for its file, no longer than file systems take."""
        document = self._current.document
        path = self.path or (None if document is None else document.path)
        name = Path(path or "terrain").name.removesuffix(project.SUFFIX).removesuffix(".ntile")
        longest = LONGEST_NAME - len(project.SUFFIX)
        return os.fsencode(name)[:longest].decode(errors="ignore") + project.SUFFIX

    def save(self) -> bool:
        """Save to its file; report errors. Return False if it has none, or that failed."""
        return self.path is not None and self.write(self.path)

    def write(self, path: str) -> bool:
        """Save to another file; report errors. Return True if that succeeded."""
        saved = self._messages.report_errors(
            lambda: project.write(path, self.gather()), f"Saved {path}."
        )
        if saved:
            self.adopt(path)
        return saved

    def restore_parts(self, opened: Project, path: str) -> list[str]:
        """Restore the features' parts of a project; return warnings about failures."""
        name = Path(path).name
        warnings = []
        for key, part in self.parts.items():
            if key not in opened.parts:
                continue
            try:
                part.from_json(opened.parts[key])
            except (NtileError, ValueError) as error:
                warnings.append(f"{name}: {key!r} was not restored: {str(error).rstrip('.')}.")
        unknown = sorted(set(opened.parts) - set(self.parts))
        if unknown:
            warnings.append(f"{name}: not understood and left out: {', '.join(unknown)}.")
        return warnings

    def adopt(self, path: str) -> None:
        """Take a file as the project's, and remember it among the recent ones."""
        self.path = path = absolute(path)
        self._preferences.values.remember(path)
        self._preferences.save()
