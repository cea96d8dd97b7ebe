"""Windowed reading of an elevation raster as metres on a north-up metric grid (design §4).

    with open_dem("area.tif") as dem:
        heights, valid = dem.read(row, col, rows, cols)

Any single-band raster GDAL reads will do. Memory does not depend on the raster's size.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from neural import crs as crs_rules
from neural import warp
from neural.errors import DemError, NtileError
from neural.facts import band_facts, sampled_sha256
from neural.georef import Georef, resolve, undeclared_extreme
from neural.grid import Grid
from neural.tiles import TILE

__all__ = ["Dem", "Grid", "open_dem"]

HIGHEST_M = 1e6
"""No terrain is higher or lower: such samples are missing-value marks that the file does not declare."""

_HUGE_NODATA = 1e30
_CHUNK_CELLS = 1 << 20
_CACHE_BYTES = 64 << 20
_CACHE_LIMIT_BYTES = 256 << 20
_READ_AHEAD_CELLS = 1 << 24


def open_dem(path: str | os.PathLike[str], *, crs: str | None = None, unit: str | None = None) -> Dem:
    """Open an elevation raster; use it as a context manager.

    `crs` names the CRS of a file that has none, or the metric CRS to reproject to; "local" takes coordinates as
    metres as they are. `unit` (m, ft, us-ft) is that of the heights. Raises DemError when the file cannot be
    used and UsageError when `crs` or `unit` is needed or wrong.
    """
    name = os.fspath(path)
    if _is_local(name) and not os.path.exists(name):
        raise DemError(f"{name} does not exist; check the path.")
    dataset: Any = None
    try:
        with _gdal(name, "is not a raster that GDAL can read; convert it to GeoTIFF or check that it is complete"):
            dataset = _open(name)
            georef = resolve(dataset, crs, unit)
            return Dem(name, dataset, georef)
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

    `name` is the path as given, `grid` where its cells lie, `source` where it came from (plain JSON values that
    change when the file does).
    """

    def __init__(self, name: str, dataset: Any, georef: Georef) -> None:
        self.name = name
        self.grid = georef.grid
        self._georef = georef
        self._dataset = dataset
        self._band = georef.band
        self._nodata = dataset.nodatavals[georef.band - 1]
        self._block = dataset.block_shapes[georef.band - 1]
        # NaN is missing wherever it stands, so a warp must not blend it in even where it is not declared.
        floating = np.dtype(dataset.dtypes[georef.band - 1]).kind == "f"
        self._extreme = undeclared_extreme(dataset, georef.band)
        self._view = dataset
        if georef.plan is not None:
            missing = self._nodata if self._nodata is not None else math.nan if floating else self._extreme
            self._view = warp.open_warped(dataset, georef.plan, missing)
            self._band = 1
        self.source = _provenance(name, dataset, resampled=georef.plan is not None)

    def __enter__(self) -> Dem:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; nothing can be read afterwards."""
        if self._view is not self._dataset:
            self._view.close()
        self._dataset.close()

    def facts(self) -> dict[str, Any]:
        """What the file says of itself and its band (`neural.facts`)."""
        return band_facts(self._dataset, self._georef.band)

    @property
    def read_ahead_cells(self) -> int:
        """Side of the aligned square, 256·2^k cells, that is best read in one go.

        A striped file decodes whole rows for any window, so the fewer and larger windows the better.
        """
        tiled = max(self._block) <= 4 * TILE and self._dataset.driver not in ("VRT", "WMS")
        if tiled and self._georef.plan is None:
            return TILE
        side = TILE
        width, height = self.grid.width, self.grid.height
        while side < max(width, height) and min(2 * side, width) * min(2 * side, height) <= _READ_AHEAD_CELLS:
            side *= 2
        return side

    def read(self, row: int, col: int, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
        """A window of the grid: heights float32 [rows, cols] in metres, and which of them are real, bool.

        Samples that are missing, not finite or outside the raster are 0 and invalid. Raises DemError when the
        file is damaged, or holds values that no terrain has.
        """
        heights, valid = np.zeros((rows, cols), np.float32), np.zeros((rows, cols), bool)
        top, bottom = max(row, 0), min(row + rows, self.grid.height)
        left, right = max(col, 0), min(col + cols, self.grid.width)
        if top >= bottom or left >= right:
            return heights, valid
        step = max(_CHUNK_CELLS // (right - left), 1)
        if step % self._block[0] and self._block[0] * (right - left) <= 16 * _CHUNK_CELLS:
            step += self._block[0] - step % self._block[0]  # never decode a strip for two chunks
        for start in range(top, bottom, step):
            stop = min(start + step, bottom)
            window = np.s_[start - row : stop - row, left - col : right - col]
            heights[window], valid[window] = self._read_inside(start, left, stop - start, right - left)
        return heights, valid

    def _read_inside(self, row: int, col: int, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
        from rasterio.enums import MaskFlags
        from rasterio.windows import Window

        georef, grid = self._georef, self.grid
        x = grid.width - col - cols if georef.flip_columns else col
        y = grid.height - row - rows if georef.flip_rows else row
        window = Window(x, y, cols, rows)
        advice = f"cannot be read at rows {y}–{y + rows - 1}: it is truncated or damaged; fetch it again or repair it"
        with _gdal(self.name, advice, self._cache_bytes):
            raw = self._view.read(self._band, window=window)
            valid = np.isfinite(raw)
            if self._view is self._dataset and MaskFlags.all_valid not in self._view.mask_flag_enums[self._band - 1]:
                valid &= self._view.read_masks(self._band, window=window) > 0
        if self._nodata is not None and abs(self._nodata) >= _HUGE_NODATA:
            # Huge marks are often declared with fewer digits than they are stored with.
            valid &= ~(np.abs(np.where(valid, raw, 0)) >= _HUGE_NODATA)
        metres = np.where(valid, raw, raw.dtype.type(0))
        if (georef.scale_m, georef.offset_m) != (1.0, 0.0):
            metres = np.where(valid, metres * georef.scale_m + georef.offset_m, 0.0)
        self._refuse_absurd(raw, metres, valid)
        if georef.flip_rows:
            metres, valid = metres[::-1], valid[::-1]
        if georef.flip_columns:
            metres, valid = metres[:, ::-1], valid[:, ::-1]
        return metres.astype(np.float32), valid

    def _refuse_absurd(self, raw: np.ndarray, metres: np.ndarray, valid: np.ndarray) -> None:
        """Values that are no heights, in a file that does not declare them as missing, are an error."""
        wrong = (metres > HIGHEST_M) | (metres < -HIGHEST_M)
        if self._extreme is not None:
            wrong |= valid & (raw == self._extreme)
        if wrong.any():
            value = raw[wrong][0].item()
            raise DemError(
                f"{self.name}: it holds the value {value!r}, which is no height and not declared as missing; "
                f"declare it, for example with `gdal_edit.py -a_nodata {value!r} FILE` or `rio edit-info`."
            )

    @property
    def _cache_bytes(self) -> int:
        """GDAL's block cache: small, but two of the file's blocks where those are large."""
        size = 2 * math.prod(self._block) * np.dtype(self._dataset.dtypes[self._georef.band - 1]).itemsize
        return min(max(size, _CACHE_BYTES), _CACHE_LIMIT_BYTES)


def _open(name: str) -> Any:
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # georef says what that means here
        return rasterio.open(name)


@contextmanager
def _gdal(name: str, trouble: str, cache_bytes: int = _CACHE_BYTES) -> Iterator[None]:
    """GDAL with a bounded block cache; its errors become one DemError `name trouble (detail)`."""
    import rasterio
    from rasterio._err import CPLE_BaseError
    from rasterio.errors import RasterioError

    try:
        with rasterio.Env(GDAL_CACHEMAX=cache_bytes):
            yield
    except (RasterioError, CPLE_BaseError, OSError) as error:
        cause = error.__cause__ or error
        detail = " ".join(str(cause).split()).rstrip(". ")
        raise DemError(f"{name} {trouble} ({detail[:200]}).") from error


def _is_local(name: str) -> bool:
    """Whether a name is a plain path, not a URL, a GDAL virtual file or a DRIVER:… connection."""
    return not name.startswith("/vsi") and ":" not in name.replace(":\\", "", 1)


def _provenance(name: str, dataset: Any, *, resampled: bool) -> dict[str, Any]:
    """What the raster was, in plain JSON values; the digest samples the file, so that it costs milliseconds."""
    about: dict[str, Any] = {
        "name": Path(name).name,
        "driver": dataset.driver,
        "crs": crs_rules.label(dataset.crs) if dataset.crs else None,
        "width": dataset.width,
        "height": dataset.height,
        "dtype": dataset.dtypes[0],
        "resampled": resampled,
    }
    if os.path.isfile(name):
        about["bytes"], about["digest"] = os.path.getsize(name), sampled_sha256(name)
    return about
