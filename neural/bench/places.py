"""Which elevation rasters a benchmark runs on."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from neural.errors import DemError, UsageError

MANIFEST = "MANIFEST.csv"


@dataclass(frozen=True)
class Place:
    """One raster, and how `neural.dem.open_dem` is to read it."""

    name: str
    path: Path
    crs: str | None = None
    unit: str | None = None


def find_places(arguments: Iterable[Path], split: str, crs: str | None, unit: str | None) -> list[Place]:
    """Rasters as they are, and of every folder the rows of `split` in its MANIFEST.csv (columns file, split, crs).

    A row without a CRS is taken as local metres; heights of a manifest are metres unless `unit` says otherwise.
    Raises UsageError when a folder has no such rows, DemError when a raster does not exist.
    """
    places: list[Place] = []
    for argument in arguments:
        if argument.is_dir():
            places += _listed(argument, split, crs, unit)
        else:
            places.append(Place(argument.stem, argument, crs, unit))
    if not places:
        raise UsageError("nothing to measure: give a DEM or a folder with a MANIFEST.csv.")
    for place in places:
        if not place.path.exists():
            raise DemError(f"{place.path} does not exist; check the path.")
    names = [place.name for place in places]
    return [Place(str(p.path), p.path, p.crs, p.unit) if names.count(p.name) > 1 else p for p in places]


def _listed(folder: Path, split: str, crs: str | None, unit: str | None) -> list[Place]:
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise UsageError(f"{folder} has no {MANIFEST} (columns file, split, crs): add one or name the rasters.")
    with manifest.open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row.get("split") == split and row.get("file")]
    if not rows:
        raise UsageError(f"{manifest} lists no raster of split '{split}': choose another --split.")
    return [
        Place(Path(row["file"]).stem, folder / row["file"], crs or (None if row.get("crs") else "local"), unit or "m")
        for row in rows
    ]
