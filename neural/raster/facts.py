"""Facts that the samples of an encode depend on, as plain JSON values: compared when it resumes,
and before it ends."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from neural.errors import DemError
from neural.raster import gdal, raster_name

_END_BYTES = 65536
_PAM = ".aux.xml"
_STATISTICS = "STATISTICS_"
_LISTED = 3  # changes in a sentence
_SHOWN = 60  # signs of a value in a sentence
_SECTIONS = {
    "options": "{0}",
    "raster": "the raster's {0}",
    "grid": "the grid's {0}",
    "models": "the model of {0}",
    "program": "the program's {0}",
}

Facts = dict[str, Any]


def file_facts(source: str | os.PathLike[str]) -> dict[str, Facts]:
    """Return size, time and digest of every local file that a raster's samples come from, by path
    from the raster's folder.

    These are the files that GDAL lists, those that VRTs among them list and so on, and their masks
    and auxiliary files; overviews where a VRT may read them. Of names in GDAL's virtual file
    systems the archive on this machine counts, else nothing. Empty where the raster cannot be
    opened.
    """
    name = os.fspath(source)
    main = _local(name)
    facts = {}
    for path in sorted(_files(name)):
        about = _about(path)
        if about is not None:
            facts[path if main is None else _relative(path, os.path.dirname(main))] = about
    return facts


def band_facts(name: str, dataset: Any, bands: Sequence[int]) -> Facts:
    """Return the declarations of an open raster and of some bands (counted from 1), texts and
    numbers."""
    indices = [band - 1 for band in bands]
    return {
        "name": None if os.path.isfile(name) else name,  # of files, `file_facts` tells more
        "driver": dataset.driver,
        "size": [dataset.width, dataset.height],
        "CRS": dataset.crs.to_wkt() if dataset.crs else None,
        "geotransform": list(dataset.transform[:6]),
        "bands": list(bands),
        "type": [dataset.dtypes[k] for k in indices],
        "nodata value": [
            None if (value := dataset.nodatavals[k]) is None else repr(float(value))
            for k in indices
        ],
        "scale": [dataset.scales[k] for k in indices],
        "offset": [dataset.offsets[k] for k in indices],
        "unit": [dataset.units[k] for k in indices],
        "mask": [[flag.name for flag in flags] for flags in dataset.mask_flag_enums],
        "color interpretation": [kind.name for kind in dataset.colorinterp],
    }


def changes(before: Any, after: Any) -> list[str]:
    """Describe in half sentences how facts differ: files of the raster, its declarations,
    options."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return [] if before == after else ["its source or its settings were others"]
    sentences = _file_changes(before.get("files", {}), after.get("files", {}))
    for section, text in _SECTIONS.items():
        sentences += _value_changes(text, before.get(section, {}), after.get(section, {}))
    return sentences


def summary(changed: list[str]) -> str:
    """Return the first of a list of changes and the number of further ones."""
    more = len(changed) - _LISTED
    return "; ".join(changed[:_LISTED]) + (f"; and {more} more" if more > 0 else "")


