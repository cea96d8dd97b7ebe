"""A layer back to a GeoTIFF: the stored cells, or any other resolution of the continuous
surface."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neural.container.metadata import Layer
from neural.errors import UsageError
from neural.grid import Grid
from neural.progress import Report, no_report
from neural.raster import gdal, vertical
from neural.raster.geotiff_check import checksum, read_back
from neural.surface.tile_surface import SurfaceDecoder
from neural.system import arguments, output
from neural.system.blas import single_threaded
from neural.tiles import TILE

_LONGEST_SIDE = 2**31 - 1
"""Cells along a side of a GeoTIFF."""

NODATA = -9999.0
"""Value of missing cells where no height of the layer comes within `NODATA_APART_M` of it;
elsewhere NaN."""

NODATA_APART_M = 1000.0


@dataclass(frozen=True)
class Target:
    """Output raster: its north-western corner in finest cells of the grid, and its own size and
    cells."""

    column: float
    row: float
    width: int
    height: int
    step: tuple[float, float]  # output cell over finest cell, along x and y
    level: int  # pyramid level it is decoded from


def plan(
    grid: Grid, bbox: tuple[float, float, float, float] | None, resolution_m: float | None
) -> Target:
    """Return the output raster for a bounding box (west, south, east, north in the file's CRS) and
    a cell size in its meters.

    Without a resolution, the stored cells that the box touches. Raises UsageError for an empty box.
    """
    arguments.instance("grid", grid, Grid, "give that of the reader")
    bounds = grid.bounds
    if bbox is not None:
        bbox = _box(bbox)
    if resolution_m is not None:
        resolution_m = arguments.number("resolution_m", resolution_m)
    west, south, east, north = bbox or bounds
    west = max(west, bounds.west)
    east = min(east, bounds.east)
    south = max(south, bounds.south)
    north = min(north, bounds.north)
    if not (west < east and south < north):
        raise UsageError(
            f"--bbox {bbox} does not meet the area {tuple(round(b, 2) for b in bounds)}: "
            "give west south east north in the file's CRS."
        )
    if resolution_m is not None and not resolution_m > 0:
        raise UsageError(f"--resolution {resolution_m} must be a cell size in meters above 0.")
    (left, top) = grid.cell_of(west, north)
    (right, bottom) = grid.cell_of(east, south)
    if resolution_m is None:
        left = math.floor(left + 1e-6)
        top = math.floor(top + 1e-6)
        right = math.ceil(right - 1e-6)
        bottom = math.ceil(bottom - 1e-6)
        step = (1.0, 1.0)
    else:
        step = resolution_m / grid.transform[0], -resolution_m / grid.transform[4]
    spans = (right - left) / step[0], (bottom - top) / step[1]
    if min(spans) <= 0.5:
        raise UsageError(
            f"--resolution {resolution_m:g} is too coarse: no center of such a cell lies in the "
            "area."
        )
    # cells whose centers lie in the area
    size = [max(1, math.ceil(span - 0.5 - 1e-9)) for span in spans]
    if max(size) > _LONGEST_SIDE:
        raise UsageError(
            f"--resolution {resolution_m:g} would make {size[0]} × {size[1]} cells; no side may "
            "have more than "
            f"{_LONGEST_SIDE}: give a coarser one, or a --bbox."
        )
    coarser = max(0, math.floor(math.log2(min(step)) + 1e-9)) if min(step) > 1 else 0
    return Target(left, top, size[0], size[1], step, max(0, grid.levels - 1 - coarser))


def nodata_value(layer: Layer) -> float:
    """Return the value of missing cells in a raster of a layer: never one that a height may
    have."""
    low, high = layer.height_range
    # decoded heights overshoot the range, and bounds are of encoded ones
    apart = max(NODATA_APART_M, high - low)
    return NODATA if NODATA < low - apart or NODATA > high + apart else math.nan


def _box(bbox: Any) -> tuple[float, float, float, float]:
    sides = arguments.plain(bbox)
    remedy = "give west, south, east and north in the file's CRS"
    if not isinstance(sides, list | tuple) or len(sides) != 4:
        arguments.refuse("bbox", bbox, remedy)
    try:
        west, south, east, north = (arguments.number("bbox", side) for side in sides)
    except UsageError:
        arguments.refuse("bbox", bbox, remedy)
    return west, south, east, north


@single_threaded()
def decode(decoder: SurfaceDecoder, out: Path, target: Target, report: Report = no_report) -> None:
    """Decode a layer to a Cloud Optimized GeoTIFF, float32 meters.

    An existing file is replaced only when all is done and GDAL has read every block of the new one
    back.

    Parameters
    ----------
    decoder : SurfaceDecoder
        The layer, at the bit depth to decode.
    out : Path
        File to write.
    target : Target
        Size, place and cells of the raster: see `plan`.
    report : Report, optional
        Called with (blocks decoded and read back, twice all blocks).

    Raises
    ------
    NtileError
        If the file cannot be written.
    ContainerError
        For a damaged tile.

    Examples
    --------
    >>> from pathlib import Path
    >>> from assets import ROOT
    >>> from neural.container.reader import open_reader
    >>> with open_reader(ROOT / "samples" / "carrizo.ntile") as reader:
    ...     decoder = SurfaceDecoder(reader, reader.layer("lapped_siren"))
    ...     decode(decoder, Path("coarse.tif"), plan(reader.grid, None, resolution_m=50.0))
    >>> import rasterio
    >>> with rasterio.open("coarse.tif") as raster:
    ...     print(raster.shape)
    (36, 20)
    """
    import rasterio
    import rasterio.shutil
    from rasterio._err import CPLE_BaseError
    from rasterio.errors import RasterioError
    from rasterio.transform import Affine
    from rasterio.windows import Window

    out = Path(arguments.path("out", out))
    arguments.instance("decoder", decoder, SurfaceDecoder, "give a SurfaceDecoder")
    arguments.instance("target", target, Target, "give that of `plan`")
    arguments.function("report", report)
    grid = decoder.reader.grid
    a, _, c, _, e, f = grid.transform
    nodata = nodata_value(decoder.layer)
    transform = Affine(
        a * target.step[0], 0, c + a * target.column, 0, e * target.step[1], f + e * target.row
    )
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "count": 1,
        "dtype": "float32",
        "nodata": nodata,
        "width": target.width,
        "height": target.height,
        "transform": transform,
        "crs": vertical.of_geotiff(grid.crs_wkt),
        "tiled": True,
        "blockxsize": TILE,
        "blockysize": TILE,
        "BIGTIFF": "IF_SAFER",
    }
    decoder.keep_tiles = 2 + 2 * math.ceil(target.step[0] + target.step[1])
    blocks = -(-target.width // TILE) * -(-target.height // TILE)
    output.check_room(out, TILE * TILE * 4.0 * blocks)  # of the plain file
    windows = [
        Window(col, row, min(TILE, target.width - col), min(TILE, target.height - row))
        for row in range(0, target.height, TILE)
        for col in range(0, target.width, TILE)
    ]
    sums: list[int] = []
    advice = f"make room or {output.ADVICE}"
    trouble = RasterioError, CPLE_BaseError

    steps = 2 * len(windows)

    def check(part: Path) -> None:
        read_back(part, windows, sums, lambda done: report(len(windows) + done, steps))

    with (
        gdal.environment(64 << 20),
        output.whole(out, advice=advice, check=check, library=trouble) as part,
    ):
        plain = part.with_name(f"{part.name}.plain")
        with rasterio.open(gdal.name_for(plain), "w", **profile) as raster:
            raster.units = ("m",)
            for done, window in enumerate(windows, start=1):
                x = (
                    target.column
                    + (np.arange(window.width) + window.col_off + 0.5) * target.step[0]
                )
                y = target.row + (np.arange(window.height) + window.row_off + 0.5) * target.step[1]
                meters, valid = decoder.lattice(x, y, target.level)
                block = np.where(valid, meters, nodata).astype(np.float32)
                raster.write(block, 1, window=window)
                sums.append(checksum(block))
                report(done, steps)
        rasterio.shutil.copy(
            gdal.name_for(plain),
            gdal.name_for(part),
            driver="COG",
            compress="DEFLATE",
            predictor="YES",
            overview_resampling="average",
        )
