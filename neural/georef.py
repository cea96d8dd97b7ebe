"""What a raster file says of itself, resolved into the metric grid it is read as (the rules of design §4)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neural import crs as crs_rules
from neural import warp
from neural.errors import DemError, UsageError
from neural.grid import Grid

if TYPE_CHECKING:
    from rasterio.crs import CRS


@dataclass(frozen=True)
class Georef:
    """How samples of `band` become heights on `grid`: metres = sample · scale_m + offset_m."""

    grid: Grid
    band: int
    scale_m: float
    offset_m: float
    plan: warp.WarpPlan | None  # None: the raster's own cells, up to the flips
    flip_rows: bool = False  # row 0 of the file is the southern one
    flip_columns: bool = False


def height_band(dataset: Any) -> int:
    """Index of the band that holds heights. Raises DemError when there is none, or more than one may be meant."""
    from rasterio.enums import ColorInterp

    if dataset.count == 0:
        inner = f" but {len(dataset.subdatasets)} rasters inside" if dataset.subdatasets else ""
        raise DemError(
            f"it has no band of its own{inner}; extract one with "
            f"`gdal_translate {dataset.subdatasets[0] if inner else 'IN'} dem.tif`."
        )
    bands = [i + 1 for i, kind in enumerate(dataset.colorinterp) if kind != ColorInterp.alpha]
    if len(bands) > 1 and dataset.driver != "BAG":  # a BAG's second band is the uncertainty of the first
        raise DemError(
            f"it has {len(bands)} bands where a DEM has one; extract it with "
            "`rio stack --bidx 1 IN -o dem.tif` or `gdal_translate -b 1 IN dem.tif`."
        )
    band = (bands or [1])[0]
    kind = dataset.dtypes[band - 1]
    if kind.startswith("complex"):
        raise DemError(f"its samples are complex numbers ({kind}), not heights; convert them to a real type first.")
    return band


def resolve(dataset: Any, crs: str | None, unit: str | None) -> Georef:
    """Apply the CRS and unit rules to an open dataset.

    `crs` is the CRS of a file that names none, or else the metric one to reproject to, or "local"; `unit` is
    that of the heights, one of `neural.crs.UNITS`. Raises DemError or UsageError, without the file's name.
    """
    band = height_band(dataset)
    notes: list[str] = []
    source, target = _choose_crs(dataset, crs, notes)
    own = _own_crs(dataset)
    metres, datum = _unit(dataset, band, source if source is not None else own, unit, notes)
    scale, offset = float(dataset.scales[band - 1]), float(dataset.offsets[band - 1])
    if scale == 0 or not math.isfinite(scale) or not math.isfinite(offset):
        raise DemError(f"its band has scale {scale} and offset {offset}; set them with gdal_edit.py -scale -offset.")
    transform = dataset.transform[:6]
    if dataset.transform.is_identity:
        if dataset.gcps[0]:
            raise UsageError("it is placed by ground control points; rectify it with gdalwarp first.")
        if source is not None:
            raise UsageError("it has no geotransform; --crs local reads its cells as 1 m squares.")
        notes.append("The file is not georeferenced: cells are taken as 1 m squares, the first row as the northern.")
        transform = (1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
    width, height = dataset.width, dataset.height
    kept = source is None or (crs_rules.is_metric(source) and source == target)
    plan = None
    if kept and warp.is_north_up(transform, width, height):
        a, _, c, _, e, f = transform
        flip_columns, flip_rows = a < 0, e > 0
        placed = (abs(a), 0.0, c + min(a * width, 0), 0.0, -abs(e), f + max(e * height, 0))
    else:
        flip_columns = flip_rows = False
        stand_in = None if source is not None else crs_rules.parse_crs(warp.STAND_IN)
        plan = warp.plan(source or stand_in, target or stand_in, transform, width, height)
        placed, width, height = plan.transform, plan.width, plan.height
        extreme = undeclared_extreme(dataset, band)
        if extreme is not None:
            notes.append(f"The file declares no nodata value: {extreme:g} is taken as missing.")
    grid = Grid(
        crs_rules.describe(target, source, metres) if target is not None else "",
        placed,
        width,
        height,
        vertical_datum=datum,
        assumptions=tuple(notes),
    )
    return Georef(grid, band, scale * metres, offset * metres, plan, flip_rows, flip_columns)


def undeclared_extreme(dataset: Any, band: int) -> float | None:
    """The value that an integer raster without a nodata value most likely means as missing, or None."""
    import numpy as np

    kind = np.dtype(dataset.dtypes[band - 1])
    if kind.kind not in "iu" or kind.itemsize < 2 or dataset.nodatavals[band - 1] is not None:
        return None
    return float(np.iinfo(kind).min if kind.kind == "i" else np.iinfo(kind).max)


def _own_crs(dataset: Any) -> CRS | None:
    """The file's CRS; engineering CRSs, which place nothing, count as none."""
    crs = dataset.crs
    return crs if crs and "ENGCRS" not in crs_rules.to_wkt(crs)[:10] else None


