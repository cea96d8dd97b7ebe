"""Everything known of one place: under the cursor (a worker keeps up with it), or pinned."""

from __future__ import annotations

import math
import time
from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from neural import morphometry
from neural.tiles import TILE, Tile
from viewer.measuring.lonlat import lonlat
from viewer.measuring.terrain import REFERENCE, Terrain, differences
from viewer.terrain.background import Latest
from viewer.terrain.stats import Pick

STALE_S = 0.25
"""While the cursor moves, the numbers of its last place stay this long before they become dots."""


@dataclass(frozen=True)
class Reading:
    """A place, in file coordinates, metres and degrees; NaN where nothing is known."""

    easting: float
    northing: float
    level: int
    tile: Tile | None  # None outside the raster
    longitude_deg: float
    latitude_deg: float
    heights_m: dict[str, float]  # of each surface, by name
    slope_deg: dict[str, float]  # of the slots
    aspect_deg: dict[str, float]  # where the ground faces, clockwise from grid north; NaN where it is level
    profile_curvature: dict[str, float]  # along the steepest descent, 1/m, convex positive (`neural.morphometry`)
    plan_curvature: dict[str, float]  # across it

    @property
    def differences_m(self) -> dict[str, float]:
        """A − reference and so on, as far as they are known."""
        return differences(self.heights_m)


def read(terrain: Terrain, easting: float, northing: float, level: int | None = None) -> Reading:
    """Everything about a place at the finest level, or at `level`. Raises NtileError for what cannot be read."""
    level = terrain.grid.levels - 1 if level is None else level
    heights = {REFERENCE: float(terrain.reference_at(easting, northing, level))} if terrain.reference else {}
    shape: dict[str, tuple[float, float, float, float]] = {}
    for slot, sampler in terrain.slots.items():
        own = terrain.level_of(sampler, level)
        at = sampler.at(easting, northing, order=1, level=own)
        heights[slot] = float(at.metres)
        shape[slot] = (
            float(morphometry.slope_deg(at.east, at.north)),
            float(morphometry.aspect_deg(at.east, at.north)),
            *sampler_curvatures(terrain, slot, easting, northing, own),
        )
    longitude, latitude = lonlat(terrain.grid.crs_wkt, easting, northing)
    slopes, aspects, profiles, plans = ({slot: values[k] for slot, values in shape.items()} for k in range(4))
    return Reading(
        easting,
        northing,
        level,
        tile_at(terrain, easting, northing, level),
        float(longitude),
        float(latitude),
        {name: heights[name] for name in terrain.names},
        slopes,
        aspects,
        profiles,
        plans,
    )


def sampler_curvatures(
    terrain: Terrain, slot: str, easting: float, northing: float, level: int | None
) -> tuple[float, float]:
    """Profile and plan curvature of a slot's surface at a place, 1/m."""
    sampler = terrain.slots[slot]
    level = sampler.grid.levels - 1 if level is None else level
    tile = tile_at(replace(terrain, grid=sampler.grid), easting, northing, level)
    surface = None if tile is None else sampler.surface(tile)
    if tile is None or surface is None:
        return math.nan, math.nan
    column, row = sampler.grid.cell_of(easting, northing)
    side = sampler.grid.tile_span(tile)
    u, v = np.array([min(column / side - tile.x, 1.0)]), np.array([min(row / side - tile.y, 1.0)])
    at = surface.heights(u, v, order=1)
    bend = morphometry.second_derivatives(surface, u, v)
    east, north = np.asarray(at.east, np.float64), np.asarray(at.north, np.float64)
    return (
        float(morphometry.profile_curvature(east, north, bend)[0, 0]),
        float(morphometry.plan_curvature(east, north, bend)[0, 0]),
    )


def tile_at(terrain: Terrain, easting: float, northing: float, level: int) -> Tile | None:
    """The tile of a level that a place lies in; None outside the raster."""
    grid = terrain.grid
    column, row = grid.cell_of(easting, northing)
    if not (0 <= column <= grid.width and 0 <= row <= grid.height):
        return None
    side = TILE << (grid.levels - 1 - level)
    last_x, last_y = (grid.width - 1) // side, (grid.height - 1) // side
    return Tile(level, min(int(column // side), last_x), min(int(row // side), last_y))


class Readout:
    """Readings of the place under the cursor, made by a worker."""

    def __init__(self) -> None:
        self._worker = Latest("readout")
        self._settled_at = 0.0
        self._reference_m: float | None = None
        self._error_m: float | None = None
        self.reading: Reading | None = None
        """The latest; it may be of the place before. None while nothing is known."""

    def follow(self, terrain: Terrain, pick: Pick, state: Hashable) -> Pick:
        """The pick with what is known of it by now; `state` names the surfaces, so that new ones are read again."""
        key = pick.easting, pick.northing, pick.tile, state
        self._worker.ask(key, partial(_read, terrain, pick))
        answer, now = self._worker.answer, time.monotonic()
        if answer is not None and answer.key == key:
            self.reading, self._settled_at = answer.value, now
            known = math.nan if answer.value is None else answer.value.heights_m.get(REFERENCE, math.nan)
            self._reference_m, self._error_m = (None, None) if math.isnan(known) else (known, pick.z_m - known)
        elif now - self._settled_at > STALE_S:
            self.forget_numbers()
        return replace(pick, reference_m=self._reference_m, error_m=self._error_m)

    def forget_numbers(self) -> None:
        """Nothing is known of the place under the cursor."""
        self.reading = self._reference_m = self._error_m = None

    def forget(self) -> None:
        """The cursor left the terrain, or there is another file."""
        self._worker.forget()
        self.forget_numbers()

    @property
    def busy(self) -> bool:
        """Whether a reading is being made."""
        return self._worker.busy

    def close(self) -> None:
        """End the worker."""
        self._worker.close()


def _read(terrain: Terrain, pick: Pick, outdated: object) -> Reading:
    level = min(pick.tile.z, terrain.grid.levels - 1)  # the pick may be of a file with more
    return read(terrain, pick.easting, pick.northing, level)
