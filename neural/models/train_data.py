"""Training tiles: random crops of elevation rasters, normalized to [−1, 1] per tile (arXiv
2606.00404, data)."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

from neural.errors import DemError
from neural.models.augmentation import MOST_SHRUNK, TURNED, finest_relief, turn
from neural.models.base import PLAIN, Augment
from neural.raster import raster_name
from neural.raster.fill import fill
from neural.raster.reading import ReadOptions
from neural.tiles import TILE


@dataclass(frozen=True)
class Raster:
    """One elevation raster in memory."""

    name: str
    cell_m: float
    heights: np.ndarray  # [rows, columns] float32 meters
    valid: np.ndarray  # [rows, columns] bool


def load_split(folders: Sequence[Path], split: str) -> list[Raster]:
    """Return rasters of one split of folders with a MANIFEST.csv (columns: file, split,
    resolution_m).

    Raises DemError when a manifest is missing or lists no raster of the split.
    """
    rasters = []
    for folder in folders:
        manifest = folder / "MANIFEST.csv"
        if not manifest.is_file():
            raise DemError(
                f"{manifest} is missing: --data takes folders with a MANIFEST.csv (file, split, "
                "resolution_m)."
            )
        with manifest.open(newline="") as lines:
            rows = [row for row in csv.DictReader(lines) if row.get("split") == split]
        try:
            rasters += [
                _read(raster_name.join(folder, row["file"]), float(row["resolution_m"]))
                for row in rows
            ]
        except (KeyError, ValueError, TypeError):
            raise DemError(
                f"{manifest}: every row needs a file and a resolution_m in meters; see the columns "
                "in its first line."
            ) from None
    if not rasters:
        raise DemError(
            f"{', '.join(map(str, folders))}: no raster of split '{split}' is listed in "
            "MANIFEST.csv."
        )
    return rasters


def _read(name: str, cell_m: float) -> Raster:
    from neural.raster.dem import open_dem

    # Crops need samples as they are, whatever the CRS: `local` keeps every grid.
    with open_dem(name, ReadOptions(crs="local", unit="m")) as dem:
        heights, valid = dem.read(0, 0, dem.grid.height, dem.grid.width)
    return Raster(raster_name.label(name), cell_m, heights, valid)


def coarsen(raster: Raster, factor: int) -> Raster:
    """Return the area average over factor × factor cells; a cell is valid when all below it are."""
    rows, columns = (size // factor for size in raster.heights.shape)
    shape = rows, factor, columns, factor
    heights = raster.heights[: rows * factor, : columns * factor].reshape(shape).mean(axis=(1, 3))
    valid = raster.valid[: rows * factor, : columns * factor].reshape(shape).all(axis=(1, 3))
    return Raster(raster.name, raster.cell_m * factor, heights, np.asarray(valid))


def normalize(heights: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Map heights [n, n] to ([−1, 1] float32, offset_m, scale_m) by the valid range; the rest is
    smoothly filled."""
    low = float(heights[valid].min())
    high = float(heights[valid].max())
    scale = (high - low) / 2 or 1.0
    filled = heights if valid.all() else fill(heights, valid)
    return ((filled - (low + high) / 2) / scale).astype(np.float32), (low + high) / 2, scale


class Crops(Dataset[tuple[np.ndarray, np.ndarray]]):
    """Batches of random 256² crops with flips and quarter turns; rasters weigh by area.

    Crops of 2× and 4× area averages of the same rasters are drawn as well, as a file's upper levels
    hold coarser heights. Batch k is the same whatever was drawn before it, so that a resumed run
    sees what a whole one would and several processes can draw ahead.
    """

    def __init__(
        self, rasters: Sequence[Raster], seed: int, batch: int, augment: Augment = PLAIN
    ) -> None:
        usable = [
            r
            for r in (coarsen(r, f) for r in rasters for f in (1, 2, 4))
            if min(r.heights.shape) >= TILE
        ]
        self.rasters = usable
        self.seed = seed
        self.size = batch
        self.augment = augment
        large = any(min(r.heights.shape) >= TURNED for r in usable)
        self.turned = augment.turned if large else 0.0
        area = np.array([r.valid.sum() for r in usable], float)
        self.probability = area / area.sum()

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return batch `index`: tiles [batch, 256, 256] in [−1, 1] and validity (float 0/1) of the
        same shape."""
        return self._draw_many(self.size, np.random.default_rng([self.seed, 0, index]))

    def extra(self, size: int, purpose: int = 1) -> np.ndarray:
        """Return tiles [size, 256, 256] in [−1, 1] that are no batch's; others for each
        purpose > 0."""
        return self._draw_many(size, np.random.default_rng([self.seed, purpose]))[0]

    def _draw_many(self, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        tiles = [self._draw(rng) for _ in range(size)]
        return np.stack([t for t, _ in tiles]), np.stack([v for _, v in tiles])

    def _draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        while True:
            turned = rng.random() < self.turned
            heights, valid = self._window(TURNED if turned else TILE, rng)
            if turned:
                shrink = rng.uniform(1.0, MOST_SHRUNK)
                heights, valid = turn(heights, valid, rng.uniform(0, 2 * np.pi), shrink)
            if rng.random() < self.augment.mixed:
                relief, relief_valid = self._window(TILE, rng)
                heights = heights + finest_relief(relief, relief_valid)
                valid = valid & relief_valid
            if valid.mean() < 0.5 or np.ptp(heights[valid]) == 0:
                continue
            tile, _, _ = normalize(heights, valid)
            quarter_turns = int(rng.integers(4))
            flip = int(rng.integers(2))
            tile_and_mask = np.stack([tile, valid.astype(np.float32)])
            tile, mask = np.rot90(tile_and_mask, quarter_turns, axes=(1, 2))[:, :, :: 1 - 2 * flip]
            return tile, mask

    def _window(self, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw heights and validity [size, size] from a raster at least as large."""
        while True:
            raster = self.rasters[rng.choice(len(self.rasters), p=self.probability)]
            rows, columns = raster.heights.shape
            if min(rows, columns) < size:
                continue
            row = rng.integers(rows - size + 1)
            column = rng.integers(columns - size + 1)
            window = slice(row, row + size), slice(column, column + size)
            return raster.heights[window], raster.valid[window]


def fixed_tiles(
    rasters: Sequence[Raster], least_valid: float = 0.5
) -> Iterator[tuple[Raster, np.ndarray, np.ndarray]]:
    """Yield every non-overlapping 256² tile of the rasters with enough valid samples: (raster,
    heights, valid)."""
    for raster in rasters:
        rows, columns = raster.heights.shape
        for row in range(0, rows - TILE + 1, TILE):
            for column in range(0, columns - TILE + 1, TILE):
                window = slice(row, row + TILE), slice(column, column + TILE)
                if (
                    raster.valid[window].mean() >= least_valid
                    and np.ptp(raster.heights[window]) > 0
                ):
                    yield raster, raster.heights[window], raster.valid[window]
