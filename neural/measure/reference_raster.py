"""A raster that a file's errors are measured against: read as the file's source was, window by
window.

    with open_reference("dem.tif", reader) as reference:
        heights, valid = reference.read(row, col, rows, cols)  # of the file's finest cells

What the file records of its source (unit, CRS, nodata, encoding) holds for the raster too, unless
the raster's own file says otherwise; options given with it hold before both.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from neural.container.reader import Reader
from neural.errors import DemError, UsageError
from neural.grid import Bounds
from neural.raster import crs as crs_rules
from neural.raster import raster_name
from neural.raster.dem import Dem, declared_by, open_dem
from neural.raster.reading import Declared, Raster, Reading, ReadOptions, ReferenceRaster
from neural.raster.vertical import to_wkt
from neural.system.file_stamp import FileStamp
from neural.system.forks import ForkLock

WINDOW_CELLS = 1 << 22
"""Cells of the raster read at once: 20 MB."""

POINT_BLOCK = 512
"""Cells along each side of a block of the raster whose places are read together."""


def open_reference(raster: Raster, reader: Reader) -> ReferenceHeights:
    """Open a raster that errors of an open file are measured against; use it as a context manager.

    Raises DemError where it cannot be used, and UsageError where an option is needed or wrong, or
    where it lies outside the file's area.
    """
    reference = ReferenceRaster.of(raster)
    file = raster_name.local_file(reference.name)
    stamp = None if file is None else FileStamp.at(file)
    declared = declared_by(reference.name)
    options = _options(reference, declared, reader)
    dem = open_dem(reference.name, options, onto=reader.grid)
    try:
        now = None if file is None else FileStamp.at(file)
        if (now and now.state) != (stamp and stamp.state):
            raise DemError(f"{dem.name} is being written; open it when that is done.")
        return ReferenceHeights(dem, reader, _reading_notes(reference, declared, dem))
    except BaseException:
        dem.close()
        raise


class ReferenceHeights:
    """Heights of an open raster at the cells and places of a file (see `open_reference`). Several
    threads may ask.

    `name` is the raster's file name, `share` the part of the file's area inside the raster's
    outline, `same_cells` whether its cells are the file's, so that nothing is interpolated, `notes`
    sentences on what is taken over from the file.
    """

    def __init__(self, dem: Dem, reader: Reader, notes: tuple[str, ...]) -> None:
        self.name = raster_name.label(dem.name)
        self.reading = dem.reading
        self._dem = dem
        self._grid = reader.grid
        self._path = reader.path
        self._lock = ForkLock()
        self._files = dem.watched()
        self.share = _share(reader.grid.bounds, dem.outline)
        if self.share == 0:
            place = "a raster of the same place" + (
                ", or its CRS with --src-crs" if reader.grid.crs_wkt else ""
            )
            raise UsageError(
                f"{dem.name} lies outside the area of {reader.path}: it spans "
                f"{_span(dem.outline)}, the file "
                f"{_span(reader.grid.bounds)}; give {place}."
            )
        column, row = dem.grid.cell_of(reader.grid.transform[2], reader.grid.transform[5])
        self._origin = float(row), float(column)
        cells = reader.grid.transform
        dem_cells = dem.grid.transform
        self._scale = cells[4] / dem_cells[4], cells[0] / dem_cells[0]
        self._shift = round(row), round(column)
        apart = abs(row - self._shift[0]), abs(column - self._shift[1])
        self.same_cells = bool(
            np.allclose(self._scale, 1.0, rtol=1e-9, atol=0) and max(apart) < 1e-3
        )
        self.notes = notes
        # At its edge a resampled raster is extended by half a cell, where the file's source, which
        # goes on, is not.
        self._ragged = bool(dem.source["resampled"]) and self.warning != ""

    def __enter__(self) -> ReferenceHeights:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the raster; nothing can be read afterwards."""
        with self._lock:
            self._dem.close()

    @property
    def content(self) -> str:
        """Text that differs between rasters of different contents; "" where it is not known."""
        return self._files.content

    def is_current(self) -> bool:
        """Return True if the raster's files are still those that were opened."""
        return self._files.is_current()

    def _window(self, row: int, col: int, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a window of the raster as `Dem.read`. Raises DemError, also where its files were
        rewritten since it was opened."""
        with self._lock:
            window = self._dem.read(row, col, rows, cols)
            self._files.check()
        return window

    @property
    def warning(self) -> str:
        """A sentence where the raster covers but a part of the area; else ""."""
        whole = self.share > 1 - 1e-6
        return (
            ""
            if whole
            else f"{self._dem.name} covers {percent(self.share)} of the area of {self._path}."
        )

    def check_cells(self) -> None:
        """Raise UsageError unless its cells are the file's."""
        if self.same_cells:
            return
        file_cells, raster_cells = (
            f"{grid.width}×{grid.height} cells of {grid.transform[0]:g} m"
            for grid in (self._grid, self._dem.grid)
        )
        raise UsageError(
            f"{self._dem.name} has another grid ({raster_cells}) than {self._path} "
            f"({file_cells}): give the DEM it was encoded from, or resample the raster to "
            "these cells with gdalwarp."
        )

    def read(self, row: int, col: int, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a window of the file's finest cells: heights float64 [rows, cols] in meters and
        which are known.

        Bilinear between the raster's cells where these are others.
        """
        if self.same_cells:
            rim = int(self._ragged)
            top = row + self._shift[0]
            left = col + self._shift[1]
            heights, valid = self._window(top - rim, left - rim, rows + 2 * rim, cols + 2 * rim)
            if rim:
                heights = heights[1:-1, 1:-1]
                valid = np.asarray(sliding_window_view(valid, (3, 3)).all(axis=(2, 3)))
            return heights.astype(np.float64), valid
        return self._lattice(
            self._origin[0] + (row + np.arange(rows) + 0.5) * self._scale[0],
            self._origin[1] + (col + np.arange(cols) + 0.5) * self._scale[1],
        )

    def heights_at(self, easting: Any, northing: Any) -> np.ndarray:
        """Return heights in meters at places in the file's CRS, arrays of one shape: bilinear, NaN
        outside the raster's data."""
        easting, northing = np.broadcast_arrays(
            np.asarray(easting, np.float64), np.asarray(northing, np.float64)
        )
        columns, rows = (np.ravel(a) for a in self._dem.grid.cell_of(easting, northing))
        meters = np.full(columns.shape, np.nan)
        grid = self._dem.grid
        inside = (columns >= 0) & (columns <= grid.width) & (rows >= 0) & (rows <= grid.height)
        blocks = np.floor(columns / POINT_BLOCK).astype(np.int64) + (
            np.floor(rows / POINT_BLOCK).astype(np.int64) << 32
        )
        for block in np.unique(blocks[inside]):
            chosen = np.flatnonzero(inside & (blocks == block))
            heights, valid = self._mixed(rows[chosen], columns[chosen])
            meters[chosen] = np.where(valid, heights, np.nan)
        return meters.reshape(easting.shape)

    def _lattice(self, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the raster at ascending fractional rows × columns, in windows of at most
        WINDOW_CELLS where these do."""
        grid = self._dem.grid
        rows = np.clip(rows, -1, grid.height + 1)
        columns = np.clip(columns, -1, grid.width + 1)  # all of it outside
        high = rows[-1] - rows[0] + 3
        wide = columns[-1] - columns[0] + 3
        if high * wide <= WINDOW_CELLS or len(rows) == len(columns) == 1:
            return self._mixed(rows[:, None], columns[None, :])
        down = len(columns) == 1 or (len(rows) > 1 and high >= wide)
        half = (len(rows) if down else len(columns)) // 2
        if down:
            parts = self._lattice(rows[:half], columns), self._lattice(rows[half:], columns)
        else:
            parts = self._lattice(rows, columns[:half]), self._lattice(rows, columns[half:])
        axis = 0 if down else 1
        (first, first_valid), (second, second_valid) = parts
        heights = np.concatenate([first, second], axis=axis)
        return heights, np.concatenate([first_valid, second_valid], axis=axis)

    def _mixed(self, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the raster at fractional positions (cell centers at halves) near each other,
        float64; all four valid."""
        top = int(np.floor(rows.min() - 0.5))
        left = int(np.floor(columns.min() - 0.5))
        bottom = int(np.floor(rows.max() - 0.5)) + 2
        right = int(np.floor(columns.max() - 0.5)) + 2
        heights, valid = self._window(top, left, bottom - top, right - left)
        y = rows - 0.5 - top
        x = columns - 0.5 - left
        i = y.astype(int)
        j = x.astype(int)
        fy = y - i
        fx = x - j
        heights = np.where(valid, heights, 0.0)

        def corner(di: int, dj: int) -> tuple[np.ndarray, np.ndarray]:
            return heights[i + di, j + dj], valid[i + di, j + dj]

        (a, va) = corner(0, 0)
        (b, vb) = corner(0, 1)
        (c, vc) = corner(1, 0)
        (d, vd) = corner(1, 1)
        mixed = (1 - fy) * ((1 - fx) * a + fx * b) + fy * ((1 - fx) * c + fx * d)
        return mixed, va & vb & vc & vd


def _options(reference: ReferenceRaster, declared: Declared, reader: Reader) -> ReadOptions:
    """Return the read options of a reference raster for an open file. Raises UsageError."""
    options = reference.reading
    recorded = reader.reading
    grid_wkt = reader.grid.crs_wkt
    encoding = options.encoding or (recorded.options.encoding if declared.bands >= 3 else None)
    unit = None if encoding else _unit(declared, recorded)  # packed heights are meters
    return ReadOptions(
        grid_wkt or crs_rules.LOCAL,
        _src_crs(reference, declared, reader),
        options.unit or unit,
        options.nodata or _nodata(declared, recorded),
        encoding,
    )


def _src_crs(reference: ReferenceRaster, declared: Declared, reader: Reader) -> str | None:
    """Return the CRS of the raster's coordinates; None: as its file says, or local meters. Raises
    UsageError."""
    options = reference.reading
    recorded = reader.reading
    grid_wkt = reader.grid.crs_wkt
    if not grid_wkt:
        if options.src_crs or options.crs not in (None, crs_rules.LOCAL):
            raise UsageError(
                f"{reference.name}: {reader.path} has local coordinates without a CRS, so the "
                "raster's are taken as these; "
                "leave out its CRS."
            )
        return None
    if options.src_crs:
        return options.src_crs
    if options.crs == crs_rules.LOCAL:
        return grid_wkt
    if options.crs is not None:
        wkt = to_wkt(crs_rules.parse_crs(options.crs))
        if declared.crs_wkt is None:
            return wkt
        if not crs_rules.same_crs(wkt, grid_wkt):
            raise UsageError(
                f"{reference.name}: heights are compared in the CRS of {reader.path}, which is not "
                f"{options.crs}; leave out "
                "--crs, or say with --src-crs what the raster's coordinates are."
            )
    if declared.crs_wkt is None:
        return _parsed(recorded.options.src_crs) or grid_wkt
    if recorded.declared is not None and crs_rules.same_crs(
        declared.crs_wkt, recorded.declared.crs_wkt or ""
    ):
        return recorded.options.src_crs  # which corrects what both files say, where that was wrong
    return None


def _unit(declared: Declared, recorded: Reading) -> str | None:
    """Return the unit of the raster's heights; None: as its file says."""
    unit = recorded.options.unit
    source = recorded.declared
    if declared.unit is not None:
        return unit if source is not None and declared.unit == source.unit else None
    if unit == "m" and declared.crs_wkt is not None and crs_rules.in_feet(_crs(declared.crs_wkt)):
        # Meters of a source in meters say nothing of a raster in feet.
        return (
            unit
            if source is not None and crs_rules.same_crs(declared.crs_wkt, source.crs_wkt or "")
            else None
        )
    return unit


def _nodata(declared: Declared, recorded: Reading) -> tuple[float, ...]:
    """Return missing-value marks besides the one that the raster's file declares."""
    source = recorded.declared
    says_otherwise = declared.nodata is not None and (
        source is None or declared.nodata != source.nodata
    )
    return () if says_otherwise else recorded.options.nodata


def _reading_notes(reference: ReferenceRaster, declared: Declared, dem: Dem) -> tuple[str, ...]:
    """Return sentences on the settings taken over from the file because the raster's own declares
    none or others."""
    options = reference.reading
    used = dem.reading.options
    sentences = []
    if options.unit is None and used.unit != (declared.unit or "m"):
        sentences.append(
            f"{dem.name}: heights are read in {used.unit}, like those of the file's source."
        )
    if used.src_crs is not None and options.src_crs is None and options.crs is None:
        if declared.crs_wkt is None or not crs_rules.same_crs(declared.crs_wkt, used.src_crs):
            label = crs_rules.label(_crs(used.src_crs))
            sentences.append(
                f"{dem.name}: coordinates are read as {label}, like those of the file's source."
            )
    if used.nodata and not options.nodata:
        marks = ", ".join(f"{value:g}" for value in used.nodata)
        sentences.append(f"{dem.name}: {marks} is missing, as in the file's source.")
    return tuple(sentences)


def _crs(wkt: str) -> Any:
    return crs_rules.parse_crs(wkt)


def _parsed(crs: str | None) -> str | None:
    """Return a CRS as recorded, or None where that is but a name: older files have no more."""
    try:
        return None if crs is None else to_wkt(crs_rules.parse_crs(crs))
    except UsageError:
        return None


def _share(area: Bounds, other: Bounds) -> float:
    """Return part of an area inside another rectangle, 0 … 1."""
    wide = min(area.east, other.east) - max(area.west, other.west)
    high = min(area.north, other.north) - max(area.south, other.south)
    whole = (area.east - area.west) * (area.north - area.south)
    return max(wide, 0.0) * max(high, 0.0) / whole


def _span(bounds: Bounds) -> str:
    west, south, east, north = bounds
    return f"eastings {west:.10g} to {east:.10g} and northings {south:.10g} to {north:.10g}"


def percent(share: float) -> str:
    """Format a share as text: 0.4321 → "43.2 %", and "100 %" only for all."""
    if share < 0.001:
        return "less than 0.1 %"
    return "over 99.9 %" if 0.999 < share < 1 else f"{100 * share:.3g} %"
