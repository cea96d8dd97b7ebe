"""Readouts of one position: under the cursor (read by a worker), or pinned."""

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
"""Name of the difference of the two slots."""

STALE_S = 0.25
"""Time that the numbers of the previous position stay while the cursor moves, seconds; then they
become dots."""


@dataclass(frozen=True)
class SurfaceReading:
    """Values at a position, in file coordinates, meters and degrees; NaN where unknown."""

    easting: float
    northing: float
    level: int
    tile: Tile | None  # None outside the raster
    longitude_deg: float
    latitude_deg: float
    heights_m: dict[str, float]  # of each surface, by name
    slope_deg: dict[str, float]  # of the slots
    # downslope direction, clockwise from grid north; NaN where level
    aspect_deg: dict[str, float]
    profile_curvature: dict[
        str, float
    ]  # along the steepest descent, 1/m, convex positive (`neural.measure.morphometry`)
    plan_curvature: dict[str, float]  # across it
    differences_m: dict[str, float]  # A − reference and so on, where both are known


def read(
    terrain: Terrain, easting: float, northing: float, level: int | None = None
) -> SurfaceReading:
    """Read all surfaces at a position at the finest level, or at `level`. Raises NtileError for
    unreadable data.

    A difference from the reference at a coarse level is interpolated from the layer's samples
    (`Terrain.error_at`), and the reference's height there is the first slot's less its difference.
    """
    level = terrain.grid.levels - 1 if level is None else level
    heights: dict[str, float] = {}
    shape: dict[str, tuple[float, float, float, float]] = {}
    for slot, sampler in terrain.slots.items():
        slot_level = terrain.level_of(sampler, level)
        decoded = sampler.at(easting, northing, order=1, level=slot_level)
        heights[slot] = float(decoded.meters)
        shape[slot] = (
            float(morphometry.slope_deg(decoded.east, decoded.north)),
            float(morphometry.aspect_deg(decoded.east, decoded.north)),
            *sampler_curvatures(terrain, slot, easting, northing, slot_level),
        )
    errors = {
        slot: terrain.error_at(sampler, easting, northing, level)
        for slot, sampler in terrain.slots.items()
    }
    if terrain.reference is not None:
        reference_m = _reference_m(terrain, level, heights, errors)
        if reference_m is None:
            reference_m = float(terrain.reference.heights_at(easting, northing))
        heights[REFERENCE] = reference_m
    apart = differences(heights)
    if BETWEEN in apart and level < terrain.grid.levels - 1 and len(_low_passes(terrain)) > 1:
        apart[BETWEEN] = _finest_difference(terrain, easting, northing)
    apart |= {
        name: errors[slot] for slot in errors if (name := difference_name(slot, REFERENCE)) in apart
    }
    longitude, latitude = lonlat(terrain.grid.crs_wkt, easting, northing)
    slopes, aspects, profiles, plans = ({}, {}, {}, {})
    for slot, values in shape.items():
        slopes[slot], aspects[slot], profiles[slot], plans[slot] = values
    return SurfaceReading(
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
    """Return A − B at the finest level: coarse levels of two low-passes also differ by the
    low-passes."""
    one, other = (float(terrain.slots[slot].at(easting, northing).meters) for slot in SLOTS)
    return one - other


def _reference_m(
    terrain: Terrain, level: int, heights: dict[str, float], errors: dict[str, float]
) -> float | None:
    """Return the reference's height at the level of the first slot; None at the finest level."""
    candidates = [
        heights[slot] - error
        for slot, error in errors.items()
        if terrain.slots[slot].grid is terrain.grid
    ]
    return candidates[0] if level < terrain.grid.levels - 1 and candidates else None


def sampler_curvatures(
    terrain: Terrain, slot: str, easting: float, northing: float, level: int | None
) -> tuple[float, float]:
    """Return profile and plan curvature of a slot's surface at a position, 1/m."""
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
    decoded = surface.heights(u, v, order=1)
    bend = morphometry.second_derivatives(surface, u, v)
    east = np.asarray(decoded.east, np.float64)
    north = np.asarray(decoded.north, np.float64)
    return (
        float(morphometry.profile_curvature(east, north, bend)[0, 0]),
        float(morphometry.plan_curvature(east, north, bend)[0, 0]),
    )


class Readout:
    """Readings of the position under the cursor, made by a worker."""

    def __init__(self) -> None:
        self._worker = Latest("readout")
        self._settled_at = 0.0
        self._error_m = math.nan
        self.reading: SurfaceReading | None = None
        """The latest reading, possibly of the previous position; None while unknown."""

    def follow(
        self, terrain: Terrain, drawn: SurfaceSampler | None, pick: Pick, state: Hashable
    ) -> Pick:
        """Return the pick with the values read so far.

        `drawn` is the picked surface; `state` identifies the surfaces, so that new ones are read
        again.
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
        """Drop the values under the cursor."""
        self.reading = None
        self._error_m = math.nan

    def forget(self) -> None:
        """Drop the reading: the cursor left the terrain, or another file was opened."""
        self._worker.forget()
        self.forget_numbers()

    @property
    def busy(self) -> bool:
        """True if a reading is under way."""
        return self._worker.busy

    def close(self) -> None:
        """End the worker."""
        self._worker.close()


def _read(
    terrain: Terrain, drawn: SurfaceSampler | None, pick: Pick, outdated: object
) -> tuple[SurfaceReading, float]:
    """Return the reading of a pick, and the error of the drawn surface."""
    level = min(pick.tile.z, terrain.grid.levels - 1)  # the pick may be of a file with more
    reading = read(terrain, pick.easting, pick.northing, level)
    error_m = (
        math.nan if drawn is None else terrain.error_at(drawn, pick.easting, pick.northing, level)
    )
    return reading, error_m
