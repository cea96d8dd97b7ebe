"""Measurements on the continuous surface, for scripts: points, distances, areas and profiles.

Every function takes the path (or URL) of a .ntile file, points as (easting, northing) in its CRS,
and the viewer's options: `methods` and `bits` of slots A and B, a raster as `reference` (its name,
or a `ReferenceRaster` with reading options). They raise NtileError for unreadable files and
UsageError for invalid options; values outside the area or without data are NaN.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neural.errors import UsageError
from neural.raster.reading import Raster
from viewer.model.measurements import MEASUREMENT_KINDS

if TYPE_CHECKING:
    from viewer.measuring.profiles import Profile
    from viewer.measuring.quantities import MeasurementResult
    from viewer.measuring.terrain import Terrain
    from viewer.tiles.pins import Pins

Points = Sequence[Sequence[float]]


@contextmanager
def open_terrain(
    path: str | Path,
    *,
    methods: Sequence[str] = (),
    bits: Sequence[int] = (),
    reference: Raster | None = None,
    pins: Pins | None = None,
) -> Iterator[Terrain]:
    """Open the surfaces of a file: slots A and B with the viewer's defaults, and the reference, if
    any.

    `pins` hold the files to contents.
    """
    from neural.surface.sampling import SurfaceSampler
    from viewer.measuring.terrain import Terrain
    from viewer.model import layers
    from viewer.tiles import reference as references
    from viewer.tiles.pins import Pins

    pins = pins or Pins()
    with pins.open(path) as reader:
        slots: dict[str, SurfaceSampler] = {}
        samplers: dict[tuple[int, int | None], SurfaceSampler] = {}
        for slot, choice in layers.choose(reader, tuple(methods), tuple(bits)).items():
            key = choice.index, choice.keep_bits
            if key not in samplers:
                samplers[key] = SurfaceSampler.of(
                    reader, reader.layers[choice.index], choice.keep_bits
                )
            slots[slot] = samplers[key]
        against = references.find(reader, reference)
        try:
            pins.check(against)
            yield Terrain(reader.grid, slots, against)
        finally:
            if isinstance(against, references.DemReference):
                against.close()


def sample(path: str | Path, points: Points, **options: Any) -> dict[str, np.ndarray]:
    """Return heights in meters of every surface ("reference", "A", "B") at points [n, 2]."""
    with open_terrain(path, **options) as terrain:
        return terrain.heights(*_inside(terrain, points).T)


def measure(path: str | Path, kind: str, points: Points, **options: Any) -> MeasurementResult:
    """Measure a "point", "distance" or "area": see `viewer.measuring.quantities`."""
    _check_kind(kind)
    with open_terrain(path, **options) as terrain:
        return measure_on(terrain, kind, points)


def measure_on(terrain: Terrain, kind: str, points: Points) -> MeasurementResult:
    """Measure on open surfaces, as `measure`. Raises UsageError."""
    from viewer.measuring import quantities

    _check_kind(kind)
    try:
        return quantities.measure(terrain, kind, _inside(terrain, points).tolist())
    except ValueError as error:
        raise UsageError(f"A measurement of {error}.") from None


def _check_kind(kind: str) -> None:
    if kind not in MEASUREMENT_KINDS:
        raise UsageError(
            f"{kind!r} cannot be measured; choose from {', '.join(MEASUREMENT_KINDS)}."
        )


def profile(path: str | Path, points: Points, **options: Any) -> Profile:
    """Sample every surface along a polyline, with residuals."""
    with open_terrain(path, **options) as terrain:
        return profile_on(terrain, points)


def profile_on(terrain: Terrain, points: Points) -> Profile:
    """Sample open surfaces along a polyline, as `profile`. Raises UsageError."""
    from viewer.measuring import profiles

    try:
        return profiles.profile(terrain, _inside(terrain, points).tolist())
    except ValueError as error:
        raise UsageError(f"This line is no profile: {error}.") from None


def _inside(terrain: Terrain, points: Points) -> np.ndarray:
    """Return points of which at least one is near the area. Raises UsageError."""
    pairs = _pairs(points)
    west, south, east, north = terrain.grid.bounds
    low = pairs.min(axis=0)
    high = pairs.max(axis=0)
    if low[0] > east or high[0] < west or low[1] > north or high[1] < south:
        raise UsageError(
            f"All points lie outside the area; its eastings are {west:.10g} to {east:.10g}, "
            f"its northings {south:.10g} to {north:.10g}."
        )
    return pairs


def _pairs(points: Points) -> np.ndarray:
    """Return finite pairs [n, 2]. Raises UsageError."""
    try:
        pairs: np.ndarray = np.asarray(points, np.float64)
    except ValueError:
        pairs = np.zeros(0)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not len(pairs) or not np.isfinite(pairs).all():
        raise UsageError(
            "Points are pairs of easting and northing; give them as [[easting, northing], …]."
        )
    return pairs
