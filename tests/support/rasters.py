"""Small rasters written for a test, and what is shared by the tests that read them."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from neural.cli import main

UTM = "EPSG:32611"
TOLERANCE_M = 0.05


def north_up(west: float, north: float, cell: float = 1.0) -> tuple[float, ...]:
    """Affine coefficients of a north-up grid of square cells."""
    return cell, 0.0, west, 0.0, -cell, north


def write(
    path: Path,
    samples: Any,
    *,
    mask: Any = None,
    band: dict[str, Any] | None = None,
    **profile: Any,
) -> Path:
    """Write samples [rows, cols] or [bands, rows, cols] as GeoTIFF (or `driver`); UTM and 1 m cells
    by default."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning
    from rasterio.transform import Affine

    samples = np.asarray(samples)
    bands = samples if samples.ndim == 3 else samples[None]
    options = {"driver": "GTiff", "crs": UTM, "transform": north_up(500_000, 4_000_000), **profile}
    if options["transform"] is not None:
        options["transform"] = Affine(*options["transform"])
    count, height, width = bands.shape
    with warnings.catch_warnings(), rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path, "w", width=width, height=height, count=count, dtype=bands.dtype, **options
        ) as file:
            file.write(bands)
            for name, value in (band or {}).items():
                setattr(file, name, (value,) * count)
            if mask is not None:
                file.write_mask(mask)
    return path


def hills(rows: int, cols: int, step: float = 1.0) -> np.ndarray:
    """A smooth surface of tens of meters, float32 [rows, cols]."""
    y, x = np.mgrid[0:rows, 0:cols] * step
    return (100 + 20 * np.sin(x / 31) * np.cos(y / 23) + 0.05 * x - 0.03 * y).astype(np.float32)


def vrt(path: Path, source: str, width: int, height: int) -> Path:
    """Write a VRT of one source that lies beside it, in UTM with 1 m cells."""
    path.write_text(
        f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}"><SRS>EPSG:32611</SRS>'
        "<GeoTransform>500000,1,0,4000000,0,-1</GeoTransform>"
        '<VRTRasterBand dataType="Float32" band="1"><SimpleSource>'
        f'<SourceFilename relativeToVRT="1">{source}</SourceFilename><SourceBand>1</SourceBand>'
        "</SimpleSource></VRTRasterBand></VRTDataset>"
    )
    return path


def encode(dem: Path, *options: object) -> Path:
    """Encode near-losslessly beside the raster: what is measured against it is within
    TOLERANCE_M."""
    out = dem.with_suffix(".ntile")
    arguments = [
        "encode",
        dem,
        out,
        "--method",
        "reference",
        "--reference",
        TOLERANCE_M,
        "--restart",
        *options,
    ]
    main([str(argument) for argument in arguments])
    return out
