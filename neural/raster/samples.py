"""A raster's own samples as meters, and which of them are heights: the one rule for every way of
reading it.

A sample is valid where it is finite AND not a declared nodata value AND not one of
`ReadOptions.nodata` AND inside every mask that GDAL knows for it: internal, `.msk`, alpha bands,
nodata of the band or of all bands together.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from neural.errors import DemError
from neural.raster import encodings
from neural.raster.undeclared import FillCounts, written

if TYPE_CHECKING:
    from neural.raster.georef import Georef

HIGHEST_M = 1e6
"""No terrain is higher or lower: such samples are missing-value marks that the file does not
declare."""

_HUGE = 1e30
_COUNTED_AT_ONCE = 1 << 20
_MOST_COUNTED = 1 << 27  # a few seconds
_ULPS = 2  # declared values are text, as programs round it


class Window(NamedTuple):
    """Samples [rows, cols] of a window: 0 and False for missing heights."""

    meters: np.ndarray  # float32
    valid: np.ndarray  # bool
    codes: np.ndarray | None  # uint8, see `FillCounts.codes`


class Samples:
    """The samples of an open dataset, by window of its own rows and columns."""

    def __init__(
        self, name: str, dataset: Any, georef: Georef, nodata: tuple[float, ...] = ()
    ) -> None:
        self.name = name
        self.height = dataset.height
        self.width = dataset.width
        self.dataset = dataset
        """The open dataset; may be replaced by another of the same file."""
        self._georef = georef
        # others are no heights anyway
        self._nodata = tuple(value for value in nodata if math.isfinite(value))
        self._bands = georef.bands
        first = self._bands.heights[0]
        self._dtype = np.dtype("float32" if self._bands.encoding else dataset.dtypes[first - 1])
        self._declared = [
            value
            for band in self._bands.heights
            if (value := dataset.nodatavals[band - 1]) is not None
        ]
        self._masked = _has_mask(dataset, first)
        self._together = _nodata_of_all_bands(dataset)
        self.fills = FillCounts(self._dtype, georef.scale_m, georef.offset_m)
        """Undeclared fill values seen so far."""
        self._counts: dict[float, tuple[int, bool]] = {}

    def read(self, row: int, col: int, rows: int, cols: int) -> Window:
        """Read a window inside the raster. Raises DemError for values that no terrain has."""
        georef = self._georef
        values, valid = self._stored(row, col, rows, cols)
        meters = values
        if (georef.scale_m, georef.offset_m) != (1.0, 0.0):
            with np.errstate(over="ignore"):  # refused below
                meters = np.where(valid, values * georef.scale_m + georef.offset_m, 0.0)
        wrong = (meters > HIGHEST_M) | (meters < -HIGHEST_M)
        if wrong.any():
            raise self._absurd(values[wrong][0])
        return Window(meters.astype(np.float32), valid, self.fills.codes(values, valid))

    def _stored(self, row: int, col: int, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
        """Return values [rows, cols] as stored, 0 for missing heights, and their validity, bool."""
        from rasterio.windows import Window as RasterWindow

        window = RasterWindow(col, row, cols, rows)
        dataset = self.dataset
        stored = dataset.read(list(self._bands.heights), window=window)
        valid = self._inside_masks(stored, window)
        if self._bands.encoding is None:
            values = stored[0]
            valid &= np.isfinite(values)
            marks = (*self._declared, *self._nodata)
        else:
            values = encodings.decode(stored, self._bands.encoding)
            # as for any picture: missing where all three bands are
            if len(self._declared) == len(stored):
                valid &= ~np.logical_and.reduce(
                    [_equals(a, b) for a, b in zip(stored, self._declared, strict=True)]
                )
            marks = self._nodata
        for mark in marks:
            valid &= ~_equals(values, mark)
        return np.where(valid, values, values.dtype.type(0)), valid

    def _inside_masks(self, stored: np.ndarray, window: Any) -> np.ndarray:
        """Return the samples that all masks let through, whatever their values."""
        dataset = self.dataset
        valid = np.ones(stored.shape[1:], bool)
        if self._masked:
            valid &= dataset.read_masks(self._bands.heights[0], window=window) > 0
        for band in self._bands.alpha:
            valid &= dataset.read(band, window=window) > 0
        if self._together:
            every = enumerate(self._together, start=1)
            valid &= ~np.logical_and.reduce(
                [_equals(dataset.read(b, window=window), value) for b, value in every]
            )
        return valid

    def _absurd(self, value: np.generic) -> DemError:
        """Return the error of a value that is no height, in a file that does not declare it as
        missing."""
        number = float(value)
        text = written(number) if abs(number) < 1e15 else str(value)
        if number not in self._counts:  # a viewer asks for tile after tile
            self._counts[number] = self._count(number)
        count, complete = self._counts[number]
        amount = f"{'' if complete else 'at least '}{count:,} ".replace(",", " ")
        return DemError(
            f"{self.name}: {amount}{'sample is' if count == 1 else 'samples are'} {text}, "
            "which is no height and not "
            f"declared as missing; if that is what it means, add --nodata {text}."
        )

    def _count(self, mark: float) -> tuple[int, bool]:
        """Count the samples that a nodata value would take; False where a large raster is not read
        to its end."""
        block = self.dataset.block_shapes[self._bands.heights[0] - 1][0]
        rows = max(_COUNTED_AT_ONCE // self.width, 1)
        if block * self.width <= 16 * _COUNTED_AT_ONCE:  # whole strips, unless one is the raster
            rows += -rows % block
        count = 0
        for row in range(0, self.height, rows):
            if count and row * self.width >= _MOST_COUNTED:
                return count, False
            values, valid = self._stored(row, 0, min(rows, self.height - row), self.width)
            count += int((valid & _equals(values, mark)).sum())
        return count, True


def _has_mask(dataset: Any, band: int) -> bool:
    """Return True where GDAL has a mask of its own for a band. Masks made of nodata or alpha values
    are `Samples`' own task:

    GDAL has one mask only, so that one would hide another, and truncates nodata values that the
    type cannot hold.
    """
    from rasterio.enums import MaskFlags

    return not {MaskFlags.all_valid, MaskFlags.nodata, MaskFlags.alpha} & set(
        dataset.mask_flag_enums[band - 1]
    )


def _nodata_of_all_bands(dataset: Any) -> list[float]:
    """Return one value per band: a sample that has all of them is missing (GDAL's NODATA_VALUES);
    empty without."""
    try:
        values = [float(word) for word in dataset.tags().get("NODATA_VALUES", "").split()]
    except ValueError:
        return []
    return values if len(values) == dataset.count else []


def _equals(values: np.ndarray, mark: float) -> np.ndarray:
    """Compare samples with a nodata value: floats up to their last digits, huge ones by size
    alone."""
    equal: np.ndarray
    kind = values.dtype
    if kind.kind != "f":
        if kind.itemsize == 8:  # a float cannot tell their last values apart
            equal = values.astype(np.float64) == mark
            return equal
        limits = np.iinfo(kind)
        if not (limits.min <= mark <= limits.max) or mark != math.floor(mark):
            return np.zeros(values.shape, bool)
        equal = values == kind.type(mark)
    elif abs(mark) >= _HUGE:
        equal = np.abs(values) >= _HUGE
    elif not abs(mark) <= np.finfo(kind).max:
        equal = ~np.isfinite(values)
    else:
        rounded = kind.type(mark)
        equal = np.abs(values - rounded) <= _ULPS * np.spacing(np.abs(rounded))
    return equal
