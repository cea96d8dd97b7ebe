"""Peak memory of encoding a large synthetic DEM (default 10 000 × 10 000), and its time.

Run: python -m tests.bench.memory_encode [--size 10000] [--method lapped_siren]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from neural.bench.environment import machine


def write_synthetic(path: Path, size: int) -> None:
    """Fractal-like relief, written strip by strip."""
    import rasterio
    from rasterio.transform import Affine
    from rasterio.windows import Window

    profile = {
        "driver": "GTiff",
        "count": 1,
        "dtype": "float32",
        "width": size,
        "height": size,
        "crs": "EPSG:32633",
    }
    transform = Affine(1, 0, 400_000, 0, -1, 5_200_000)
    with rasterio.open(path, "w", **profile, transform=transform, tiled=True) as raster:
        x = np.arange(size)
        for row in range(0, size, 256):
            y = np.arange(row, min(row + 256, size))[:, None]
            heights = sum(
                amplitude * np.sin(x / length + amplitude) * np.cos(y / length * 1.3)
                for amplitude, length in ((200, 1700), (60, 410), (15, 97), (3, 23), (0.4, 5))
            )
            raster.write(np.asarray(heights, np.float32), 1, window=Window(0, row, size, len(y)))


def main() -> None:
    """Print peak resident memory of the encoding process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=10_000)
    parser.add_argument(
        "--method", default="lapped_siren", choices=["lapped_siren", "huvr_siren", "reference"]
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        dem = Path(name) / "dem.tif"
        out = Path(name) / "out.ntile"
        write_synthetic(dem, options.size)
        extra = [
            "--method",
            options.method,
            *(["--reference", "0.05"] if options.method == "reference" else []),
        ]
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "neural.cli", "encode", str(dem), str(out), *extra], check=True
        )
        seconds = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(
            f"{options.method}: {options.size} × {options.size} samples in {seconds:.0f} s "
            f"({options.size**2 / seconds / 1e6:.2f} Msamples/s), peak {peak:.0f} MiB, "
            f"{out.stat().st_size / 1e6:.1f} MB; {machine()}"
        )


if __name__ == "__main__":
    main()
