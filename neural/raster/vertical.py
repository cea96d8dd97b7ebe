"""Vertical part of a CRS: its datum, kept when heights become meters.

`crs` arguments are `rasterio.crs.CRS`; rasterio is imported inside the functions because it is slow
to load.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from neural.raster import wkt

if TYPE_CHECKING:
    from rasterio.crs import CRS

ELLIPSOIDAL = "ellipsoidal"
"""Name of the vertical datum of heights above the ellipsoid."""

_UNNAMED = {"", "none", "unknown", "unspecified", "undefined", "unnamed"}
_METER = 'LENGTHUNIT["metre",1]'
_UP = f'AXIS["ellipsoidal height (h)",up,ORDER[3],{_METER}]'
_ABOVE_ELLIPSOID = (
    'VERTCRS["ellipsoidal '
    f'height",VDATUM["unknown"],CS[vertical,1],AXIS["ellipsoidal height (h)",up,{_METER}]]'
)
_FOOT_IN_NAME = re.compile(
    r"\s*\((?:[a-z]{0,2}ft|us[ _-]?ft|ft[ _-]?us|[^()]*\bf(?:oo|ee)t\b[^()]*)\)", re.IGNORECASE
)
_UNITS = ("LENGTHUNIT", "ANGLEUNIT")
_SPATIAL = ("GEOGCRS", "GEODCRS", "PROJCRS")


def to_wkt(crs: CRS) -> str:
    """Return the WKT2 of a CRS."""
    text: str = crs.to_wkt(version="WKT2_2019")
    return text


def coded(crs: CRS) -> CRS:
    """Return the EPSG registry's own definition of a CRS where the registry has an equal one, else
    the CRS itself.

    The WKT2 of a registered compound CRS leaves its parts' codes out, and a GeoTIFF names a CRS by
    those codes.
    """
    from rasterio.crs import CRS

    code = crs.to_epsg()
    if code is None:
        return crs
    registered = CRS.from_epsg(code)
    return registered if registered == crs else crs


def horizontal(crs: CRS) -> CRS:
    """Return a CRS of eastings and northings (or degrees) alone, without the heights of a compound
    or 3D one."""
    from rasterio.crs import CRS

    root = wkt.parse(to_wkt(crs))
    if root.keyword == "COMPOUNDCRS":
        return horizontal(CRS.from_wkt(str(root.nodes[0])))
    if root.keyword not in _SPATIAL or _height_axis(root) is None:
        return crs
    return coded(CRS.from_wkt(str(_with_axes(root, 2))))


def vertical_part(crs: CRS) -> tuple[str | None, str | None]:
    """Return the name of the vertical datum, and the CRS's unit of heights.

    The name is that of the vertical CRS, or `ELLIPSOIDAL` for a 3D one; either is None where the
    CRS does not say.
    """
    root = wkt.parse(to_wkt(crs))
    vertical = root.find("VERTCRS")
    if vertical is not None:
        unit = vertical.find("LENGTHUNIT")
        datum = vertical.find("VDATUM", "VERTICALDATUM")
        names = f"{vertical.name} {datum.name if datum else ''}".lower()
        if "ellipsoid" in names:
            return ELLIPSOIDAL, unit.name if unit else None
        name = _in_meters(vertical).name
        return None if name.lower() in _UNNAMED else name, unit.name if unit else None
    axis = _height_axis(root)
    if axis is None:
        return None, None
    unit = axis.find("LENGTHUNIT")
    return ELLIPSOIDAL, unit.name if unit else None


def describe(plane: CRS, source: CRS) -> str:
    """Return the WKT2 of heights in meters over `plane` (2D), with the vertical datum of
    `source`."""
    root = wkt.parse(to_wkt(source))
    vertical = root.find("VERTCRS")
    kept = horizontal(source) == plane
    if vertical is not None:
        if kept and _is_metric(vertical):
            return to_wkt(source)
        metric = _in_meters(vertical)
        base = wkt.parse(to_wkt(plane))
        return f'COMPOUNDCRS["{base.name} + {metric.name}",{base},{metric}]'
    axis = _height_axis(root)
    if axis is None:
        return to_wkt(plane)
    if kept and _is_metric(axis):
        return to_wkt(source)
    return str(_with_axes(wkt.parse(to_wkt(plane)), 3))


def of_geotiff(crs_wkt: str) -> CRS | None:
    """Return the CRS that a GeoTIFF can hold within itself for a grid's WKT; None for local meters.

    GDAL writes the codes of a compound CRS only as the registry defines them, and a 3D projected
    CRS beside the file.
    """
    from rasterio.crs import CRS

    if not crs_wkt:
        return None
    crs = CRS.from_wkt(crs_wkt)
    root = wkt.parse(crs_wkt)
    if _height_axis(root) is None:
        return coded(crs)
    plane = to_wkt(horizontal(crs))
    return CRS.from_wkt(
        f'COMPOUNDCRS["{root.name} + ellipsoidal height",{plane},{_ABOVE_ELLIPSOID}]'
    )


def _height_axis(root: wkt.Node) -> wkt.Node | None:
    """Return the third axis of a 3D geographic or projected CRS."""
    axes = [node for node in root.nodes if node.keyword == "AXIS"]
    up = [axis for axis in axes if "up" in axis.values]
    return up[0] if root.keyword in _SPATIAL and len(axes) == 3 and up else None


def _is_metric(node: wkt.Node) -> bool:
    """Return True unless a node names a unit of length other than the meter."""
    unit = node.find("LENGTHUNIT")
    return unit is None or math.isclose(float(str(unit.values[1])), 1.0, rel_tol=1e-9)


def _in_meters(vertical: wkt.Node) -> wkt.Node:
    """Return the vertical CRS of the same datum in meters, as the EPSG registry has it where it
    does."""
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    if any(part.keyword == "ID" for part in vertical.nodes) and _is_metric(vertical):
        return vertical
    name = (
        vertical.name if _is_metric(vertical) else _FOOT_IN_NAME.sub("", vertical.name) or "height"
    )
    parts = [
        _meter_axes(part)
        for part in vertical.nodes
        if part.keyword not in ("ID", "USAGE", "REMARK")
    ]
    metric = wkt.Node(vertical.keyword, [f'"{name}"', *parts])
    try:
        return wkt.parse(to_wkt(coded(CRS.from_wkt(str(metric)))))
    except CRSError:
        return metric


def _meter_axes(node: wkt.Node) -> wkt.Node:
    """Return a copy of a node in which every unit of length is the meter."""
    if node.keyword == "LENGTHUNIT":
        return wkt.parse(_METER)
    return wkt.Node(
        node.keyword, [_meter_axes(v) if isinstance(v, wkt.Node) else v for v in node.values]
    )


def _with_axes(root: wkt.Node, count: int) -> wkt.Node:
    """Return a CRS with two axes, or with an ellipsoidal height in meters as the third; codes of
    the other kind are dropped.

    A unit that stands for all axes is given to each, because the third may differ.
    """
    unit = next((part for part in root.nodes if part.keyword in _UNITS), None)
    axes = [node for node in root.nodes if node.keyword == "AXIS"][:2]
    if unit is not None:
        axes = [wkt.Node("AXIS", [*axis.values, unit]) for axis in axes]
    parts: list[str | wkt.Node] = []
    for value in root.values:
        if not isinstance(value, wkt.Node):
            parts.append(value)
        elif value.keyword == "CS":
            height = [wkt.parse(_UP)] if count == 3 else []
            parts += [wkt.Node("CS", [value.values[0], str(count)]), *axes, *height]
        elif value.keyword.startswith("BASEGEO"):
            parts.append(
                wkt.Node(value.keyword, [part for part in value.values if _keyword(part) != "ID"])
            )
        elif value.keyword not in ("AXIS", "ID", "USAGE", *_UNITS):
            parts.append(value)
    return wkt.Node(root.keyword, parts)


def _keyword(value: str | wkt.Node) -> str:
    return value.keyword if isinstance(value, wkt.Node) else ""
