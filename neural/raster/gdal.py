"""Raster names as GDAL takes them, and libtiff kept from printing its own lines."""

from __future__ import annotations

import ctypes
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from neural.errors import DemError
from neural.raster import raster_name
from neural.system import output

_FOLDER = "folder"
_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")
_LIBTIFF_HANDLERS = ("TIFFSetErrorHandler", "TIFFSetWarningHandler")


def name_for(name: str | os.PathLike[str]) -> str:
    """Return the name under which rasterio opens or makes a raster.

    A path of this machine is never read as an address, whatever colons it has. GDAL is given names
    as UTF-8: a path of other bytes is reached through links, which are removed when the process
    ends. Raises DemError where none can be made.
    """
    name = os.fspath(name)
    resolved = name if raster_name.is_path(name) else raster_name.archive_member(name) or name
    is_path = raster_name.is_path(resolved)
    resolved = os.path.join(os.curdir, resolved) if is_path else resolved
    if raster_name.is_utf8(resolved):
        return resolved
    file = resolved if is_path else raster_name.local_file(name)
    try:
        if file is None or file not in resolved:
            raise OSError("no file of that name is found")
        return resolved.replace(file, _alias(os.path.abspath(file)))
    except OSError as error:
        why = error.strerror or error
        raise DemError(
            f"{name} has a name that is not UTF-8, as GDAL needs it ({why}); rename it."
        ) from error


def files(dataset: Any) -> list[str]:
    """Return the paths and names of the files that an open raster consists of, those behind
    `name_for`'s links."""
    aliases = tuple(str(folder) + os.sep for folder in _alias_folders.values())
    return [os.path.realpath(name) if name.startswith(aliases) else name for name in dataset.files]


@contextmanager
def environment(cache_bytes: int) -> Iterator[None]:
    """Bound GDAL's block cache and silence libtiff while the block runs; failures are raised all
    the same.

    libtiff prints what GDAL's own reading and writing of files reports to it without a handler.
    """
    import rasterio

    library = _libtiff()
    before = (
        {}
        if library is None
        else {name: getattr(library, name)(None) for name in _LIBTIFF_HANDLERS}
    )
    try:
        with rasterio.Env(GDAL_CACHEMAX=cache_bytes):
            yield
    finally:
        for name, handler in before.items():
            getattr(library, name)(handler)


@cache
def _libtiff() -> Any:
    """Return the library that rasterio's GDAL writes TIFF with; None where that is a part of GDAL
    itself."""
    import rasterio._io

    with suppress(OSError, AttributeError):
        # finds symbols of all libraries that this one needs
        library = ctypes.CDLL(rasterio._io.__file__)
        for name in _LIBTIFF_HANDLERS:
            handler = getattr(library, name)
            handler.argtypes = [ctypes.c_void_p]
            handler.restype = ctypes.c_void_p
        return library
    return None


_alias_folders: dict[str, Path] = {}
"""Folders of links by the path that they lead to."""


def _alias(path: str) -> str:
    """Return a path in UTF-8 that leads to a file, existing or not, and to its sidecar files."""
    folder, name = os.path.split(path)
    links = _alias_folders.get(path)
    if links is None:
        links = _alias_folders[path] = Path(os.path.realpath(tempfile.mkdtemp(prefix="ntile-")))
        output.remove_at_end(links)
        os.symlink(folder, links / _FOLDER)
    if raster_name.is_utf8(name):
        return str(links / _FOLDER / name)
    stem = os.path.splitext(name)[0]
    companions = [entry for entry in os.listdir(folder) if entry.startswith(stem) and entry != name]
    for entry in (name, *companions):  # masks, statements and world files are found by name
        with suppress(FileExistsError):
            os.symlink(os.path.join(_FOLDER, entry), links / _plain(entry))
    return str(links / _plain(name))


def _plain(name: str) -> str:
    return _ESCAPED_BYTE.sub(lambda match: f"%{ord(match[0]) & 0xFF:02x}", name)
