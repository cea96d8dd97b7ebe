"""Elevation rasters: opening, coordinate systems, units, masks, reprojection."""
