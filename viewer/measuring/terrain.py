"""Surfaces of slots A and B and the reference, queried together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neural.grid import Grid
from neural.surface.sampling import SurfaceSampler
from neural.tiles import TILE, Tile
from viewer.model.settings import SLOTS
from viewer.tiles.level_reference import error_at
from viewer.tiles.reference import ErrorReference, LayerReference

if TYPE_CHECKING:
    from viewer.scene.scene import Scene

REFERENCE = "reference"
SERIES = (REFERENCE, "A", "B")
"""Names of surfaces, in the order of tables, legends and files."""

DIFFERENCES = (("A", REFERENCE), ("B", REFERENCE), ("A", "B"))
"""Minuend and subtrahend of each difference."""


@dataclass(frozen=True)
class Terrain:
    """Surfaces in one coordinate system. Thread-safe."""

    grid: Grid
    """Grid whose cells set the spacing of samples."""
    slots: Mapping[str, SurfaceSampler]
    reference: ErrorReference | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Available surfaces of SERIES."""
        available = {*self.slots} | ({REFERENCE} if self.reference is not None else set())
        return tuple(name for name in SERIES if name in available)

    @property
    def cell_m(self) -> float:
        """Shorter side of the finest cell on the ground, meters."""
        return min(self.grid.cell_x_m, self.grid.cell_y_m)

    def heights(self, easting: Any, northing: Any) -> dict[str, np.ndarray]:
        """Return heights in meters of every surface at positions (arrays of one shape), at the
        finest level.

        NaN where unknown. Raises NtileError for unreadable data.
        """
        heights: dict[str, np.ndarray] = {}
        sampled: dict[int, np.ndarray] = {}  # slots may share a sampler
        if self.reference is not None:
            heights[REFERENCE] = self.reference.heights_at(easting, northing)
        for name in SLOTS:
            if name not in self.slots:
                continue
            sampler = self.slots[name]
            if id(sampler) not in sampled:
                sampled[id(sampler)] = sampler.at(easting, northing).meters
            heights[name] = sampled[id(sampler)]
        return heights

    def error_at(
        self, sampler: SurfaceSampler, easting: float, northing: float, level: int
    ) -> float:
        """Return decoded − reference in meters at a position, at `level` of `grid`; NaN where
        either is unknown.

        At the finest level for a file with other cells, for whose levels the reference is not
        filtered.
        """
        if self.reference is None:
            return math.nan
        if sampler.grid is not self.grid:
            return float(
                sampler.at(easting, northing).meters - self.reference.heights_at(easting, northing)
            )
        tile = tile_at(self.grid, easting, northing, level)
        if tile is None:
            return math.nan
        return error_at(
            self.reference, sampler.decoder, sampler.surface(tile), tile, easting, northing
        )

    def surface(self, name: str) -> SurfaceSampler | ErrorReference:
        """Return the continuous surface of a name, or a raster reference. Raises KeyError."""
        if name != REFERENCE or self.reference is None:
            return self.slots[name]
        reference = self.reference
        return reference.sampler if isinstance(reference, LayerReference) else reference

    def level_of(self, sampler: SurfaceSampler, level: int | None) -> int | None:
        """Return the level of another file with cells about as large as those of a level of
        `grid`."""
        if level is None or sampler.grid is self.grid:
            return level
        cell = self.grid.cell * (1 << (self.grid.levels - 1 - level))
        finest = sampler.grid.cell
        coarser = max(0, round(float(np.log2(cell / finest))))
        return max(0, sampler.grid.levels - 1 - coarser)


def tile_at(grid: Grid, easting: float, northing: float, level: int) -> Tile | None:
    """Return the tile of a level at a position; None outside the raster."""
    column, row = grid.cell_of(easting, northing)
    if not (0 <= column <= grid.width and 0 <= row <= grid.height):
        return None
    side = TILE << (grid.levels - 1 - level)
    last_x = (grid.width - 1) // side
    last_y = (grid.height - 1) // side
    return Tile(level, min(int(column // side), last_x), min(int(row // side), last_y))


def difference_name(one: str, other: str) -> str:
    """Return the name of a difference: "A − reference"."""
    return f"{one} − {other}"


def differences(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the available differences by name."""
    return {
        difference_name(one, other): values[one] - values[other]
        for one, other in DIFFERENCES
        if one in values and other in values
    }


def of_scene(scene: Scene, file: int = 0, kept: dict[int, SurfaceSampler] | None = None) -> Terrain:
    """Return the slots' surfaces of a scene with a file; levels and reference are those of one open
    file.

    `kept` caches samplers by decoder and is extended by new ones.
    """
    kept = {} if kept is None else kept
    slots = {}
    for slot, choice in scene.settings.slots.items():
        decoder = scene.decoder(choice)
        if decoder is None:
            continue
        if id(decoder) not in kept:
            kept[id(decoder)] = SurfaceSampler(decoder)
        slots[slot] = kept[id(decoder)]
    measured = scene.files[min(file, len(scene.files) - 1)]
    return Terrain(measured.reader.grid, slots, measured.reference)
