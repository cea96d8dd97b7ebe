"""Areas of the global benchmark: a raster, a window of its own cells, or either with its lower part
made flat."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from neural.bench.places import Place
from neural.encoding.acorn.area import Area, staged
from neural.errors import DemError, UsageError
from neural.raster import distortion, gdal, raster_name
from neural.raster.crs import LOCAL
from neural.raster.dem import Dem, open_dem
from neural.raster.placement import own_crs
from neural.raster.reading import AS_STORED, ReadOptions
from neural.system import output

_WINDOW = re.compile(r"(.+)@(\d+),(\d+),(\d+),(\d+)")
_NODATA = -99999.0


@dataclass(frozen=True)
class WholeArea:
    """An area to fit: `path`, and the part of it."""

    name: str
    path: str
    reading: ReadOptions = AS_STORED
    window: tuple[int, int, int, int] | None = None
    """Column, row, width and height in the raster's own cells, which are not resampled."""
    flat_below: float | None = None
    """Percentile of its heights below which they are raised to it."""

    @property
    def slug(self) -> str:
        """Name of its files."""
        return re.sub(r"[^A-Za-z0-9_.-]+", "_", self.name)


def find_areas(
    arguments: Iterable[str | os.PathLike[str]],
    reading: ReadOptions = AS_STORED,
    flat_below: float | None = None,
) -> list[WholeArea]:
    """Return the areas named RASTER or RASTER@COLUMN,ROW,WIDTH,HEIGHT; a name that exists is that
    raster.

    Raises UsageError without any, DemError when a raster does not exist.
    """
    areas = []
    for item in arguments:
        path = os.fspath(item)
        window = None
        match = None if os.path.exists(path) else _WINDOW.fullmatch(path)
        if match is not None:
            path = match[1]
            column, row, width, height = map(int, match.groups()[1:])
            window = column, row, width, height
        raster_name.check_exists(path)
        name = raster_name.stem(path)
        if window is not None:
            name += "@" + ",".join(map(str, window))
        if flat_below is not None:
            name += f" flat below its {flat_below:g}th percentile"
        areas.append(WholeArea(name, path, reading, window, flat_below))
    if not areas:
        raise UsageError("nothing to fit: give --global an AREA, a raster or raster@C,R,W,H.")
    if repeated := [area.name for area in areas if areas.count(area) > 1]:
        raise UsageError(f"{repeated[0]} is named twice; give each area once.")
    names = [area.name for area in areas]
    return [replace(a, name=a.path) if names.count(a.name) > 1 else a for a in areas]


def place_of(area: WholeArea, folder: Path) -> Place:
    """Return the raster of an area, a window or flattened one written to `folder` before.

    A window's cells are those of its raster as stored, of the size that they have on the ground in
    its middle. Raises DemError where the raster has no such window.
    """
    if area.window is None and area.flat_below is None:
        return Place(area.name, area.path, area.reading)
    path = folder / f"{area.slug}.tif"
    if not path.is_file():
        _write(area, path)
    return Place(area.name, str(path), ReadOptions(crs=LOCAL, unit="m"))


def area_of(place: Place, path: Path) -> Area:
    """Return the heights of a place, staged in the file `path`, which is kept."""
    with open_dem(place.path, place.reading) as dem:
        done = path.with_suffix(".done")
        if done.is_file():
            area = Area.open(path, dem.grid.width, dem.grid.height)
            if area is not None:
                return area
        area = staged(dem, path)
        area.flush()
    output.write_text(done, "")
    return area


def _write(area: WholeArea, path: Path) -> None:
    """Write a window or flattened raster in local meters. Memory grows with it."""
    reading = (
        area.reading if area.window is None else replace(area.reading, crs=LOCAL, src_crs=None)
    )
    with open_dem(area.path, reading) as dem:
        grid = dem.grid
        column, row, width, height = area.window or (0, 0, grid.width, grid.height)
        if column + width > grid.width or row + height > grid.height or not width * height:
            raise DemError(
                f"{area.path} has {grid.width} × {grid.height} cells, so no window "
                f"@{column},{row},{width},{height}; choose one inside."
            )
        heights, valid = dem.read(row, column, height, width)
        cell = (grid.cell_x_m, grid.cell_y_m)
        if area.window is not None:
            cell = ground_cell(dem, column + width / 2, row + height / 2) or cell
    if not valid.any():
        raise DemError(f"{area.name}: every sample is missing (nodata); choose another window.")
    if area.flat_below is not None:
        level = np.float32(np.percentile(heights[valid], area.flat_below))
        heights = np.maximum(heights, level)
    _write_raster(path, np.where(valid, heights, np.float32(_NODATA)), cell)


def ground_cell(dem: Dem, column: float, row: float) -> tuple[float, float] | None:
    """Return width and height in meters on the ground of a raster's own cell, read as local meters;
    None where its CRS does not say."""
    import rasterio

    with rasterio.open(gdal.name_for(dem.name)) as dataset:
        crs = own_crs(dataset)
        transform = dataset.transform[:6]
    if crs is None:
        return None
    columns = column + np.array([0.0, 1.0, 0.0])
    rows = row + np.array([0.0, 0.0, 1.0])
    ground = distortion.on_ellipsoid(crs, *distortion.place(transform, columns, rows))
    east, south = np.linalg.norm(ground[1:] - ground[0], axis=1).tolist()
    return (east, south) if math.isfinite(east * south) and east * south > 0 else None


def _write_raster(path: Path, heights: np.ndarray, cell_m: tuple[float, float]) -> None:
    import rasterio
    from rasterio.transform import Affine

    rows, columns = heights.shape
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "dtype": "float32",
        "count": 1,
        "width": columns,
        "height": rows,
        "nodata": _NODATA,
        "transform": Affine(cell_m[0], 0.0, 0.0, 0.0, -cell_m[1], rows * cell_m[1]),
        "tiled": True,
        "compress": "deflate",
        "predictor": 3,
    }
    with output.whole(path) as part, rasterio.open(part, "w", **profile) as file:
        file.write(heights, 1)