def _choose_crs(dataset: Any, option: str | None, notes: list[str]) -> tuple[CRS | None, CRS | None]:
    """Source CRS and the metric one to read it in; both None for local metres."""
    own = _own_crs(dataset)
    if option is not None and option.strip().lower() == crs_rules.LOCAL:
        if own is None:
            notes.append("The file names no CRS: its coordinates are taken as local metres.")
        else:
            notes.append(f"The CRS {crs_rules.label(own)} is set aside: coordinates are taken as local metres.")
        return None, None
    given = crs_rules.parse_crs(option) if option is not None else None
    if own is None:
        if given is None:
            raise UsageError(
                "it names no CRS; say which with --crs (an EPSG code such as EPSG:32611), "
                "or --crs local if its coordinates are metres."
            )
        notes.append(f"The file names no CRS: its coordinates are taken as {crs_rules.label(given)}.")
        own, given = given, None
    if not (own.is_projected or own.is_geographic):
        raise UsageError(
            f"its CRS {crs_rules.label(own)} is neither geographic nor projected; reproject it with gdalwarp first."
        )
    if given is not None and not crs_rules.is_metric(given):
        raise UsageError(f"--crs {option} is not a projected CRS in metres; give one that is, such as a UTM zone.")
    if given is None and crs_rules.is_metric(own):
        return own, own
    if given is None:
        given = crs_rules.metric_crs(own, *warp.outline_degrees(own, dataset.transform, dataset.width, dataset.height))
    return own, own if given == own else given


def _unit(dataset: Any, band: int, crs: CRS | None, option: str | None, notes: list[str]) -> tuple[float, str | None]:
    """Metres per unit of height, and the name of the vertical datum."""
    datum, of_crs = crs_rules.vertical_part(crs) if crs is not None else (None, None)
    if option is not None:
        try:
            given = crs_rules.unit_of(option)
        except ValueError:
            given = None
        if given is None:
            raise UsageError(f"--unit {option!r} is no unit of height; it may be {', '.join(crs_rules.UNITS)}.")
        notes.append(f"Heights are read in {given}, as given.")
        return crs_rules.UNITS[given], datum
    for word in (dataset.units[band - 1], of_crs):
        try:
            found = crs_rules.unit_of(word)
        except ValueError as error:
            raise UsageError(
                f"its heights are in {word!r}, which is not known here; say --unit {', '.join(crs_rules.UNITS)} "
                "or convert them first."
            ) from error
        if found is not None:
            return crs_rules.UNITS[found], datum
    if crs is not None and crs_rules.in_feet(crs):
        raise UsageError(
            f"its CRS {crs_rules.label(crs)} is in feet and it does not say what its heights are in; "
            "add --unit m, --unit ft or --unit us-ft."
        )
    notes.append("The file names no vertical unit: heights are taken as metres.")
    return 1.0, datum
