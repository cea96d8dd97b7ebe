"""Named views of an area, kept among the user's settings; and single views as JSON files.

Bookmarks belong to the area: all files of one grid share them, also remote ones, and nothing is
written beside the data. FILM.md describes them.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from neural.errors import NtileError
from neural.grid import Grid
from neural.raster.raster_name import is_utf8
from neural.system import arguments
from viewer.model.camera import Camera
from viewer.model.text import crs_name
from viewer.storage import merging, textfile
from viewer.storage.desktop import config_folder
from viewer.storage.path_file import PathError, read_camera, same_crs
from viewer.storage.user_file import ADVICE, JsonFile, unsaved

VERSION = 1

TITLE = "Named views"
"""Beginning of sentences."""

_DAMAGED = "\0"
"""Beginning of keys of damaged entries, which no name has."""


class Bookmarks:
    """The named views of one area, in the order they were added. Every change is saved at once.

    Several windows share the file: each change is merged with what others saved meanwhile, and
    what this version does not understand stays in it.
    """

    def __init__(
        self, grid: Grid, folder: Path | None = None, say: Callable[[str], object] | None = None
    ) -> None:
        """Load the bookmarks of an area from the user's settings `folder`.

        `say` is told, in a sentence, of all that cannot be read or kept; changes that cannot be
        saved then last as long as this object. Without it there are warnings, and such changes
        raise NtileError.
        """
        facts = json.dumps([grid.crs_wkt, list(grid.transform), grid.width, grid.height])
        area = hashlib.sha256(facts.encode()).hexdigest()[:16]
        folder = folder or config_folder()
        path = None if folder is None else folder / "views" / f"{area}.json"
        self.crs = grid.crs_wkt
        self.area = area
        self.views: dict[str, Camera] = {}
        self._must_save = say is None
        self._say = say or _warn
        self._file = JsonFile(path, TITLE, self._say, folder, _check)
        self._entries: dict[str, Any] = {}  # by name, damaged ones by _DAMAGED and text
        self._stored: dict[str, Any] = {}  # as they were last in the file
        self.refresh()

    @property
    def path(self) -> Path | None:
        """The file; None where the account has no place for settings."""
        return self._file.path

    def refresh(self) -> None:
        """Take over what other windows saved."""
        self._merge(self._by_name(self._file.read()))

    def add(self, camera: Camera, name: str | None = None) -> str:
        """Add or replace a view under a name (None: "View 1", "View 2", …); return the name.

        A view of that name which another window saved meanwhile stays, as "NAME (2)".
        """
        arguments.instance("camera", camera, Camera, "give a Camera")
        if name is not None:
            name = _checked(name)

        key = name or ""

        def added(theirs: dict[str, Any]) -> dict[str, Any]:
            nonlocal key
            key = key or _unnamed(self._entries.keys() | theirs.keys())
            entry = self._entries.get(key, {}) | {"name": key, "camera": camera.to_json()}
            return self._entries | {key: entry}

        self._change(added)
        return key

    def rename(self, old: str, new: str) -> None:
        """Rename a view in place. Raises NtileError where the new name is taken or empty."""
        old = arguments.text("old", old)
        new = _checked(new)
        self.refresh()
        if new != old and new in self.views:
            raise NtileError(f"There is a view named {new!r} already; choose another name.")
        entries = {
            (new if key == old else key): (entry | {"name": new} if key == old else entry)
            for key, entry in self._entries.items()
        }
        self._change(lambda theirs: entries)

    def delete(self, name: str) -> None:
        """Delete a view; one that another window changed meanwhile stays."""
        name = arguments.text("name", name)
        entries = {key: entry for key, entry in self._entries.items() if key != name}
        self._change(lambda theirs: entries)

    def get(self, name: str) -> Camera:
        """Return the camera of a view. Raises NtileError naming the available views."""
        if name not in self.views:
            names = ", ".join(map(repr, self.views)) or "none yet; Ctrl+B in the window adds one"
            raise NtileError(f"There is no view named {name!r} of this area; there are: {names}.")
        return Camera(**self.views[name].to_json())

    def _change(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Save the entries that `change` makes, given those of the file. Raises NtileError, or
        says that they are not saved."""
        before = self._entries

        def write(stored: dict[str, Any]) -> None:
            theirs = self._by_name(stored)
            self._entries = change(theirs)
            self._merge(theirs)
            self._put(stored)

        try:
            self._file.change(write)
        except NtileError as error:
            if self._must_save:
                self._entries, self._stored = {}, {}
                self.refresh()
                raise
            if self._entries is before:
                self._entries = change({})
            if not self._file.is_unreadable:
                self._say(unsaved(TITLE, error))
        else:
            self._stored = self._entries
        self._show()

    def _put(self, stored: dict[str, Any]) -> None:
        """Put the entries into the file's object. Raises NtileError for a newer kind of object."""
        version = stored.get("version")
        is_newer = isinstance(version, int) and version > VERSION
        if is_newer and not isinstance(stored.get("views", []), list):
            raise NtileError(f"{self.path} is of a newer version of the program; {ADVICE}.")
        stored["version"] = version if is_newer else VERSION
        stored.setdefault("crs", self.crs)
        stored["views"] = list(self._entries.values())

    def _merge(self, theirs: dict[str, Any]) -> None:
        """Merge the file's entries into this object's; none at all is no deletion."""
        if not theirs:
            self._stored = {}
        merged, renamed, kept = merging.entries(self._stored, self._entries, theirs, _another)
        for name in renamed:
            merged[name] = merged[name] | {"name": name}
            self._say(f"{TITLE}: another window saved a view of the same name; it is {name!r} now.")
        for name in kept:
            self._say(f"{TITLE}: another window changed {name!r} meanwhile; it is kept.")
        self._stored = theirs
        self._entries = merged
        self._show()

    def _by_name(self, stored: dict[str, Any]) -> dict[str, Any]:
        """Return the entries of a file's object by name, or by their text if they are damaged,
        which is said."""
        views = stored.get("views", [])
        if not isinstance(views, list):
            return {}
        entries: dict[str, Any] = {}
        for number, entry in enumerate(views):
            try:
                key = _name_of(entry)
                _camera(entry)
            except (PathError, ValueError) as error:
                key = _DAMAGED + merging.canonical(entry)  # equal ones count once
                if key not in self._entries and key not in entries:
                    self._say(
                        f"{self.path}: views[{number}]: {str(error).rstrip('.')}; it stays in the "
                        "file, and the other views are used."
                    )
            else:
                if entries.get(key, entry) != entry:
                    key = _another(key, entries)
                    entry = entry | {"name": key}
            entries[key] = entry
        return entries

    def _show(self) -> None:
        self.views.clear()
        for name, entry in self._entries.items():
            with suppress(PathError, ValueError):
                self.views[name] = _camera(entry)


