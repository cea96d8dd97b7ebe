"""The quantum of a raster: the coarse step, such as a whole meter, that nearly all its heights are
multiples of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from neural.raster.crs import UNITS

QUANTA = tuple(
    sorted(
        (unit_m * steps for unit_m in set(UNITS.values()) for steps in (1.0, 2.0, 2.5, 5.0, 10.0)),
        reverse=True,
    )
)
"""Steps in meters that are tried, the coarsest first."""

LEVELS = 16
"""Different heights that a raster must have at least: of a few, such as two plains, nothing
follows."""

SHARE = 0.99
"""Least share of all samples that are multiples: a few off them, as of edited places, do not make a
quantum finer."""

CHANGE_SHARE = 0.9
"""Least share among samples unlike the one before: the sea around an island of fine heights tells
of no quantum."""

_PRECISION = 2.0**-22
"""Relative accuracy of heights: two units in the last place of float32."""

_ORIGINS = 33
"""Samples among which a quantum's multiples are located; more than half of them have to be
multiples."""


@dataclass
class _Candidate:
    """Counts of one quantum: multiples of `quantum_m` from `origin_m`, meters."""

    quantum_m: float
    origin_m: float
    off: int = 0  # samples that are no multiples
    changes_off: int = 0
    levels: set[int] = field(default_factory=set)

    def add(self, block: np.ndarray, changed: np.ndarray) -> None:
        """Count samples, float64 [n] in meters; `changed` bool [n] where one differs from the one
        before."""
        multiples = np.rint((block - self.origin_m) / self.quantum_m)
        remainder = np.abs(block - self.origin_m - self.quantum_m * multiples)
        off = remainder > _inexact_m(block, self.origin_m)
        self.off += int(np.count_nonzero(off))
        self.changes_off += int(np.count_nonzero(off & changed))
        if len(self.levels) < LEVELS:
            self.levels.update(np.unique(multiples[~off]).tolist()[:LEVELS])


def find_quantum(blocks: Iterable[np.ndarray], cells: int) -> float:
    """Return the coarsest of QUANTA, meters, that SHARE of the samples are multiples of, up to a
    constant; 0 for none.

    `blocks` are samples in meters, float64 of any shape, at most `cells` in all; no more are taken
    once all quanta are excluded.
    """
    candidates: list[_Candidate] | None = None
    samples = changes = 0
    last = np.nan
    for block in blocks:
        values = block.ravel()
        if not values.size:
            continue
        if candidates is None:
            candidates = [
                _Candidate(quantum_m, _origin_m(values, quantum_m)) for quantum_m in QUANTA
            ]
        changed = np.diff(values, prepend=last) != 0
        last = values[-1]
        samples += values.size
        changes += int(np.count_nonzero(changed))
        for candidate in candidates:
            candidate.add(values, changed)
        candidates = [candidate for candidate in candidates if candidate.off <= (1 - SHARE) * cells]
        if not candidates:
            return 0.0
    for candidate in candidates or ():
        many = (
            candidate.off <= (1 - SHARE) * samples
            and candidate.changes_off <= (1 - CHANGE_SHARE) * changes
        )
        if many and len(candidate.levels) >= LEVELS:
            return candidate.quantum_m
    return 0.0


def _inexact_m(meters: np.ndarray, origin_m: np.ndarray | float) -> np.ndarray:
    """Return the rounding error of multiples, meters: heights and the origin are as accurate as
    float32."""
    inexact: np.ndarray = _PRECISION * (np.abs(meters) + np.abs(origin_m)) + 1e-9
    return inexact


def _origin_m(values: np.ndarray, quantum_m: float) -> float:
    """Return the one of some samples that most of them differ from by multiples."""
    # Drawn at random: evenly spaced ones might be just those of a regular pattern that are off.
    sampled = values[np.random.default_rng(0).integers(0, values.size, _ORIGINS)]
    apart = sampled[:, None] - sampled
    agree = np.abs(apart - quantum_m * np.rint(apart / quantum_m)) <= _inexact_m(
        sampled[:, None], sampled
    )
    return float(sampled[agree.sum(axis=1).argmax()])
