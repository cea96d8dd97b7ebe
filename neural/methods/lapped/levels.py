"""One level of a tile's details: presence, quantization steps, and coding order."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from neural.methods.lapped.boundary import Ends
from neural.methods.lapped.context import BAND_COUNT, PHASES, STEP_RATIO_SCALE, VisitDetails
from neural.methods.lapped.mask_coder import halved
from neural.methods.lapped.wavelet import BANDS

if TYPE_CHECKING:
    from neural.methods.lapped.coder import RangeWriter
    from neural.methods.lapped.model import Model

_NORMS = (
    # L2 norms of the synthesis functions of details along one axis and along both, finest level
    # first; then constant
    (1.43018, 1.04044),
    (1.41196, 0.96722),
    (1.47904, 1.03963),
    (1.50863, 1.07512),
    (1.51734, 1.08584),
    (1.51963, 1.08868),
    (1.52021, 1.08940),
)
_NOWHERE = -(1 << 40)

GRADIENT = 2.0**0.125
"""Step of a level over that of the next finer one, norms apart. At 1 slopes need 3 % more bytes,
heights as many."""

_STEP_RATIOS = -14 * 16, 4 * 16  # sixteenths of doublings; what the context model has seen


def level_steps(step_m: float, above: int) -> np.ndarray:
    """Return quantization steps in meters of the three bands, `above` levels above the finest.

    Within a level each detail's step times the norm of its synthesis function is the same. From
    level to level it grows by GRADIENT: what is coarser weighs less in slopes.
    """
    one, both = _NORMS[min(above, len(_NORMS) - 1)]
    return step_m * GRADIENT**above / (np.array([one, one, both]) * 2.0**above)


def log_step_ratio(step_m: float, cell_m: float) -> int:
    """Return log2(step / cell size) as a fixed-point number for `Context.walk`.

    Both are in meters. The result is a whole number of sixteenths of doublings, computed without a
    logarithm, so that every machine gets the same.
    """
    ratio, octave = np.frexp(np.float64(step_m) / np.float64(cell_m))  # in [½, 1)
    power = ratio
    for _ in range(4):
        power = power * power
    sixteenth = int(np.count_nonzero(power >= 2.0 ** np.arange(-15.0, 1.0)))
    return int(np.clip((int(octave) - 1) * 16 + sixteenth, *_STEP_RATIOS)) * (
        STEP_RATIO_SCALE // 16
    )


SYNTHESIS_REACH = 2
"""Details further away than this, in details, say nothing of a sample."""


def reaching(valid: np.ndarray) -> np.ndarray:
    """Return the details of a band that affect a valid sample, bool [n, m] from `valid` [2 n, 2
    m]."""
    near = halved(valid)
    for _ in range(2):
        for _ in range(SYNTHESIS_REACH):
            grown = near.copy()
            grown[1:] |= near[:-1]
            grown[:-1] |= near[1:]
            near = grown
        near = near.T
    return near


def coded_details(valid: np.ndarray, size: tuple[int, int], neighbors: bool = False) -> np.ndarray:
    """Return the coded details, bool [BAND_COUNT, n, n]: of the bands of a level's `size` (rows,
    columns) of samples, those that affect a valid sample of `valid` [2 n, 2 n], or any sample that
    `neighbors` may hold."""
    near = reaching(valid)
    if neighbors:
        for lines in (near, near.T):
            lines[:SYNTHESIS_REACH] = lines[-SYNTHESIS_REACH:] = True
    indices = np.arange(len(near))
    inside = [(2 * indices + y < size[0])[:, None] & (2 * indices + x < size[1]) for y, x in BANDS]
    return np.stack([near & band for band in inside])


class DetailLevel(NamedTuple):
    """One level of a tile's `Stack`, before its details are known."""

    coded: np.ndarray  # bool [BAND_COUNT, n, n]
    log_step_ratio: int
    above: int  # levels above the finest


class LevelDetails(NamedTuple):
    """One level's details, all [BAND_COUNT, n, n], 0 where not coded."""

    signed: np.ndarray  # int32
    steps: np.ndarray  # float64: reconstruction in quantization steps
    classes: np.ndarray  # int16


def walk(
    model: Model, level: DetailLevel, parent: np.ndarray | None, visit: VisitDetails
) -> LevelDetails:
    """Visit the details of a level; see `Context.walk`."""
    steps = np.zeros(level.coded.shape)
    every = np.zeros(level.coded.shape, np.int16)

    def visited(band: int, positions: np.ndarray, classes: np.ndarray) -> np.ndarray:
        symbols = visit(band, positions, classes)
        steps[band].ravel()[positions] = model.distributions.values(symbols, classes)
        every[band].ravel()[positions] = classes
        return symbols

    return LevelDetails(
        model.context.walk(level.coded, parent, level.log_step_ratio, visited), steps, every
    )


def rewrite(writer: RangeWriter, coded: np.ndarray, details: LevelDetails) -> None:
    """Code details again that have been visited before; `coded` is their level's."""
    for band in range(BAND_COUNT):
        for y, x in PHASES:
            coded_phase = coded[band, y::2, x::2]
            if coded_phase.any():
                writer.put(
                    details.signed[band, y::2, x::2][coded_phase],
                    details.classes[band, y::2, x::2][coded_phase],
                )


def level_size(rows: int, columns: int, above: int) -> tuple[int, int]:
    """Return the size (rows, columns) of the level `above` levels above one of rows × columns."""
    return -(-rows // (1 << above)), -(-columns // (1 << above))


def odd_ends(rows: int, columns: int) -> Ends:
    """Return the details that end the lines of a level of rows × columns samples: those of lines of
    even length."""
    return Ends(*(_NOWHERE if count % 2 else count // 2 - 1 for count in (rows, columns)))


def sample_shift(above: int) -> float:
    """Return the shift of samples before their cells' centers, `above` levels above the finest, in
    cells.

    A low-pass value is centered on the finest cell that its cell begins with: ½ (1 − 2^−above),
    exact in float32.
    """
    return 0.5 - 0.5 * 2.0**-above


def requantized(signed: np.ndarray, coarser: int) -> np.ndarray:
    """Return signed magnitudes at a step doubled `coarser` times, halves rounded towards 0 as an
    encoder does, int32."""
    if not coarser:
        return signed
    kept = (np.abs(signed) + (1 << coarser - 1) - 1) >> coarser
    magnitudes: np.ndarray = np.where(signed < 0, -kept, kept).astype(np.int32)
    return magnitudes
