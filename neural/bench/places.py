"""Selection of the elevation rasters of a benchmark."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from neural.errors import UsageError
from neural.raster import raster_name
from neural.raster.reading import AS_STORED, ReadOptions

MANIFEST = "MANIFEST.csv"


@dataclass(frozen=True)
class Place:
    """One raster, its read options for `neural.raster.dem.open_dem`, and its manifest entry."""

    name: str
    path: str
    """Path, URL or GDAL dataset name."""
    reading: ReadOptions = AS_STORED
    split: str | None = None
    data_class: str | None = None  # dtm (bare earth), dsm, bathy, …


def find_places(
    arguments: Iterable[str | os.PathLike[str]],
    splits: Sequence[str] | None,
    reading: ReadOptions = AS_STORED,
) -> list[Place]:
    """Return rasters as they are, and of every folder the rows of `splits` (None: all) in its
    MANIFEST.csv, split by split.

    Columns: file, split, crs and data_class. A row without a CRS is taken as local meters; heights
    of a manifest are meters unless `reading` says otherwise. Raises UsageError when a folder has no
    rows of a split, DemError when a raster does not exist.
    """
    places: list[Place] = []
    for item in arguments:
        argument = os.fspath(item)
        if os.path.isdir(argument):
            places += _listed(Path(argument), splits, reading)
        else:
            places.append(Place(raster_name.stem(argument), argument, reading))
    if not places:
        raise UsageError("nothing to measure: give a DEM or a folder with a MANIFEST.csv.")
    for place in places:
        raster_name.check_exists(place.path)
    names = [place.name for place in places]
    return [replace(p, name=p.path) if names.count(p.name) > 1 else p for p in places]


def _listed(folder: Path, splits: Sequence[str] | None, reading: ReadOptions) -> list[Place]:
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise UsageError(
            f"{folder} has no {MANIFEST} (columns file, split, crs): add one or name the rasters."
        )
    with manifest.open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row.get("file") and row.get("split")]
    present = list(dict.fromkeys(row["split"] for row in rows))
    if missing := [split for split in splits or () if split not in present]:
        raise UsageError(
            f"{manifest} lists no raster of split '{missing[0]}': choose another --split."
        )
    return [
        Place(
            raster_name.stem(row["file"]),
            raster_name.join(folder, row["file"]),
            replace(
                reading,
                crs=reading.crs or (None if row.get("crs") or reading.src_crs else "local"),
                unit=reading.unit or "m",
            ),
            row["split"],
            row.get("data_class") or None,
        )
        for split in (present if splits is None else splits)
        for row in rows
        if row["split"] == split
    ]
