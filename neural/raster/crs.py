"""Choice of the metric CRS that a raster is read in, and of its height unit.

`crs` arguments are `rasterio.crs.CRS`; rasterio is imported inside the functions because it is slow
to load.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

from neural.errors import UsageError
from neural.raster import wkt
from neural.raster.vertical import horizontal, to_wkt

if TYPE_CHECKING:
    from rasterio.crs import CRS

LOCAL = "local"
"""Value of `--crs` for rasters without a CRS: keep the grid, its coordinates are meters."""

UNITS = {"m": 1.0, "ft": 0.3048, "us-ft": 1200 / 3937}
"""Meters per vertical unit that `--unit` accepts."""

_UNIT_WORDS = {
    "m": {"m", "metre", "meter", "metres", "meters"},
    "ft": {"ft", "foot", "feet", "international foot", "foot (international)", "ift"},
    "us-ft": {
        "us-ft",
        "us_ft",
        "ft us",
        "ftus",
        "us foot",
        "us feet",
        "us survey foot",
        "us survey feet",
    }
    | {"foot_us", "foot us", "survey foot", "u.s. survey foot", "usft", "us ft"},
}
_NO_UNIT = {"", "none", "unknown", "unspecified", "undefined"}

_EARTH_RADIUS_M = 6.37e6
_ZONE_REACH = 5.9
"""Degrees from the central meridian (of arc, on the ground) up to which UTM's meters are true to
0.5 %."""


def parse_crs(text: str, option: str = "--crs") -> CRS:
    """Parse a CRS given as `option` (EPSG code, WKT, PROJ string). Raises UsageError."""
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    try:
        return CRS.from_user_input(int(text) if text.isdigit() else text)
    except (CRSError, ValueError) as error:
        raise UsageError(
            f"{option} {text!r} is no coordinate reference system; give an EPSG code such as "
            "EPSG:32611, "
            f"WKT, or the word {LOCAL}."
        ) from error


def same_crs(one: str, other: str) -> bool:
    """Return True if two WKTs ("": local meters) place eastings and northings alike, whatever their
    heights are above."""
    if one == other or not (one and other):
        return one == other
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    try:
        return bool(horizontal(CRS.from_wkt(one)) == horizontal(CRS.from_wkt(other)))
    except CRSError:
        return False


def is_metric(crs: CRS) -> bool:
    """Return True if the CRS is projected with meters on both axes."""
    return crs.is_projected and math.isclose(crs.linear_units_factor[1], 1.0, rel_tol=1e-9)


def points_east_north(crs: CRS) -> bool:
    """Return True unless an axis of a projected CRS points west or south (Lo grids, Krovak); polar
    axes follow meridians."""
    axes = re.findall(r'AXIS\["[^"]*",(\w+)(,MERIDIAN)?', to_wkt(crs))
    return not any(direction in ("west", "south") and not meridian for direction, meridian in axes)


def in_feet(crs: CRS) -> bool:
    """Return True if the CRS is projected with some kind of foot."""
    return crs.is_projected and math.isclose(crs.linear_units_factor[1], 0.3048, rel_tol=1e-4)


def label(crs: CRS) -> str:
    """Return the short text for messages: the authority code, the CRS's own name or that of its
    projection."""
    code = crs.to_string()
    if len(code) < 24:
        return str(code)
    root = wkt.parse(to_wkt(crs))
    if root.name.lower() not in ("", "unknown", "unnamed"):
        return root.name
    method = root.find("METHOD")
    return f"({method.name})" if method else code[:60]


def unit_of(word: str | None) -> str | None:
    """Return one of `UNITS` for a unit's name as files spell it; None when it says nothing. Raises
    ValueError."""
    spelled = (word or "").strip().lower()
    if spelled in _NO_UNIT:
        return None
    for unit, words in _UNIT_WORDS.items():
        if spelled in words:
            return unit
    raise ValueError(f"unknown unit {word!r}")


def transform(
    source: CRS, target: CRS, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return points [n] of one CRS in another; NaN for those that either of the two cannot
    place."""
    from rasterio._err import CPLE_BaseError
    from rasterio.errors import RasterioError
    from rasterio.warp import transform as transform_points

    if source == target or not len(x):
        return x, y
    try:
        moved = np.array(transform_points(source, target, x, y), float)
    except (CPLE_BaseError, RasterioError):  # GDAL gives up at the first point that fails
        if len(x) == 1:
            return np.full(1, np.nan), np.full(1, np.nan)
        half = len(x) // 2
        parts = [
            transform(source, target, x[part], y[part]) for part in (slice(half), slice(half, None))
        ]
        moved = np.concatenate(parts, axis=1)
    moved[:, ~np.isfinite(moved).all(axis=0)] = np.nan
    return moved[0], moved[1]


def geographic(crs: CRS, meridian: float = 0) -> CRS:
    """Return longitude and latitude in degrees on the datum of `crs`, whatever the body; longitude
    0 is at `meridian`."""
    from rasterio.crs import CRS

    zero = f',PRIMEM["from {meridian:g}",{meridian},{_DEGREE}]' if meridian else ""
    return CRS.from_wkt(f"GEOGCRS[{_datum_text(crs)}{zero},{_LON_LAT}]")


