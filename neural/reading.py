"""Options for reading an elevation raster where its file says too little, or says it wrongly."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReadOptions:
    """Overrides of what a raster's file says of its samples; None or empty: as the file says."""

    crs: str | None = None
    """CRS of the grid that heights are read on: a metric one, or "local" for coordinates taken as metres."""
    src_crs: str | None = None
    """CRS of the raster's own coordinates, in place of the one that its file names."""
    unit: str | None = None
    """Unit of its samples, one of `neural.crs.UNITS`."""
    nodata: tuple[float, ...] = ()
    """Values of missing samples, besides those that the file declares: as stored; metres where `encoding` is given."""
    encoding: str | None = None
    """Packing of heights into the bands of an RGB picture: "mapbox" or "terrarium"."""


AS_STORED = ReadOptions()
"""No overrides: everything as the file says."""
