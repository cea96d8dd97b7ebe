"""Choice of a raster's source and target CRS, and the ground scale of the latter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neural.errors import UsageError
from neural.grid import Grid
from neural.raster import crs as crs_rules
from neural.raster import distortion, vertical, warp
from neural.raster.distortion import GroundScale
from neural.raster.reading import ReadOptions
from neural.raster.vertical import horizontal

if TYPE_CHECKING:
    from rasterio.crs import CRS


_MOST_GROWTH = 4
"""Cells of a reprojected raster over its own: above, a metric raster keeps its grid."""


@dataclass(frozen=True)
class Placement:
    """CRSs of a raster. `source` and `target` are horizontal, and both None for local meters."""

    coordinates: CRS | None
    """CRS of the raster as its file or --src-crs names it; None where neither does."""
    source: CRS | None = None
    target: CRS | None = None
    heights: CRS | None = None
    """CRS whose vertical part is the datum of the heights."""
    ground_scale: float = 1.0
    """Ground meters per meter of `target`."""


def place(dataset: Any, options: ReadOptions, onto: Grid | None, notes: list[str]) -> Placement:
    """Choose the CRSs of an open dataset; assumptions are appended to `notes`.

    With `onto`, the grid of a file that the raster is compared with, its CRS is taken whatever its
    scale. Raises UsageError, without the file's name, where an option is needed or wrong.
    """
    file_crs = own_crs(dataset)
    if options.crs is not None and options.crs.strip().lower() == crs_rules.LOCAL:
        if options.src_crs is not None:
            raise UsageError(
                "--crs local takes its coordinates as local meters; leave --src-crs away."
            )
        if file_crs is None:
            notes.append("The file names no CRS: its coordinates are taken as local meters.")
        else:
            notes.append(
                f"The CRS {crs_rules.label(file_crs)} is set aside: coordinates are taken as local "
                "meters."
            )
        return Placement(file_crs, heights=file_crs)
    source, target_crs = _coordinate_systems(file_crs, options, notes)
    if not (source.is_projected or source.is_geographic):
        raise UsageError(
            f"its CRS {crs_rules.label(source)} is neither geographic nor projected; reproject "
            "it with gdalwarp first."
        )
    if dataset.transform.is_identity:
        raise UsageError("it has no geotransform; --crs local reads its cells as 1 m squares.")
    heights = source if target_crs is None else _heights(source, target_crs, onto, notes)
    plane = horizontal(source)
    raster = dataset.transform, dataset.width, dataset.height
    if target_crs is not None:
        target = horizontal(target_crs)
        if not crs_rules.is_metric(target):
            raise UsageError(
                f"--crs {options.crs} is not a projected CRS in meters; give one that is, such "
                "as a UTM zone."
            )
        if not crs_rules.points_east_north(target):
            raise UsageError(
                f"the axes of --crs {options.crs} do not point east and north; give a CRS whose "
                "axes do."
            )
        target = plane if target == plane else target
        if onto is not None:
            return Placement(source, plane, target, heights, onto.ground_scale)
        return Placement(source, plane, target, heights, _corrected(plane, target, raster, notes))
    turned = crs_rules.is_metric(plane) and not crs_rules.points_east_north(plane)
    if crs_rules.is_metric(plane) and not turned:
        scale = _scale(plane, plane, raster)
        if scale is None or scale.is_one or scale.is_uniform:
            return Placement(source, plane, plane, heights, _noted(scale, plane, notes))
    try:
        target = crs_rules.metric_crs(plane, *warp.outline_degrees(plane, *raster))
    except UsageError as error:
        if not crs_rules.is_metric(plane):
            raise
        raise UsageError(
            f"{str(error)[:-1]}, or take its coordinates as local meters with --crs local."
        ) from error
    if turned:
        notes.append(
            f"The axes of its CRS {crs_rules.label(plane)} do not point east and north, so it "
            "is reprojected."
        )
    elif crs_rules.is_metric(plane):
        if not _fits(plane, target, raster):
            return Placement(source, plane, plane, heights, _noted(scale, plane, notes))
        notes.append(
            f"A meter of its CRS {crs_rules.label(plane)} is {scale} m on the ground, so it is "
            "reprojected."
        )
    scale = _scale(plane, target, raster)
    return Placement(source, plane, target, heights, _noted(scale, target, notes))


def own_crs(dataset: Any) -> CRS | None:
    """Return the file's CRS; engineering CRSs, which place nothing, count as none."""
    crs = dataset.crs
    return crs if crs and "ENGCRS" not in vertical.to_wkt(crs)[:10] else None


