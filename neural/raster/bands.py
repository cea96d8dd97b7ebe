"""Choice of the height and transparency bands of a raster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from neural.errors import DemError, UsageError
from neural.raster import encodings

_WINDOW = 256
_PLACES = (0.5, 0.2, 0.8)


class Bands(NamedTuple):
    """Indexes of bands, from 1."""

    heights: tuple[int, ...]
    """The band of heights, or the red, green and blue one that they are packed into."""
    alpha: tuple[int, ...]
    encoding: str | None = None
    """Key of `encodings.ENCODINGS` where heights are packed."""


def choose(dataset: Any, encoding: str | None = None) -> Bands:
    """Return the bands to read. Raises DemError or UsageError for no or several candidates."""
    from rasterio.enums import ColorInterp

    if dataset.count == 0:
        raise DemError(_without_bands(dataset))
    kinds = list(dataset.colorinterp)
    alpha = tuple(i + 1 for i, kind in enumerate(kinds) if kind == ColorInterp.alpha)
    if len(alpha) == dataset.count:
        alpha = ()
    bands = [i + 1 for i in range(dataset.count) if i + 1 not in alpha]
    bytes_only = all(dataset.dtypes[i - 1] == "uint8" for i in bands)
    if encoding is not None:
        if len(bands) != 3 or not bytes_only:
            raise UsageError(
                f"--encoding {encoding} is for three 8-bit bands, red, green and blue; "
                f"it has {len(bands)} of {dataset.dtypes[bands[0] - 1]}, so leave the option out."
            )
        return Bands(_red_green_blue(dataset, bands), alpha, encoding)
    # a BAG's second band is the uncertainty of the first
    if len(bands) > 1 and dataset.driver != "BAG":
        colored = {ColorInterp.red, ColorInterp.green, ColorInterp.blue} <= set(kinds)
        if (
            len(bands) == 3
            and bytes_only
            and (name := encodings.recognize(_windows(dataset, bands, alpha)))
        ):
            raise UsageError(
                f"its colors are heights, packed as {encodings.ENCODINGS[name].title}; add "
                f"--encoding {name}."
            )
        if colored or (bytes_only and len(bands) in (3, 4)):
            raise DemError(
                "it is a color picture, not elevations; give the DEM itself, or say with "
                "--encoding mapbox or "
                "--encoding terrarium how heights are packed into its colors."
            )
        raise DemError(
            f"it has {len(bands)} bands where a DEM has one; extract the one of the heights, "
            "number N, with "
            "`rio stack --bidx N IN -o dem.tif` or `gdal_translate -b N IN dem.tif`."
        )
    if kinds[bands[0] - 1] == ColorInterp.palette:
        raise DemError("it is a picture with a color table, not elevations; give the DEM itself.")
    kind = dataset.dtypes[bands[0] - 1]
    if kind.startswith("complex"):
        raise DemError(
            f"its samples are complex numbers ({kind}), not heights; convert them to a real "
            "type first."
        )
    return Bands((bands[0],), alpha)


def _without_bands(dataset: Any) -> str:
    inner = dataset.subdatasets
    if not inner:
        return "it has no band, so it holds no heights; give another raster."
    more = f" (one of {len(inner)})" if len(inner) > 1 else ""
    return (
        "it has no band of its own but rasters inside; name the one of the heights, such as "
        f"'{inner[0]}'{more}."
    )


def _red_green_blue(dataset: Any, bands: list[int]) -> tuple[int, ...]:
    """Return the bands by their colors where all three say them, else as they come."""
    from rasterio.enums import ColorInterp

    order = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
    kinds = [dataset.colorinterp[band - 1] for band in bands]
    return (
        tuple(bands[kinds.index(kind)] for kind in order)
        if set(order) <= set(kinds)
        else tuple(bands)
    )


def _windows(
    dataset: Any, bands: list[int], alpha: tuple[int, ...]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield samples of a few places as they are stored, [3, rows, cols], and where they are not
    transparent."""
    from rasterio.windows import Window

    rows = min(_WINDOW, dataset.height)
    cols = min(_WINDOW, dataset.width)
    places = {
        (int(y * (dataset.height - rows)), int(x * (dataset.width - cols)))
        for y in _PLACES
        for x in _PLACES
    }
    for row, col in sorted(places):
        window = Window(col, row, cols, rows)
        colors = dataset.read(list(_red_green_blue(dataset, bands)), window=window)
        valid = (
            (dataset.read(list(alpha), window=window) > 0).all(axis=0)
            if alpha
            else np.ones((rows, cols), bool)
        )
        yield colors, valid
