"""Validation places: the model at each bit depth beside two surfaces anybody could store instead.

`mean`: one height per tile. `16×16 bicubic`: area averages of 16×16 cells, interpolated bicubically (as many
values per tile as HUVR+SIREN has tokens, each 1 instead of 32 numbers).

Run: python -m tests.bench.validation --data FOLDER [--split val] [--bits 8 6 4 3 2] [--model NAME]
FOLDER has a MANIFEST.csv with columns file, split, resolution_m, crs.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path

import numpy as np
import torch

from neural.container import open_reader
from neural.dem import open_dem
from neural.encode import EncodeOptions, encode
from neural.evaluate import evaluate
from neural.metrics import ErrorSummary
from neural.pyramid import build
from neural.tiles import TILE

COLUMNS = ("rmse_m", "psnr_db", "gradient_rmse", "max_error_m", "bits_per_sample")


def baselines(dem: Path, crs: str | None) -> dict[str, dict[str, float]]:
    """Errors of both stand-ins over the finest tiles of a DEM."""
    rows = {"mean": ErrorSummary(), "16×16 bicubic": ErrorSummary()}
    with open_dem(dem, crs=crs, unit="m") as source:
        top = source.grid.levels - 1
        for tile in build(source):
            if tile.tile.z != top:
                continue
            # The rim beyond the raster is filled, as it is for the model.
            heights = tile.heights.astype(np.float64)
            rows["mean"].add_heights(np.full((TILE, TILE), heights[tile.valid].mean()), tile.heights, tile.valid)
            coarse = torch.from_numpy(heights.reshape(16, 16, 16, 16).mean(axis=(1, 3)))[None, None]
            smooth = torch.nn.functional.interpolate(coarse, size=(TILE, TILE), mode="bicubic", align_corners=False)
            rows["16×16 bicubic"].add_heights(smooth[0, 0].numpy(), tile.heights, tile.valid)
    return {name: summary.report() for name, summary in rows.items()}


def main() -> None:
    """Print one table per place and the mean over places."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="val")
    parser.add_argument("--bits", type=int, nargs="+", default=[32, 16, 8, 7, 6, 5, 4, 3, 2])
    parser.add_argument("--model", default=None)
    options = parser.parse_args()
    with (options.data / "MANIFEST.csv").open(newline="") as lines:
        # A raster without a CRS is taken as local metres; one in degrees is reprojected, as `ntile encode` would.
        places = {
            options.data / row["file"]: None if row.get("crs") else "local"
            for row in csv.DictReader(lines)
            if row["split"] == options.split
        }
    totals: dict[str, list[list[float]]] = {}
    for dem, crs in places.items():
        table = baselines(dem, crs)
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "area.ntile"
            encode(dem, out, EncodeOptions(bits=32, model=options.model, crs=crs, unit="m"))
            with open_reader(out) as reader, open_dem(dem, crs=crs, unit="m") as source:
                for bits in options.bits:
                    table[f"{bits} bits"] = evaluate(reader, reader.layers[0], source, bits)  # type: ignore[assignment]
        print(f"\n{dem.name}\n{'':16s}" + "".join(f"{name:>17s}" for name in COLUMNS))
        for name, row in table.items():
            values = [float(row.get(column, float("nan"))) for column in COLUMNS]
            if name in ("mean", "16×16 bicubic"):
                values[2] = values[4] = float("nan")
            totals.setdefault(name, []).append(values)
            print(f"{name:16s}" + "".join(f"{value:17.4f}" for value in values))
    print(f"\nmean over {len(places)} places")
    for name, rows in totals.items():
        print(f"{name:16s}" + "".join(f"{value:17.4f}" for value in np.mean(rows, axis=0)))


if __name__ == "__main__":
    main()