def check_placed(dataset: Any) -> None:
    """Raise UsageError for a raster that points or a model place on the ground, not a
    geotransform."""
    if not dataset.transform.is_identity:
        return
    means = (
        ("ground control points", bool(dataset.gcps[0])),
        ("a geolocation array", bool(dataset.tags(ns="GEOLOCATION"))),
        ("rational polynomial coefficients (RPC)", dataset.rpcs is not None),
    )
    for name, used in means:
        if used:
            raise UsageError(f"it is placed by {name}; rectify it with gdalwarp first.")


def _coordinate_systems(
    file_crs: CRS | None, options: ReadOptions, notes: list[str]
) -> tuple[CRS, CRS | None]:
    """Return the CRS of the coordinates and the target CRS given, if any."""
    target_crs = None if options.crs is None else crs_rules.parse_crs(options.crs)
    if options.src_crs is not None:
        if options.src_crs.strip().lower() == crs_rules.LOCAL:
            raise UsageError("--src-crs local is said with --crs local.")
        source = crs_rules.parse_crs(options.src_crs, "--src-crs")
        if source != file_crs:
            instead = (
                ""
                if file_crs is None
                else f", not as {crs_rules.label(file_crs)}, which the file names"
            )
            notes.append(
                f"Its coordinates are taken as {crs_rules.label(source)}, as given{instead}."
            )
        return source, target_crs
    if file_crs is not None:
        return file_crs, target_crs
    if target_crs is None:
        raise UsageError(
            "it names no CRS; say which with --crs (an EPSG code such as EPSG:32611), "
            "or --crs local if its coordinates are meters."
        )
    notes.append(
        f"The file names no CRS: its coordinates are taken as {crs_rules.label(target_crs)}."
    )
    return target_crs, None


def _heights(source: CRS, target_crs: CRS, onto: Grid | None, notes: list[str]) -> CRS:
    """Return the CRS whose vertical part applies: heights are never moved between vertical
    datums."""
    source_datum = vertical.vertical_part(source)[0]
    target_datum = vertical.vertical_part(target_crs)[0]
    if target_datum is None or target_datum == source_datum:
        return source
    if source_datum is None:
        if onto is None:
            notes.append(
                "The file does not say what its heights are measured from: "
                f"{target_datum} is taken, as given."
            )
        return target_crs
    if onto is None:
        raise UsageError(
            f"its heights are {source_datum}, those of --crs {crs_rules.label(target_crs)} are "
            f"{target_datum}; give a --crs without heights, or transform them with gdalwarp first."
        )
    return source


def _fits(source: CRS, target: CRS, raster: tuple[Any, int, int]) -> bool:
    """Return True where a raster keeps about its number of cells when it is reprojected: a narrow
    strip may not."""
    transform, width, height = raster
    try:
        plan = warp.plan(source, target, transform, width, height)
    except UsageError:
        return False
    return plan.width * plan.height <= _MOST_GROWTH * width * height


def _scale(source: CRS, target: CRS, raster: tuple[Any, int, int]) -> GroundScale | None:
    """Return the ground scale of `target` over a raster (affine coefficients, width, height) placed
    in `source`."""
    transform, width, height = raster
    columns, rows = distortion.lattice(width, height)
    x, y = distortion.place(transform, columns.ravel(), rows.ravel())
    return distortion.ground_scale(target, *crs_rules.transform(source, target, x, y))


def _corrected(source: CRS, target: CRS, raster: tuple[Any, int, int], notes: list[str]) -> float:
    """Return the ground scale of a CRS that was asked for; UsageError where no one scale makes its
    meters ground meters."""
    scale = _scale(source, target, raster)
    if scale is None and source != target:
        raise warp.misfit(source, target)
    if scale is not None and not (scale.is_one or scale.is_uniform):
        raise UsageError(
            f"a meter of --crs {crs_rules.label(target)} is {scale} m on the ground of this "
            "area, so slopes and "
            "lengths would be wrong; leave --crs away, or give a CRS made for the area such as "
            "a UTM zone."
        )
    return _noted(scale, target, notes)


def _noted(scale: GroundScale | None, target: CRS, notes: list[str]) -> float:
    """Return the one number that is kept of a ground scale, with a note where it is not 1."""
    name = crs_rules.label(target)
    if scale is None:
        notes.append(
            f"Its coordinates lie outside {name}: its meters are taken as meters on the ground."
        )
        return 1.0
    if scale.is_one:
        return 1.0
    if scale.is_uniform:
        notes.append(
            f"A meter of {name} is {scale} m on the ground: slopes, lengths and areas are those "
            "on the ground, "
            f"taken as {scale.middle:.5g} m."
        )
        return scale.middle
    notes.append(
        f"The area is so wide that a meter of {name} is {scale} m on the ground: slopes and "
        "lengths are off by as much."
    )
    return 1.0
