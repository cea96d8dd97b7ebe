"""RMSE of the raster's rim over that of its inside, and bytes, of `lapped_siren` at given errors.

    python -m tests.bench.rim DEM… [--target-rmse 0.3 0.1] [--json]

The inside begins 8 samples from the rim. "outermost" are the outermost rows and columns, "outline"
half a cell further out (`outline_rmse_m` of `ntile evaluate`). Heights are read as local meters.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from neural.container.reader import open_reader
from neural.encode import EncodeOptions, encode
from neural.evaluate import evaluate
from neural.raster.dem import open_dem
from neural.raster.reading import ReadOptions
from neural.surface.tile_surface import SurfaceDecoder

INSIDE = 8
READING = ReadOptions(crs="local", unit="m")


def rms(errors: np.ndarray) -> float:
    """Root mean square of what is known."""
    return float(np.sqrt(np.nanmean(errors**2)))


def measure(dem: Path, target_m: float, folder: Path) -> dict[str, float | str]:
    """One raster at one error: payload bytes, and ratios to the RMSE inside."""
    out = folder / f"{dem.stem}-{target_m}.ntile"
    encode(dem, out, EncodeOptions(target_rmse_m=target_m, reading=READING, link_decoder=True))
    with open_reader(out) as reader, open_dem(dem, READING) as source:
        grid = reader.grid
        layer = reader.layers[0]
        heights, valid = source.read(0, 0, grid.height, grid.width)
        decoded, _ = SurfaceDecoder(reader, layer, keep_tiles=64).read(
            0, 0, grid.height, grid.width
        )
        error = np.where(valid, decoded - heights, np.nan)
        inside_m = rms(error[INSIDE:-INSIDE, INSIDE:-INSIDE])
        sides = {"north": error[0], "south": error[-1], "west": error[:, 0], "east": error[:, -1]}
        outline_m = evaluate(reader, layer, source)["outline_rmse_m"]
        return {
            "place": dem.stem,
            "rmse_m": rms(error),
            "payload_bytes": sum(reader.sizes()["payload_bytes"][layer.index]),
            "outermost": rms(np.concatenate(list(sides.values()))) / inside_m,
            "outline": float(outline_m or np.nan) / inside_m,
            **{
                name: rms(side) / inside_m
                for name, side in sides.items()
                if np.isfinite(side).any()
            },
        }


def main() -> None:
    """Print a row for each raster and error."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dems", type=Path, nargs="+")
    parser.add_argument("--target-rmse", type=float, nargs="+", default=[0.3, 0.1])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for dem in options.dems:
            for target_m in options.target_rmse:
                row = measure(dem, target_m, Path(folder))
                if options.json:
                    print(json.dumps(row), flush=True)
                else:
                    numbers = (
                        f"{name} {value:.4g}"
                        for name, value in row.items()
                        if not isinstance(value, str)
                    )
                    print(row["place"], *numbers, sep="  ", flush=True)


if __name__ == "__main__":
    main()