def metric_crs(crs: CRS, west: float, south: float, east: float, north: float) -> CRS:
    """Return the metric CRS for a raster whose outline in `geographic(crs)` is given in degrees.

    On Earth the UTM zone of the center, or polar stereographic (UPS) beyond 84° N and 80° S; on
    other bodies, and for areas too wide for a zone, a stereographic projection centered on the
    area, its scale balanced over it. No datum changes. Raises UsageError for areas that no local
    projection can serve.
    """
    longitude = (west + east) / 2
    latitude = (south + north) / 2
    reach = (east - west) / 2 * math.cos(math.radians(latitude))
    if max(reach, (north - south) / 2) > 45:
        raise UsageError(
            f"it spans {east - west:.0f}° × {north - south:.0f}°, too much for CRS meters to be "
            "meters on the ground; "
            "cut it into parts."
        )
    longitude = (longitude + 180) % 360 - 180
    zone = int((longitude + 180) // 6) % 60 + 1
    nearest_equator = 0.0 if south < 0 < north else min(abs(south), abs(north))
    off_meridian = abs(longitude - (6 * zone - 183)) + (east - west) / 2
    fits_zone = off_meridian * math.cos(math.radians(nearest_equator)) <= _ZONE_REACH
    datum = _datum_node(crs)
    if not _on_earth(datum) or (not fits_zone and -80 <= latitude <= 84):
        center = round(latitude, 2), round(longitude, 2)
        scale = _balanced_scale(math.radians(reach), math.radians((north - south) / 2))
        return _projected(
            crs, "local stereographic", "Oblique Stereographic", 9809, *center, scale, 0, 0
        )
    if latitude > 84 or latitude < -80:
        pole = math.copysign(90, latitude)
        name = "UPS North" if pole > 0 else "UPS South"
        method = "Polar Stereographic (variant A)"
        return _projected(crs, name, method, 9810, pole, 0, 0.994, 2_000_000, 2_000_000)
    name = f"UTM zone {zone}{'S' if latitude < 0 else 'N'}"
    northing = 10_000_000 if latitude < 0 else 0
    return _projected(
        crs, name, "Transverse Mercator", 9807, 0, 6 * zone - 183, 0.9996, 500_000, northing
    )


def _balanced_scale(half_width: float, half_height: float) -> float:
    """Return the scale at the center of a stereographic projection that is as much too small there
    as too large at the corners.

    Radians of arc. 1 for areas over which it hardly changes.
    """
    growth = 2 / (1 + math.cos(half_width) * math.cos(half_height))
    return 1.0 if growth < 1.001 else round(growth**-0.5, 6)


_DEGREE = 'ANGLEUNIT["degree",0.0174532925199433]'
_LON_LAT = (
    f'CS[ellipsoidal,2],AXIS["latitude",north,ORDER[1],{_DEGREE}],'
    f'AXIS["longitude",east,ORDER[2],{_DEGREE}]'
)
_EAST_NORTH = (
    'CS[Cartesian,2],AXIS["easting",east,ORDER[1]],AXIS["northing",north,ORDER[2]],'
    'LENGTHUNIT["metre",1]'
)


def _datum_node(crs: CRS) -> wkt.Node:
    """Return the (base) geographic CRS that holds the datum."""
    for node in wkt.parse(to_wkt(crs)).walk():
        if (
            any(part.keyword in ("DATUM", "ENSEMBLE") for part in node.nodes)
            and "GEO" in node.keyword
        ):
            return node
    raise UsageError(
        f"its CRS {label(crs)} names no datum; give a projected CRS in meters with --crs."
    )


def _datum_text(crs: CRS) -> str:
    node = _datum_node(crs)
    # Without its PRIMEM, longitudes count from the body's own zero meridian: Greenwich, not Paris.
    kept = [str(part) for part in node.nodes if part.keyword in ("DYNAMIC", "DATUM", "ENSEMBLE")]
    return ",".join([f'"{node.name}"', *kept])


def _on_earth(datum: wkt.Node) -> bool:
    ellipsoid = datum.find("ELLIPSOID")
    return ellipsoid is None or math.isclose(
        float(str(ellipsoid.values[1])), _EARTH_RADIUS_M, rel_tol=0.01
    )


def _projected(
    crs: CRS, name: str, method: str, code: int, latitude: float, longitude: float, scale: float,
    easting: float, northing: float,
) -> CRS:  # fmt: skip
    """Return a projection on the datum of `crs`; the methods used here share their five
    parameters."""
    from rasterio.crs import CRS

    parameters = (
        f'PARAMETER["Latitude of natural origin",{latitude},{_DEGREE}],'
        f'PARAMETER["Longitude of natural origin",{longitude},{_DEGREE}],'
        f'PARAMETER["Scale factor at natural origin",{scale},SCALEUNIT["unity",1]],'
        f'PARAMETER["False easting",{easting},LENGTHUNIT["metre",1]],'
        f'PARAMETER["False northing",{northing},LENGTHUNIT["metre",1]]'
    )
    conversion = f'CONVERSION["{name}",METHOD["{method}",ID["EPSG",{code}]],{parameters}]'
    base = f"BASEGEOGCRS[{_datum_text(crs)}]"
    built = CRS.from_wkt(
        f'PROJCRS["{_datum_node(crs).name} / {name}",{base},{conversion},{_EAST_NORTH}]'
    )
    epsg = built.to_epsg()
    return CRS.from_epsg(epsg) if epsg else built