def sampled_sha256(name: str) -> str:
    """Return SHA-256 over a file's size, its first and last 64 KiB and 62 blocks of 4 KiB
    between."""
    size = os.path.getsize(name)
    between = [(size * k // 63, 4096) for k in range(1, 63)]
    return _sha256(name, size, [(0, _END_BYTES), *between, (max(size - _END_BYTES, 0), _END_BYTES)])


def statement_sha256(name: str) -> str:
    """Return SHA-256 of an auxiliary file without its statistics, "" where it says nothing
    else."""
    plain = _without_statistics(Path(name).read_bytes())
    return "" if plain is None else hashlib.sha256(plain).hexdigest()


def _files(name: str) -> set[str]:
    """Return absolute paths of the local files that a raster is read from."""
    paths: set[str] = set()
    pending = [(name, False)]
    opened = {name}
    while pending:
        name, is_source = pending.pop()
        main = _local(name)
        # Masks and statements beside a VRT's sources are not in its list; they may come to be at
        # any time.
        endings = (_PAM, ".msk", ".ovr") if is_source else (_PAM, ".msk")
        listed = _listed(name)
        listed += [main + ending for ending in endings] if main is not None else []
        for file in listed:
            path = _local(file)
            if path is None or (path.endswith(".ovr") and not is_source):
                continue
            paths.add(path)
            if path != main and file not in opened:
                opened.add(file)
                pending.append((file, True))
    return paths


def _listed(name: str) -> list[str]:
    """Return the files that a raster consists of, by GDAL; none for other files."""
    import rasterio
    from rasterio._err import CPLE_BaseError
    from rasterio.errors import RasterioError

    try:
        raster_name.check_exists(name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with rasterio.open(gdal.name_for(name)) as dataset:
                return gdal.files(dataset)
    except (RasterioError, CPLE_BaseError, OSError, ValueError, DemError):
        return []


def _local(name: str) -> str | None:
    """Return the absolute path of the file on this machine that a raster's name leads to, an
    archive's for one inside it."""
    path = raster_name.local_file(name)
    return None if path is None else os.path.abspath(path)


def _relative(path: str, folder: str) -> str:
    try:
        return os.path.relpath(path, folder)
    except ValueError:  # on another drive
        return path


def _about(path: str) -> Facts | None:
    """Return the facts of a file; None for an auxiliary file without facts of samples."""
    try:
        if path.endswith(_PAM):
            digest = statement_sha256(path)
            return {"digest": digest} if digest else None
        state = os.stat(path)
        ends = [(0, _END_BYTES), (max(state.st_size - _END_BYTES, 0), _END_BYTES)]
        digest = _sha256(path, state.st_size, ends)
    except OSError as error:
        return {"unreadable": error.strerror}
    return {"bytes": state.st_size, "mtime_ns": state.st_mtime_ns, "digest": digest}


def _without_statistics(data: bytes) -> bytes | None:
    """Return an auxiliary file without the statistics that GIS programs add; None if nothing
    remains."""
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError:
        return data
    for parent in reversed(list(root.iter())):  # children before their parents
        for child in list(parent):
            statistic = child.tag == "MDI" and child.get("key", "").startswith(_STATISTICS)
            emptied = child.tag in ("Metadata", "PAMRasterBand") and len(child) == 0
            if statistic or emptied or child.tag == "Histograms":
                parent.remove(child)
    return ElementTree.tostring(root) if len(root) else None


def _sha256(name: str, size: int, spots: list[tuple[int, int]]) -> str:
    digest = hashlib.sha256(str(size).encode())
    with open(name, "rb") as file:
        for start, length in spots:
            file.seek(start)
            digest.update(file.read(length))
    return digest.hexdigest()


def _file_changes(before: Mapping[str, Facts], after: Mapping[str, Facts]) -> list[str]:
    sentences = []
    for name in sorted(before.keys() | after.keys()):
        old = before.get(name)
        new = after.get(name)
        if old is None:
            sentences.append(f"{name} was added")
        elif new is None:
            sentences.append(f"{name} is no longer read")
        elif old != new:
            sizes = old.get("bytes"), new.get("bytes")
            if sizes[0] != sizes[1]:
                how = f"{sizes[0]} bytes, now {sizes[1]}"
            elif old.get("digest") != new.get("digest"):
                how = "other contents"
            else:
                how = "written again since"
            sentences.append(f"{name} was changed ({how})")
    return sentences


def _value_changes(text: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    names = sorted(before.keys() | after.keys())
    sentences = []
    for name in names:
        old = before.get(name)
        new = after.get(name)
        if old != new:
            sentences.append(
                f"{text.format(name)} was {_value_text(old)} and is {_value_text(new)}"
            )
    return sentences


def _value_text(value: Any) -> str:
    if value is None or value == () or value == []:
        return "not given"
    text = ", ".join(map(_value_text, value)) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
