"""Decoded tiles as continuous surfaces.

`SurfaceDecoder` gives the surface of any tile of a layer with heights and derivatives in meters;
`SurfaceSampler` evaluates a layer at arbitrary coordinates of its grid.
"""
