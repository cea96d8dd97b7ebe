"""Georeferencing of a raster file, resolved into the metric grid that it is read on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neural.errors import DemError, UsageError
from neural.grid import Bounds, Grid, bounds_of
from neural.raster import crs as crs_rules
from neural.raster import placement, vertical, warp
from neural.raster.bands import Bands, choose
from neural.raster.reading import AS_STORED, Declared, Reading, ReadOptions

if TYPE_CHECKING:
    from rasterio.crs import CRS


@dataclass(frozen=True)
class Georef:
    """Georeferencing of `bands` on `grid`; heights in meters are sample · scale_m + offset_m."""

    grid: Grid
    bands: Bands
    scale_m: float
    offset_m: float
    plan: warp.WarpPlan | None  # None: the raster's own cells, up to the flips
    reading: Reading
    outline: Bounds  # of the raster in the grid's CRS, meters
    flip_rows: bool = False  # row 0 of the file is the southern one
    flip_columns: bool = False


def resolve(dataset: Any, options: ReadOptions = AS_STORED, onto: Grid | None = None) -> Georef:
    """Apply the rules of bands, CRS and unit to an open dataset.

    `options.crs` is the metric CRS to read it in, or "local", or the CRS of a file that names none.
    With `onto`, the grid of a file that the raster is compared with, the CRS is taken whatever its
    scale, and a raster that is resampled anyway, and has cells about as large, gets that grid's
    cells. Raises DemError or UsageError, without the file's name.
    """
    bands = choose(dataset, options.encoding)
    notes: list[str] = []
    placement.check_placed(dataset)
    placed_in = placement.place(dataset, options, onto, notes)
    source = placed_in.source
    target = placed_in.target
    heights = placed_in.heights
    unit = _unit(dataset, bands, placed_in.coordinates, options.unit, notes)
    meters = crs_rules.UNITS[unit]
    scale, offset = _scaling(dataset, bands)
    transform = dataset.transform[:6]
    if dataset.transform.is_identity:
        notes.append(
            "The file is not georeferenced: cells are taken as 1 m squares, the first row as "
            "the northern."
        )
        transform = (1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
    width = dataset.width
    height = dataset.height
    kept = source is None or (crs_rules.is_metric(source) and source == target)
    plan = None
    if kept and warp.is_north_up(transform, width, height):
        a, _, c, _, e, f = transform
        flip_columns = a < 0
        flip_rows = e > 0
        placed = (abs(a), 0.0, c + min(a * width, 0), 0.0, -abs(e), f + max(e * height, 0))
        outline = bounds_of(placed, width, height)
    else:
        flip_columns = flip_rows = False
        stand_in = None if source is not None else crs_rules.parse_crs(warp.STAND_IN)
        plan = warp.plan(source or stand_in, target or stand_in, transform, width, height)
        outline = plan.bounds
        if onto is not None:
            plan = warp.onto(plan, onto)
        placed = plan.transform
        width = plan.width
        height = plan.height
    grid = Grid(
        vertical.describe(target, heights) if target is not None and heights is not None else "",
        placed,
        width,
        height,
        vertical_datum=None if heights is None else vertical.vertical_part(heights)[0],
        assumptions=tuple(notes),
        ground_scale=placed_in.ground_scale,
    )
    coordinates = None if source is None else placed_in.coordinates
    used = ReadOptions(
        grid.crs_wkt or crs_rules.LOCAL,
        None if coordinates is None else vertical.to_wkt(coordinates),
        unit,
        options.nodata,
        options.encoding,
    )
    reading = Reading(used, declared(dataset, bands.heights[0]))
    return Georef(
        grid,
        bands,
        scale * meters,
        offset * meters,
        plan,
        reading,
        outline,
        flip_rows,
        flip_columns,
    )


def declared(dataset: Any, band: int = 1) -> Declared:
    """Return an open dataset's declarations of the samples of a band."""
    crs = placement.own_crs(dataset)
    crs_wkt = None if crs is None else vertical.to_wkt(crs)
    if not dataset.count:
        return Declared(crs_wkt, bands=0)
    words = dataset.units[band - 1], None if crs is None else vertical.vertical_part(crs)[1]
    unit = None
    for word in words:
        try:
            unit = unit or crs_rules.unit_of(word)
        except ValueError:
            unit = unit or word
    return Declared(crs_wkt, unit, dataset.nodatavals[band - 1], dataset.count)


def _scaling(dataset: Any, bands: Bands) -> tuple[float, float]:
    """Return the scale and offset from stored samples to the band's unit."""
    if bands.encoding is not None:
        return 1.0, 0.0
    band = bands.heights[0]
    scale = float(dataset.scales[band - 1])
    offset = float(dataset.offsets[band - 1])
    if scale == 0 or not math.isfinite(scale) or not math.isfinite(offset):
        raise DemError(
            f"its band has scale {scale} and offset {offset}; set them with gdal_edit.py -scale "
            "-offset."
        )
    return scale, offset


def _unit(dataset: Any, bands: Bands, crs: CRS | None, option: str | None, notes: list[str]) -> str:
    """Return the unit of the heights, one of `neural.raster.crs.UNITS`."""
    if bands.encoding is not None:
        if option not in (None, "m"):
            raise UsageError(
                f"--unit {option} is not for --encoding {bands.encoding}, whose heights are meters."
            )
        return "m"
    of_crs = None if crs is None else vertical.vertical_part(crs)[1]
    if option is not None:
        try:
            option_unit = crs_rules.unit_of(option)
        except ValueError:
            option_unit = None
        if option_unit is None:
            raise UsageError(
                f"--unit {option!r} is no unit of height; it may be {', '.join(crs_rules.UNITS)}."
            )
        notes.append(f"Heights are read in {option_unit}, as given.")
        return option_unit
    for word in (dataset.units[bands.heights[0] - 1], of_crs):
        try:
            word_unit = crs_rules.unit_of(word)
        except ValueError as error:
            raise UsageError(
                f"its heights are in {word!r}, which is not known here; say --unit "
                f"{', '.join(crs_rules.UNITS)} "
                "or convert them first."
            ) from error
        if word_unit is not None:
            return word_unit
    if crs is not None and crs_rules.in_feet(crs):
        raise UsageError(
            f"its CRS {crs_rules.label(crs)} is in feet and it does not say what its heights "
            "are in; "
            "add --unit m, --unit ft or --unit us-ft."
        )
    notes.append("The file names no vertical unit: heights are taken as meters.")
    return "m"
