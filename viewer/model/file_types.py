"""Suffixes of the files that the viewer opens."""

TERRAIN_SUFFIXES = (".ntile",)
RASTER_SUFFIXES = (".tif", ".tiff", ".vrt", ".asc", ".img", ".hgt", ".dem", ".bil", ".nc")
