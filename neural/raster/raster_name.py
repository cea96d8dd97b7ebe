"""Names of rasters: paths, URLs and GDAL's own (`/vsizip//…`, `NETCDF:"f":var`), kept as they are
typed.

`pathlib.Path` would turn "/vsizip//a.zip" into "/vsizip/a.zip", so a name stays a string until
`is_path` says what it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from neural.errors import DemError
from neural.system import file_kinds

_ARCHIVES = {".zip": "/vsizip/", ".tar": "/vsitar/", ".tgz": "/vsitar/", ".tar.gz": "/vsitar/"}

_VIRTUAL = re.compile(r"/vsi[a-z0-9_]+[/?]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9_+.-]+:")  # two letters at least: one is a drive
_LOCAL_SCHEME = re.compile(r"(zip|tar|gzip|7z|rar|file)(?:\+file)?:(?://)?")
_REMOTE = re.compile(r"https?:|s3:|gs:|az:|adls:|oss:|swift:|hdfs:|webhdfs:|ftp:")
_REMOTE_VIRTUAL = re.compile(
    r"/vsi(?:curl|s3|gs|az|adls|oss|swift|hdfs|webhdfs)(?:_streaming)?[/?]"
)


def is_path(name: str) -> bool:
    """Return True for a plain path of this machine, existing or not; False for a URL or a name that
    GDAL resolves."""
    if os.path.exists(name):
        return True
    return not (_VIRTUAL.match(name) or _SCHEME.match(name) or name.lstrip()[:1] in ("<", "{"))


def is_utf8(name: str) -> bool:
    """Return False for a name of bytes that are no UTF-8, which Python holds as surrogates."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_exists(name: str) -> None:
    """Raise DemError for a plain path where nothing is, or where reading may never end; only GDAL
    can tell of other names."""
    if is_path(name) and not os.path.exists(name):
        raise DemError(f"{name} does not exist; check the path.")
    kind = file_kinds.endless(name)
    if kind is not None:
        raise DemError(f"{name} is {kind}, not a file; give the name of a file.")


def label(name: str) -> str:
    """Return a short title: the last part of a path, URL or GDAL name, without the query, which may
    hold a password."""
    if name.lstrip()[:1] in ("<", "{"):
        return "inline raster"
    if is_path(name):
        return Path(name).name
    plain = unquote(name) if name.startswith("/vsi") and "?" in name else re.split(r"[?#]", name)[0]
    parts = re.split(r"[/\\!]", plain.replace('"', "").rstrip("/"))
    return re.split(r"[?&]", parts[-1])[0] or name


def stem(name: str) -> str:
    """Return the label without its ending."""
    return Path(label(name)).stem


def archive_prefix(path: str) -> str | None:
    """Return GDAL's prefix for the path of an archive, "/vsizip/"; None for other files."""
    return next(
        (prefix for ending, prefix in _ARCHIVES.items() if path.lower().endswith(ending)), None
    )


def archive_member(name: str) -> str | None:
    """Return GDAL's name for "zip://a.zip!b.tif" and its like on this machine, the path of
    "file://"; else None.

    What is relative counts from the working directory.
    """
    match = _LOCAL_SCHEME.match(name)
    if match is None:
        return None
    scheme = match[1]
    rest = name[match.end() :]
    if scheme == "file":
        return rest
    marks = [index for index, letter in enumerate(rest) if letter == "!"]
    if not marks:
        return f"/vsi{scheme}/{rest}"
    mark = next((index for index in marks if os.path.isfile(rest[:index])), marks[-1])
    return f"/vsi{scheme}/{rest[:mark]}/{rest[mark + 1 :].lstrip('/')}"


def absolute(name: str) -> str:
    """Return a GDAL name that means the same from any working directory."""
    file = local_file(name)
    return (
        name
        if file is None or os.path.isabs(file)
        else name.replace(file, os.path.abspath(file), 1)
    )


def join(folder: str | os.PathLike[str], name: str) -> str:
    """Return a name that a file in `folder` gives: a path counts from there, other names stand for
    themselves."""
    inside = os.path.join(folder, name)
    return inside if os.path.exists(inside) or is_path(name) else name


def local_file(name: str) -> str | None:
    """Return the file of this machine that a raster is read from, the archive of one inside it;
    None where none is."""
    if os.path.isfile(name):
        return name
    if is_path(name) or _REMOTE_VIRTUAL.search(name) or _REMOTE.search(name):
        return None
    return next((file for candidate in _inner(name) if (file := _existing_file(candidate))), None)


def _inner(name: str) -> Iterator[str]:
    """Yield candidate paths within a GDAL name, the likeliest first."""
    plain = archive_member(name) or name
    while (match := _VIRTUAL.match(plain)) is not None:
        plain = plain[match.end() :]
    yield plain.replace("{", "").replace("}", "")
    yield from re.findall(r'"([^"]+)"', plain)
    parts = plain.replace('"', "").split(":")
    for start in range(1, len(parts)):
        for stop in range(len(parts), start, -1):
            yield ":".join(parts[start:stop])


def _existing_file(path: str) -> str | None:
    """Return the path, or the nearest folder above it, that is a file."""
    while path and not os.path.isfile(path):
        above = os.path.dirname(path)
        if above == path or os.path.isdir(path):
            return None
        path = above
    return path or None
