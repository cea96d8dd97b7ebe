"""Longitude and latitude (WGS 84) of places in a file's coordinate system."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np


def lonlat(crs_wkt: str, easting: Any, northing: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return degrees east and north, of the positions' shape; NaN in a local grid and outside the
    projection's domain.

    The first call imports rasterio, which takes a while: not for the main thread.
    """
    easting, northing = np.broadcast_arrays(
        np.asarray(easting, np.float64), np.asarray(northing, np.float64)
    )
    if not crs_wkt:
        return np.full(easting.shape, np.nan), np.full(easting.shape, np.nan)
    from rasterio.warp import transform

    source, target = _systems(crs_wkt)
    longitude, latitude = transform(source, target, easting.ravel(), northing.ravel())
    degrees = np.array([longitude, latitude], np.float64).reshape(2, *easting.shape)
    degrees[~np.isfinite(degrees)] = np.nan
    return degrees[0], degrees[1]


@cache
def _systems(crs_wkt: str) -> tuple[Any, Any]:
    """Return the file's CRS and WGS 84, parsed once (GDAL keeps the transform between them)."""
    from rasterio.crs import CRS

    return CRS.from_wkt(crs_wkt), CRS.from_epsg(4326)
