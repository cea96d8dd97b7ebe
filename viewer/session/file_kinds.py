"""Kind of a file by its content, by which dropped, chosen and recent files are opened."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Sequence
from functools import partial

from neural.errors import NtileError, UsageError
from neural.raster import raster_name
from viewer.model.file_types import RASTER_SUFFIXES
from viewer.session.document import CurrentDocument
from viewer.session.file_queue import FileQueue
from viewer.session.film import FilmEditor
from viewer.session.launch import check_shown
from viewer.session.messages import Messages
from viewer.session.navigation import Navigation
from viewer.storage import project, textfile
from viewer.storage.bookmarks import read_view

FILE_KINDS = ("project", "terrain", "raster", "path", "view")
"""Kinds of files, in the order in which several are opened."""

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_TEXT_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LARGEST_JSON = 64 << 20
_ADDRESS = re.compile(r"[a-z0-9]+://")  # not of a file in an archive: zip+https://…


def kind(path: str) -> str:
    """Return the kind of a file, one of FILE_KINDS. Raises NtileError for a file of another
    kind."""
    check_shown([path])
    if not raster_name.is_path(path):
        terrain = _ADDRESS.match(path) and not raster_name.label(path).lower().endswith(
            RASTER_SUFFIXES
        )
        return "terrain" if terrain else "raster"
    if os.path.isdir(path):
        raise UsageError(f"{path}: this is a folder; drop the files in it.")
    try:
        with open(path, "rb") as file:
            head = file.read(16)
            if head.lstrip()[:1] in (b"{", b"[") or head.startswith(_TEXT_MARKS):
                return _json_kind(path, head + file.read(_LARGEST_JSON))
    except OSError as error:
        raise NtileError(
            f"{path} cannot be read ({error.strerror or error}); check the name."
        ) from error
    name = path.lower()
    if head.startswith(b"PMTiles") or name.endswith(".ntile"):
        return "terrain"
    if head.startswith(_TIFF) or name.endswith(RASTER_SUFFIXES):
        return "raster"
    raise UsageError(
        f"{path}: unsupported file type; drop a .ntile file, a project, a reference raster, a "
        "camera path or a view."
    )


def _json_kind(path: str, content: bytes) -> str:
    try:
        values = textfile.parse_json(content)
    except UnicodeError as error:
        raise NtileError(f"{path}: its text is not UTF-8; save it as UTF-8.") from error
    except ValueError as error:
        raise NtileError(f"{path}: it looks like JSON but is damaged ({error}).") from error
    if isinstance(values, dict):
        if project.MARK in values:
            return "project"
        if "keyframes" in values:
            return "path"
        if "camera" in values or ("easting" in values and "northing" in values):
            return "view"
    raise UsageError(
        f"{path}: this JSON is neither a project nor a camera path nor a view; drop one of those."
    )


class PathOpener:
    """Opener of files by their kind: first projects, then terrain, then views and rasters."""

    def __init__(
        self,
        current: CurrentDocument,
        files: FileQueue,
        film: FilmEditor,
        navigation: Navigation,
        messages: Messages,
    ) -> None:
        self._current = current
        self._files = files
        self._film = film
        self._navigation = navigation
        self._messages = messages

    def open(self, paths: Sequence[str], *, beside: bool = False) -> None:
        """Open files; of several terrain files the first, and the next ones compared with it.

        `beside`: compare all of them with the file that is open already. Errors become messages.
        """
        beside = beside and self._current.document is not None
        files: list[tuple[str, str]] = []
        for path in paths:
            try:
                files.append((kind(path), path))
            except NtileError as error:
                self._messages.error(str(error))
        files.sort(key=lambda file: FILE_KINDS.index(file[0]))  # stable
        terrains = 0
        for file_kind, path in files:
            if file_kind == "terrain":
                compared = terrains > 0 or beside
                (self._files.compare if compared else self._files.open)(path)
                terrains += 1
            elif file_kind == "raster":
                self._files.open_reference(path)
            elif file_kind == "project":
                self._files.open_project(path)
                terrains += 1
            else:
                show = partial(self._show_camera, file_kind, path)
                self._files.then(partial(self._messages.report_errors, show))

    def _show_camera(self, file_kind: str, path: str) -> None:
        """Glide to a view, or edit a camera path and glide to its beginning. Raises NtileError."""
        document = self._current.require(
            f"{path}: open a .ntile file before a camera path or a view."
        )
        if file_kind == "path":
            self._film.load(path)
            self._navigation.show(self._film.path.keyframes[0].camera)
        else:
            self._navigation.show(read_view(path, document.reader.grid.crs_wkt))
