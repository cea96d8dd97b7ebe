"""Everything known of one place: under the cursor (a worker keeps up with it), or pinned."""

from __future__ import annotations

import math
import time
from collections.abc import Hashable
from dataclasses import dataclass
from functools import partial

import numpy as np

from neural.measure import morphometry
from neural.surface.sampling import SurfaceSampler
from neural.tiles import Tile
from viewer.measuring.lonlat import lonlat
from viewer.measuring.terrain import REFERENCE, Terrain, difference_name, differences, tile_at
from viewer.model.readings import Pick, with_error
from viewer.model.settings import SLOTS
from viewer.tiles.background import Latest

BETWEEN = difference_name(*SLOTS)
"""The difference of the two slots."""

STALE_S = 0.25
"""While the cursor moves, the numbers of its last place stay this long before they become dots."""


@dataclass(frozen=True)
class Reading:
    """A place, in file coordinates, meters and degrees; NaN where nothing is known."""

    easting: float
    northing: float
    level: int
    tile: Tile | None  # None outside the raster
    longitude_deg: float
    latitude_deg: float
    heights_m: dict[str, float]  # of each surface, by name
    slope_deg: dict[str, float]  # of the slots
    # where the ground faces, clockwise from grid north; NaN where it is level
    aspect_deg: dict[str, float]
    profile_curvature: dict[
        str, float
    ]  # along the steepest descent, 1/m, convex positive (`neural.measure.morphometry`)
    plan_curvature: dict[str, float]  # across it
    differences_m: dict[str, float]  # A − reference and so on, as far as both are there


def read(terrain: Terrain, easting: float, northing: float, level: int | None = None) -> Reading:
    """Everything about a place at the finest level, or at `level`. Raises NtileError for what
    cannot be read.

    A difference from the reference at a coarse level is that of the layer's samples around
    (`Terrain.error_at`), and the reference's height there is the first slot's less its difference.
    """
    level = terrain.grid.levels - 1 if level is None else level
    heights: dict[str, float] = {}
    shape: dict[str, tuple[float, float, float, float]] = {}
    for slot, sampler in terrain.slots.items():
        own = terrain.level_of(sampler, level)
        at = sampler.at(easting, northing, order=1, level=own)
        heights[slot] = float(at.meters)
        shape[slot] = (
            float(morphometry.slope_deg(at.east, at.north)),
            float(morphometry.aspect_deg(at.east, at.north)),
            *sampler_curvatures(terrain, slot, easting, northing, own),
        )
    errors = {
        slot: terrain.error_at(sampler, easting, northing, level)
        for slot, sampler in terrain.slots.items()
    }
    if terrain.reference is not None:
        heights[REFERENCE] = _reference_m(terrain, easting, northing, level, heights, errors)
    apart = differences(heights)
    if BETWEEN in apart and level < terrain.grid.levels - 1 and len(_low_passes(terrain)) > 1:
        apart[BETWEEN] = _finest_difference(terrain, easting, northing)
    apart |= {
        name: errors[slot] for slot in errors if (name := difference_name(slot, REFERENCE)) in apart
    }
    longitude, latitude = lonlat(terrain.grid.crs_wkt, easting, northing)
    slopes, aspects, profiles, plans = (
        {slot: values[k] for slot, values in shape.items()} for k in range(4)
    )
    return Reading(
        easting,
        northing,
        level,
        tile_at(terrain.grid, easting, northing, level),
        float(longitude),
        float(latitude),
        {name: heights[name] for name in terrain.names},
        slopes,
        aspects,
        profiles,
        plans,
        apart,
    )


def _low_passes(terrain: Terrain) -> set[bool]:
    return {sampler.decoder.method.low_pass.is_mean for sampler in terrain.slots.values()}


def _finest_difference(terrain: Terrain, easting: float, northing: float) -> float:
    """Return A − B at the finest level: coarse levels of two low-passes differ by what each takes
    away."""
    one, other = (float(terrain.slots[slot].at(easting, northing).meters) for slot in SLOTS)
    return one - other


def _reference_m(
    terrain: Terrain,
    easting: float,
    northing: float,
    level: int,
    heights: dict[str, float],
    errors: dict[str, float],
) -> float:
    """Return the reference's height at a place as the first slot's level has it; at the finest, its
    own."""
    known = [
        heights[slot] - error
        for slot, error in errors.items()
        if terrain.slots[slot].grid is terrain.grid
    ]
    if level < terrain.grid.levels - 1 and known:
        return known[0]
    assert terrain.reference is not None
    return float(terrain.reference.heights_at(easting, northing))


def sampler_curvatures(
    terrain: Terrain, slot: str, easting: float, northing: float, level: int | None
) -> tuple[float, float]:
    """Profile and plan curvature of a slot's surface at a place, 1/m."""
    sampler = terrain.slots[slot]
    level = sampler.grid.levels - 1 if level is None else level
    tile = tile_at(sampler.grid, easting, northing, level)
    surface = None if tile is None else sampler.surface(tile)
    if tile is None or surface is None:
        return math.nan, math.nan
    column, row = sampler.grid.cell_of(easting, northing)
    side = sampler.grid.tile_span(tile)
    u = np.array([min(column / side - tile.x, 1.0)])
    v = np.array([min(row / side - tile.y, 1.0)])
    at = surface.heights(u, v, order=1)
    bend = morphometry.second_derivatives(surface, u, v)
    east = np.asarray(at.east, np.float64)
    north = np.asarray(at.north, np.float64)
    return (
        float(morphometry.profile_curvature(east, north, bend)[0, 0]),
        float(morphometry.plan_curvature(east, north, bend)[0, 0]),
    )


class Readout:
    """Readings of the place under the cursor, made by a worker."""

    def __init__(self) -> None:
        self._worker = Latest("readout")
        self._settled_at = 0.0
        self._error_m = math.nan
        self.reading: Reading | None = None
        """The latest; it may be of the place before. None while nothing is known."""

    def follow(
        self, terrain: Terrain, drawn: SurfaceSampler | None, pick: Pick, state: Hashable
    ) -> Pick:
        """Return the pick with what is known of it by now.

        `drawn` is the surface that was picked; `state` names the surfaces, so that new ones are
        read again.
        """
        key = pick.easting, pick.northing, pick.tile, id(drawn), state
        self._worker.ask(key, partial(_read, terrain, drawn, pick))
        answer = self._worker.answer
        now = time.monotonic()
        if answer is not None and answer.key == key:
            self._settled_at = now
            self.reading, self._error_m = (None, math.nan) if answer.value is None else answer.value
        elif now - self._settled_at > STALE_S:
            self.forget_numbers()
        return with_error(pick, self._error_m)

    def forget_numbers(self) -> None:
        """Nothing is known of the place under the cursor."""
        self.reading = None
        self._error_m = math.nan

    def forget(self) -> None:
        """The cursor left the terrain, or there is another file."""
        self._worker.forget()
        self.forget_numbers()

    @property
    def busy(self) -> bool:
        """True if a reading is being made."""
        return self._worker.busy

    def close(self) -> None:
        """End the worker."""
        self._worker.close()


def _read(
    terrain: Terrain, drawn: SurfaceSampler | None, pick: Pick, outdated: object
) -> tuple[Reading, float]:
    """Return the reading of a pick, and the error of the surface drawn there."""
    level = min(pick.tile.z, terrain.grid.levels - 1)  # the pick may be of a file with more
    reading = read(terrain, pick.easting, pick.northing, level)
    error_m = (
        math.nan if drawn is None else terrain.error_at(drawn, pick.easting, pick.northing, level)
    )
    return reading, error_m
