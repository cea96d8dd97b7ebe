"""Kind of a file by its content, by which dropped, chosen and recent files are opened."""

from __future__ import annotations

import json
import os
import re
from functools import partial
from typing import TYPE_CHECKING

from imgui_bundle import imgui

from neural.errors import NtileError, UsageError
from neural.raster import raster_name
from viewer.model.file_types import RASTER_SUFFIXES
from viewer.session.launch import check_shown
from viewer.storage import project

if TYPE_CHECKING:
    from viewer.app import App

KINDS = ("project", "terrain", "raster", "path", "view")
"""Kinds of files, in the order in which several are opened."""

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_LARGEST_JSON = 64 << 20
_ADDRESS = re.compile(r"[a-z0-9]+://")  # not of a file in an archive: zip+https://…


def kind(path: str) -> str:
    """One of KINDS. Raises NtileError, a sentence that names the file and what can be opened."""
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
            if head.lstrip()[:1] in (b"{", b"["):
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
        f"{path}: this is nothing the program knows; drop a .ntile file, a project, a reference "
        "raster, "
        "a camera path or a view."
    )


def _json_kind(path: str, content: bytes) -> str:
    try:
        values = json.loads(content)
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


def open_all(app: App, paths: list[str]) -> None:
    """Open files as what they are, first projects, then terrain, then what belongs to it.

    Of several terrain files the first is opened and the next one compared with it. With Shift or
    Ctrl held all are compared with the file that is open already.
    """
    io = imgui.get_io()
    beside = (io.key_shift or io.key_ctrl) and app.path is not None
    found: list[tuple[str, str]] = []
    for path in paths:
        try:
            found.append((kind(path), path))
        except NtileError as error:
            app.messages.error(str(error))
    found.sort(key=lambda entry: KINDS.index(entry[0]))  # stable
    terrain = 0
    for what, path in found:
        if what == "terrain":
            (app.files.open if terrain == 0 and not beside else app.files.compare)(path)
            terrain += 1
        elif what == "raster":
            app.files.open_reference(path)
        elif what == "project":
            app.files.open_project(path)
            terrain += 1
        else:
            app.files.then(partial(_show_camera, app, what, path))


def _show_camera(app: App, what: str, path: str) -> None:
    """Glide to a view, or open a camera path and glide to its beginning."""
    from viewer.storage.bookmarks import read_view

    if app.scene is None or app.scene.reader is None:
        app.messages.error(f"{path}: open a .ntile file before a camera path or a view.")
        return
    try:
        if what == "path":
            app.film.load(path)
            app.navigation.show(app.film.path.keyframes[0].camera)
            return
        app.navigation.show(read_view(path, app.scene.reader.grid.crs_wkt))
    except NtileError as error:
        app.messages.error(str(error))
