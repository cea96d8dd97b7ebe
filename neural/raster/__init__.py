"""Elevation rasters: opening, coordinate reference systems, units, masks, reprojection.

`open_dem` reads any raster that GDAL opens as heights in meters on a north-up metric `Grid`.
rasterio is imported inside functions, because it is slow to load.
"""
