"""Windowed reading of an elevation raster as meters on a north-up metric grid.

    with open_dem("area.tif") as dem:
        heights, valid = dem.read(row, col, rows, cols)

Any raster GDAL reads will do, by any name GDAL has for it. Memory does not depend on the raster's
size.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TypeVar

import numpy as np

from neural.errors import DemError, NtileError
from neural.grid import Grid
from neural.raster import crs as crs_rules
from neural.raster import gdal, raster_name, resample
from neural.raster.facts import band_facts, sampled_sha256
from neural.raster.georef import Georef, declared, resolve
from neural.raster.open_files import OpenFiles
from neural.raster.reading import AS_STORED, Declared, ReadOptions
from neural.raster.samples import Samples, Window
from neural.system import arguments
from neural.tiles import TILE

__all__ = ["Dem", "Grid", "open_dem"]

Opened = TypeVar("Opened")

_CHUNK_CELLS = 1 << 20
_CACHE_BYTES = 64 << 20
_CACHE_LIMIT_BYTES = 256 << 20
_READ_AHEAD_CELLS = 1 << 24


def open_dem(
    path: str | os.PathLike[str], options: ReadOptions = AS_STORED, onto: Grid | None = None
) -> Dem:
    """Open an elevation raster; use it as a context manager.

    `path` is a path, a URL or a name of GDAL's; `options` say what the file does not. `onto` is the
    grid of a file that the raster is compared with: its CRS, which `options.crs` names, is taken
    whatever its scale, and a raster that is resampled anyway and has cells about as large
    (`neural.raster.warp.ALIKE`) is read at its cells. Raises DemError when the file cannot be used
    and UsageError when an option is needed or wrong.
    """
    return _opened(
        path,
        lambda name, dataset: Dem(name, dataset, resolve(dataset, options, onto), options.nodata),
    )


def declared_by(path: str | os.PathLike[str]) -> Declared:
    """Return a raster's own declarations of its samples. Raises DemError when it cannot be
    opened."""

    def read(_: str, dataset: Any) -> Declared:
        with dataset:
            return declared(dataset)

    return _opened(path, read)


def _opened(path: str | os.PathLike[str], use: Callable[[str, Any], Opened]) -> Opened:
    """Return the result of `use` on a raster's name and open dataset, which is closed where that
    fails."""
    name = arguments.path("path", path)
    raster_name.check_exists(name)
    dataset: Any = None
    try:
        with _gdal(name, _unreadable(name)):
            dataset = _open(name)
            return use(name, dataset)
    except BaseException as error:
        if dataset is not None:
            dataset.close()
        if isinstance(error, NtileError) and not str(error).startswith(name):
            raise type(error)(f"{name}: {error}") from error
        if isinstance(error, ValueError):
            raise DemError(f"{name}: {error}.") from error
        raise


class Dem:
    """An open elevation raster (see `open_dem`). Not for use by several threads at once.

    `name` is the path as given, `grid` where its cells lie, `outline` the raster's own bounds in
    the grid's CRS, `reading` how it is read, `source` where it came from (plain JSON values that
    change when the file does).
    """

    def __init__(
        self, name: str, dataset: Any, georef: Georef, nodata: tuple[float, ...] = ()
    ) -> None:
        self.name = name
        self.grid = georef.grid
        self.outline = georef.outline
        self.reading = georef.reading
        self._georef = georef
        self._dataset = dataset
        self._process = os.getpid()
        self._block = dataset.block_shapes[georef.bands.heights[0] - 1]
        self._samples = Samples(name, dataset, georef, nodata)
        self.fills = self._samples.fills
        """Undeclared fill values among the cells read so far; `restart` it before reading all of
        them once."""
        self.source = _provenance(name, dataset, resampled=georef.plan is not None)

    def __enter__(self) -> Dem:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; nothing can be read afterwards."""
        self._dataset.close()

    def facts(self) -> dict[str, Any]:
        """Return the facts of the file and its bands (`neural.raster.facts`)."""
        return band_facts(self.name, self._dataset, self._georef.bands.heights)

    def watched(self) -> OpenFiles:
        """Return the files that it is read from, to be checked for changes."""
        return OpenFiles(
            self.name, gdal.files(self._dataset), lazy=self._dataset.driver in ("VRT", "GTI")
        )

    @property
    def stored_bytes(self) -> int | None:
        """Bytes of the data set's files, those of a mosaic included but no overviews; None where
        they are no files."""
        files = [
            name for name in gdal.files(self._dataset) if not name.endswith((".ovr", ".aux.xml"))
        ]
        return (
            sum(map(os.path.getsize, files)) if files and all(map(os.path.isfile, files)) else None
        )

    @property
    def read_ahead_cells(self) -> int:
        """Side of the aligned square, 256·2^k cells, that is best read in one go.

        A striped file decodes whole rows for any window, so the fewer and larger windows the
        better.
        """
        tiled = max(self._block) <= 4 * TILE and self._dataset.driver not in ("VRT", "WMS")
        if tiled and self._georef.plan is None:
            return TILE
        side = TILE
        width = self.grid.width
        height = self.grid.height
        while (
            side < max(width, height)
            and min(2 * side, width) * min(2 * side, height) <= _READ_AHEAD_CELLS
        ):
            side *= 2
        return side

    def read(self, row: int, col: int, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a window of the grid: heights float32 [rows, cols] in meters, and which of them
        are real, bool.

        Samples that are missing, not finite or outside the raster are 0 and invalid. Raises
        DemError when the file is damaged, or holds values that no terrain has.
        """
        heights = np.zeros((rows, cols), np.float32)
        valid = np.zeros((rows, cols), bool)
        top = max(row, 0)
        bottom = min(row + rows, self.grid.height)
        left = max(col, 0)
        right = min(col + cols, self.grid.width)
        if top >= bottom or left >= right:
            return heights, valid
        step = max(_CHUNK_CELLS // (right - left), 1)
        if (
            self._georef.plan is None
            and step % self._block[0]
            and self._block[0] * (right - left) <= 16 * _CHUNK_CELLS
        ):
            step += self._block[0] - step % self._block[0]  # never decode a strip for two chunks
        for start in range(top, bottom, step):
            stop = min(start + step, bottom)
            window = np.s_[start - row : stop - row, left - col : right - col]
            meters, valid[window], codes = self._read_inside(
                start, left, stop - start, right - left
            )
            heights[window] = meters
            if codes is not None:
                self.fills.count(codes)
        return heights, valid

    def _reopen_if_forked(self) -> None:
        """Open the raster anew in a forked child: GDAL moves a position in the file that is the
        parent's too."""
        if self._process != os.getpid():
            self._dataset = self._samples.dataset = _open(self.name)
            self._process = os.getpid()

    @property
    def own_cells(self) -> int:
        """Number of cells as the file stores them, valid or not."""
        return int(self._dataset.width * self._dataset.height)

    def own_samples(self) -> Iterator[np.ndarray]:
        """Yield all valid samples as the file stores them, float64 [n] in meters, from its first
        rows on; no reprojection."""
        width = self._dataset.width
        height = self._dataset.height
        rows = max(_CHUNK_CELLS // width // self._block[0], 1) * self._block[0]
        for row in range(0, height, rows):
            count = min(rows, height - row)
            with _gdal(
                self.name, f"cannot be read at rows {row}–{row + count - 1}", self._cache_bytes
            ):
                self._reopen_if_forked()
                window = self._samples.read(row, 0, count, width)
            yield window.meters[window.valid].astype(np.float64)

    def _read_inside(self, row: int, col: int, rows: int, cols: int) -> Window:
        georef = self._georef
        grid = self.grid
        x = grid.width - col - cols if georef.flip_columns else col
        y = grid.height - row - rows if georef.flip_rows else row
        advice = (
            f"cannot be read at rows {y}–{y + rows - 1}: it is truncated or damaged; fetch "
            "it again or repair it"
        )
        with _gdal(self.name, advice, self._cache_bytes):
            self._reopen_if_forked()
            if georef.plan is not None:
                return resample.read(self._samples, georef.plan, row, col, rows, cols)
            meters, valid, codes = self._samples.read(y, x, rows, cols)
        turned = np.s_[:: -1 if georef.flip_rows else 1, :: -1 if georef.flip_columns else 1]
        return Window(meters[turned], valid[turned], codes)

    @property
    def _cache_bytes(self) -> int:
        """GDAL's block cache: small, but two of the file's blocks where those are large."""
        bands = self._georef.bands.heights
        size = (
            2
            * len(bands)
            * math.prod(self._block)
            * np.dtype(self._dataset.dtypes[bands[0] - 1]).itemsize
        )
        cache_bytes: int = min(max(size, _CACHE_BYTES), _CACHE_LIMIT_BYTES)
        return cache_bytes


def _open(name: str) -> Any:
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # georef says what that means here
        return rasterio.open(gdal.name_for(name))


def _unreadable(name: str) -> str:
    """Return the advice for a name that GDAL cannot open."""
    if not raster_name.is_path(name):
        return (
            "cannot be opened by GDAL; check the name, and that what it is read from can be reached"
        )
    archive = raster_name.archive_prefix(name)
    if archive is not None:
        return f"is an archive; name the raster in it, such as {archive}{name}/dem.tif"
    return "is not a raster that GDAL can read; convert it to GeoTIFF or check that it is complete"


@contextmanager
def _gdal(name: str, trouble: str, cache_bytes: int = _CACHE_BYTES) -> Iterator[None]:
    """Run GDAL with a bounded block cache; its errors become one DemError `name trouble
    (detail)`."""
    from rasterio._err import CPLE_BaseError
    from rasterio.errors import RasterioError

    try:
        with gdal.environment(cache_bytes):
            yield
    except (RasterioError, CPLE_BaseError, OSError) as error:
        cause = error.__cause__ or error
        detail = " ".join(str(cause).split()).rstrip(". ")
        detail = detail.replace(os.path.join(os.curdir, name), name)  # as the user wrote it
        raise DemError(f"{name} {trouble} ({detail[:200]}).") from error


def _provenance(name: str, dataset: Any, *, resampled: bool) -> dict[str, Any]:
    """Describe the raster in plain JSON values; the digest samples the file, so that it costs
    milliseconds."""
    about: dict[str, Any] = {
        "name": raster_name.label(name),
        "driver": dataset.driver,
        "crs": crs_rules.label(dataset.crs) if dataset.crs else None,
        "width": dataset.width,
        "height": dataset.height,
        "dtype": dataset.dtypes[0],
        "resampled": resampled,
    }
    file = raster_name.local_file(name)
    if file is not None:
        about["bytes"] = os.path.getsize(file)
        about["digest"] = sampled_sha256(file)
    return about
