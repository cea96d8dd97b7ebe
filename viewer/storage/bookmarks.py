"""Named views of an area, kept among the user's settings; and single views as JSON files.

Bookmarks belong to the area: all files of one grid share them, also remote ones, and nothing is
written beside the data. FILM.md describes them.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from neural.errors import NtileError
from neural.grid import Grid
from viewer.model.camera import Camera
from viewer.model.text import crs_name
from viewer.storage import textfile
from viewer.storage.desktop import config_folder
from viewer.storage.path_file import PathError, read_camera, same_crs

VERSION = 1


class Bookmarks:
    """The named views of one area, in the order they were added. Every change is saved at once."""

    def __init__(self, grid: Grid, folder: Path | None = None) -> None:
        """Load the bookmarks of an area from the user's settings `folder`; a damaged file counts as
        none."""
        facts = json.dumps([grid.crs_wkt, list(grid.transform), grid.width, grid.height])
        area = hashlib.sha256(facts.encode()).hexdigest()[:16]
        self.path = (folder or config_folder()) / "views" / f"{area}.json"
        self.crs = grid.crs_wkt
        self.views: dict[str, Camera] = {}
        try:
            views = json.loads(self.path.read_text(encoding="utf-8"))["views"]
            self.views = {str(view["name"]): read_camera(view["camera"]) for view in views}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, KeyError, PathError):
            textfile.put_aside(self.path)  # rewritten with the first view

    def add(self, camera: Camera, name: str | None = None) -> str:
        """Add or replace a view under a name (None: "View 1", "View 2", …); return the name."""
        if name is None:
            name = next(
                f"View {k}" for k in range(1, len(self.views) + 2) if f"View {k}" not in self.views
            )
        self.views[_checked(name)] = Camera(**camera.to_json())
        self.save()
        return name.strip()

    def rename(self, old: str, new: str) -> None:
        """Rename a view in place. Raises NtileError where the new name is taken or empty."""
        new = _checked(new)
        if new != old and new in self.views:
            raise NtileError(f"There is a view named {new!r} already; choose another name.")
        self.views = {new if name == old else name: camera for name, camera in self.views.items()}
        self.save()

    def delete(self, name: str) -> None:
        """Delete a view."""
        self.views.pop(name, None)
        self.save()

    def get(self, name: str) -> Camera:
        """Return the camera of a view. Raises NtileError naming the available views."""
        if name not in self.views:
            names = ", ".join(map(repr, self.views)) or "none yet; Ctrl+B in the window adds one"
            raise NtileError(f"There is no view named {name!r} of this area; there are: {names}.")
        return Camera(**self.views[name].to_json())

    def save(self) -> None:
        """Write all views atomically. Raises NtileError."""
        views = [{"name": name, "camera": camera.to_json()} for name, camera in self.views.items()]
        values = {"version": VERSION, "crs": self.crs, "views": views}
        textfile.keep_json(self.path, values, "check the folder")


def find_view(view: str, grid: Grid, folder: Path | None = None) -> Camera:
    """Return the camera of `--view`: a JSON file of a view, or a bookmark of the area. Raises
    NtileError."""
    if view.lower().endswith(".json"):
        return read_view(view, grid.crs_wkt)
    return Bookmarks(grid, folder).get(view)


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
    if not name.strip() or name.strip().lower().endswith(".json"):
        raise NtileError(
            f"{name!r} cannot be the name of a view; give one that is not empty and not a file's."
        )
    return name.strip()