def _check(stored: dict[str, Any]) -> None:
    """Raise ValueError for an object that is no list of views, unless a newer version wrote it."""
    version = stored.get("version")
    is_newer = isinstance(version, int) and version > VERSION
    if not (is_newer or isinstance(stored.get("views"), list)):
        raise ValueError("its views are no list")


def _unnamed(names: Iterable[str]) -> str:
    """Return the first name of "View 1", "View 2", … that is not taken."""
    taken = set(names)
    return next(name for k in itertools.count(1) if (name := f"View {k}") not in taken)


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=2)


def _another(name: str, names: Iterable[str]) -> str:
    """Return a name that is not among others: "NAME (2)", "NAME (3)", …"""
    taken = set(names)
    return next(other for k in itertools.count(2) if (other := f"{name} ({k})") not in taken)


def _name_of(entry: Any) -> str:
    """Return the name of an entry. Raises ValueError."""
    name = entry.get("name") if isinstance(entry, dict) else None
    is_name = isinstance(name, str) and name.strip() and is_utf8(name)
    if not isinstance(name, str) or not is_name or name.startswith(_DAMAGED):
        raise ValueError("it has no name")
    return name


def _camera(entry: Any) -> Camera:
    """Return the camera of an entry, without what a newer version added. Raises PathError or
    ValueError."""
    name = _name_of(entry)
    camera = entry.get("camera")
    if isinstance(camera, dict):
        names = {field.name for field in fields(Camera)}
        camera = {key: value for key, value in camera.items() if key in names}
    return read_camera(camera, f"camera of {name!r}")


def find_view(
    view: str,
    grid: Grid,
    folder: Path | None = None,
    say: Callable[[str], object] | None = None,
) -> Camera:
    """Return the camera of `--view`: a JSON file of a view, or a bookmark of the area. `say` is
    that of Bookmarks. Raises NtileError."""
    if view.lower().endswith(".json"):
        return read_view(view, grid.crs_wkt)
    return Bookmarks(grid, folder, say).get(view)


def read_view(file: str | os.PathLike[str], crs_wkt: str) -> Camera:
    """Read a view from a JSON file with `version`, `crs` and `camera`, or of a camera alone. Raises
    NtileError."""
    name = os.fspath(file)
    data = textfile.read_json(file, "a view")
    # a bare camera, in the area's own CRS
    if isinstance(data, dict) and "easting" in data:
        data = {"version": VERSION, "crs": crs_wkt, "camera": data}
    if (
        not isinstance(data, dict)
        or set(data) != {"version", "crs", "camera"}
        or data["version"] != VERSION
    ):
        raise NtileError(
            f'{name}: a view is an object with "version": {VERSION}, "crs" and "camera"; see '
            "FILM.md."
        )
    if not isinstance(data["crs"], str) or not same_crs(data["crs"], crs_wkt):
        raise NtileError(
            f"{name}: crs: it is not that of the area, {crs_name(crs_wkt)}; use a view of that "
            "system."
        )
    try:
        return read_camera(data["camera"])
    except PathError as error:
        raise NtileError(f"{name}: {error}") from None


def write_view(file: str | os.PathLike[str], camera: Camera, crs_wkt: str) -> None:
    """Write a view for `read_view`. Raises NtileError."""
    values = {"version": VERSION, "crs": crs_wkt, "camera": camera.to_json()}
    textfile.keep_json(Path(file), values, "check the folder")


def _checked(name: str) -> str:
    name = arguments.text("name", name)
    if not name.strip() or name.strip().lower().endswith(".json"):
        raise NtileError(
            f"{name!r} cannot be the name of a view; give one that is not empty and not a file's."
        )
    return name.strip()
