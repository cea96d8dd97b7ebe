"""Files that a project names: written so that they are found again when the project or they move,
through links, in other folders, and from other systems."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath

from neural.raster import raster_name


class ProjectFolder:
    """Folder of a project: where it is, and where the path it was opened by says it is."""

    def __init__(self, project: str | os.PathLike[str]) -> None:
        path = os.path.abspath(project)
        self.project = path
        self.real = os.path.dirname(os.path.realpath(path))
        self.named = os.path.dirname(path)

    def relative(self, path: str) -> str:
        """Return a path from the folder, in the form that climbs least; absolute on another drive.

        URLs stay, GDAL names get the whole path of their file.
        """
        if not raster_name.is_path(path):
            return raster_name.absolute(path)
        path = os.path.abspath(path)
        folder, name = os.path.split(path)
        pairs = (
            (path, self.named),
            (path, self.real),
            (os.path.join(os.path.realpath(folder), name), self.real),
            (os.path.realpath(path), self.real),
        )
        forms: list[str] = []
        for target, start in pairs:
            try:
                form = os.path.relpath(target, start)
            except ValueError:  # another drive
                continue
            if not os.path.lexists(path) or _is_same(os.path.join(self.real, form), path):
                forms.append(form)
        form = min(forms, key=lambda form: form.split(os.sep).count(os.pardir), default=path)
        return Path(form).as_posix()

    def find(self, path: str, absolute: str = "") -> str:
        """Return the absolute path of a project's file.

        Looked for where the project says, from its real folder and from the one it was opened by,
        then by name beside the project, then where it was when the project was saved (`absolute`).
        Where it is nowhere, the first of these. URLs and GDAL names stay.
        """
        candidates = list(self._candidates(path))
        for candidate in candidates:
            if os.path.exists(candidate):
                return candidate
        if not raster_name.is_path(path):
            return path
        for folder in (self.real, self.named):
            beside = _by_name(folder, _last(path))
            if beside is not None:
                return beside
        known = os.path.basename(absolute) == _last(path)  # else `path` was edited since
        return absolute if known and os.path.exists(absolute) else candidates[0]

    def _candidates(self, path: str) -> Iterator[str]:
        """Yield the places that a stored path may mean, the likeliest first."""
        for folder in (self.real, self.named):
            yield os.path.normpath(os.path.join(folder, path))
        windows = PureWindowsPath(path)
        if os.name != "nt" and "\\" in path and not windows.drive and not windows.root:
            for folder in (self.real, self.named):
                yield os.path.normpath(os.path.join(folder, windows.as_posix()))

    def is_itself(self, path: str) -> bool:
        """Return True if a path leads to the project."""
        return _is_same(path, self.project)


def _last(path: str) -> str:
    """Return the name of a file from a path of this or another system."""
    windows = PureWindowsPath(path)
    return windows.name if windows.drive or "\\" in path else os.path.basename(path)


def _by_name(folder: str, name: str) -> str | None:
    """Return the file of a name in a folder, also one that differs in case or in the form of its
    accents alone; None for none or several."""
    if not name or name in (os.curdir, os.pardir):
        return None
    path = os.path.join(folder, name)
    if os.path.exists(path):
        return path
    try:
        names = os.listdir(folder)
    except OSError:
        return None
    alike = [other for other in names if _folded(other) == _folded(name)]
    return os.path.join(folder, alike[0]) if len(alike) == 1 else None


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _is_same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return False
