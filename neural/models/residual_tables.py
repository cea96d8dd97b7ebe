"""Tables of `neural.methods.lapped.residuals` from rasters: `python -m
neural.models.residual_tables DECODER DATA…`.

The command adds them to the weights of a lapped_siren decoder, whose context model must be final,
and keeps all else.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from neural.encoding.lapped.bounded import BOUNDED_LAGRANGE
from neural.methods.lapped.boundary import LINEAR
from neural.methods.lapped.context import CLASSES, PHASES, STEP_RATIO_SCALE
from neural.methods.lapped.extension import merge_level
from neural.methods.lapped.levels import level_size, level_steps, log_step_ratio
from neural.methods.lapped.model import Model
from neural.methods.lapped.residuals import (
    CHANCE_SCALE,
    CHANCES,
    CLASS_SCALE,
    EXPECTED_CLASSES,
    EXPECTED_SCALE,
    EXPECTED_SYMBOLS,
    FAR,
    NEAR,
    RESIDUAL_CLASSES,
    error_classes,
    walk,
)
from neural.methods.lapped.wavelet import BANDS
from neural.models.context_data import decode, middle, raster_levels
from neural.models.decoder_file import add_weights
from neural.models.train_data import Raster, load_split

_BOUNDS_M = (0.05, 0.1, 0.1, 0.2, 0.2, 0.4, 0.4, 0.8)
_LEAST_SHARE = 2.0  # of the bound in the quantization step, which is less than twice as much
_GOLDEN = (np.sqrt(5) - 1) / 2
_LARGEST_SIDE = 768  # samples of a raster that are looked at, in its middle
_BROAD = 8  # classes either way that an expected error leans on where there are few details
_MANY = 300.0
_POWER = 0.75  # residuals of a place beyond which more of them count for less
_PRIOR = 50.0  # details, or residuals, that the mean of many counts for
_LOGITS = -13.0, 0.35  # log-odds of a residual in class 0, and their steps
_BEND = 30.0  # weight of squared second differences along a table
_RIDGE = 0.01
_ROUNDS = 30


class QuantizedRaster(NamedTuple):
    """A raster at one step."""

    valid: np.ndarray  # bool [2 n, 2 n]
    error_m: np.ndarray  # float32 [2 n, 2 n], 0 where not valid
    signed: np.ndarray  # int32 [BAND_COUNT, n, n], the finest details
    classes: np.ndarray  # int16 of the same shape, 0 where there are none
    # float32, the same shape: their squared errors in steps; NaN where there are none
    squared: np.ndarray
    step_m: float
    bound_m: float


def fit_residual_tables(rasters: Sequence[Raster], model: Model) -> dict[str, np.ndarray]:
    """Return the weights that `neural.methods.lapped.residuals.shapes` lists, float32 integers, for
    a model without them yet."""
    samples = [
        sample
        for number, raster in enumerate(rasters)
        for sample in _quantized(raster, number, model)
    ]
    expected = _expected(samples)
    counts = np.zeros((CHANCES + 1, len(PHASES), EXPECTED_CLASSES, NEAR, FAR))
    for sample in samples:
        new = _counts(sample, expected)
        # Residuals come in clusters and places differ, so that many of one place say little more
        # than some.
        counts += new * (_MANY / (_MANY + new[1:].sum())) ** _POWER
    zeros = counts[0]
    others = counts[1:].sum(axis=0)
    tables = [_additive(zeros[phase], others[phase]) for phase in range(len(PHASES))]
    error_class, near, far = (np.stack(parts) for parts in zip(*tables, strict=True))
    scaled = [
        np.rint(CLASS_SCALE * sample / _LOGITS[1])
        for sample in (error_class - _LOGITS[0], near, far)
    ]
    score = scaled[0][:, :, None, None] + scaled[1][:, None, :, None] + scaled[2][:, None, None, :]
    classes = np.clip(score // CLASS_SCALE, 0, RESIDUAL_CLASSES - 1).astype(np.intp)
    by_class = np.stack(
        [np.bincount(classes.ravel(), sample.ravel(), RESIDUAL_CLASSES) for sample in counts],
        axis=1,
    )
    tables_by_name = dict(zip(("spread", "near", "far"), scaled, strict=True))
    tables_by_name |= {"expected": expected, "chance": _chances(by_class)}
    return {
        f"residual_{name}": values.astype(np.float32) for name, values in tables_by_name.items()
    }


def _quantized(raster: Raster, number: int, model: Model) -> Iterator[QuantizedRaster]:
    cut = middle(raster, _LARGEST_SIDE)
    levels = raster_levels(cut)
    rows, columns = cut.heights.shape
    for k, bound_m in enumerate(_BOUNDS_M):
        # All shares between, evenly: errors expected of quiet details take few values.
        step_m = _LEAST_SHARE * 2.0 ** ((number * len(_BOUNDS_M) + k) * _GOLDEN % 1) * bound_m
        errors = np.zeros(level_size(rows, columns, len(levels)))
        for level in decode(levels, cut, step_m, model, BOUNDED_LAGRANGE, restored=True):
            coded = levels[level.above].coded
            size = level_size(rows, columns, level.above)
            loss = np.where(coded, level.in_steps - level.decoded, 0)
            errors = _merged(errors, loss * level_steps(step_m, level.above)[:, None, None], size)
        side = 2 * loss.shape[1]
        valid = np.zeros((side, side), bool)
        error_m = np.zeros((side, side), np.float32)
        valid[:rows, :columns] = cut.valid
        error_m[:rows, :columns] = np.where(cut.valid, errors, 0)
        squared = np.where(coded, loss**2, np.nan).astype(np.float32)
        yield QuantizedRaster(
            valid, error_m, level.signed, level.classes.astype(np.int16), squared, step_m, bound_m
        )


def _merged(samples: np.ndarray, details: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Map low-pass samples and details [BAND_COUNT, n, n] to samples of a level of this size."""
    bands = np.zeros(size)
    bands[0::2, 0::2] = samples
    for band, (y, x) in zip(details, BANDS, strict=True):
        phase = bands[y::2, x::2]
        phase[:] = band[: phase.shape[0], : phase.shape[1]]
    return merge_level(bands, LINEAR)


def _expected(samples: Sequence[QuantizedRaster]) -> np.ndarray:
    """Return the mean squared errors [CLASSES, EXPECTED_SYMBOLS] over EXPECTED_SCALE, whole."""
    total, count = np.zeros((2, CLASSES, EXPECTED_SYMBOLS))
    for sample in samples:
        finite = np.isfinite(sample.squared)
        index = (
            sample.classes[finite],
            np.minimum(np.abs(sample.signed[finite]), EXPECTED_SYMBOLS - 1),
        )
        np.add.at(total, index, np.minimum(sample.squared[finite], 1.0))
        np.add.at(count, index, 1)
    overall = total.sum(axis=0) / np.maximum(count.sum(axis=0), 1)
    is_similar = np.abs(np.subtract.outer(np.arange(CLASSES), np.arange(CLASSES))) <= _BROAD
    smoothed = (is_similar @ total + _PRIOR * overall) / (is_similar @ count + _PRIOR)
    return np.rint(EXPECTED_SCALE * (total + _PRIOR * smoothed) / (count + _PRIOR))


def _counts(sample: QuantizedRaster, expected: np.ndarray) -> np.ndarray:
    """Count magnitudes 0, 1, 2 and more by phase, error class, near and far."""
    counts = np.zeros((CHANCES + 1, len(PHASES), EXPECTED_CLASSES, NEAR, FAR))
    residuals = np.rint(sample.error_m / (2 * sample.bound_m)).astype(np.int32).ravel()
    by_context = counts.reshape(len(counts), len(PHASES), -1)
    ratio = log_step_ratio(sample.step_m, sample.bound_m) // (STEP_RATIO_SCALE // 8)
    error_class = error_classes(
        expected[sample.classes, np.minimum(np.abs(sample.signed), EXPECTED_SYMBOLS - 1)].astype(
            int
        ),
        ratio,
    )

    def visit(phase: int, positions: np.ndarray, *contexts: np.ndarray) -> np.ndarray:
        index = np.ravel_multi_index(contexts, (EXPECTED_CLASSES, NEAR, FAR))
        magnitude = np.minimum(np.abs(residuals[positions]), CHANCES)
        for symbol in range(CHANCES + 1):
            by_context[symbol, phase] += np.bincount(
                index[magnitude == symbol], minlength=by_context.shape[2]
            )
        return residuals[positions]

    walk(sample.valid, error_class, visit)
    return counts


def _additive(zeros: np.ndarray, others: np.ndarray) -> list[np.ndarray]:
    """Fit log-odds of a residual as a sum of three tables, by Newton's method.

    `zeros` and `others` are counts [EXPECTED_CLASSES, NEAR, FAR].
    """
    sizes = zeros.shape
    ends = np.cumsum([0, *sizes])
    parts = [slice(*pair) for pair in pairwise(ends)]
    penalty = _RIDGE * np.eye(ends[-1])
    for part, size in zip(parts, sizes, strict=True):
        bend = np.diff(np.eye(size), 2, axis=0)
        penalty[part, part] += _BEND * bend.T @ bend
    count = zeros + others
    values = np.zeros(ends[-1])
    values[parts[0]] = np.linspace(*(-12.0, 3.0), sizes[0])
    start = values.copy()  # what the ridge leads back to
    for _ in range(_ROUNDS):
        logit = np.clip(_outer_sum([values[part] for part in parts]), -20, 20)
        chance = 1 / (1 + np.exp(-logit))
        slope = penalty @ values - _RIDGE * start
        bend = penalty.copy()
        for axis, part in enumerate(parts):
            slope[part] -= _marginal(others - count * chance, axis)
            bend[part, part] += np.diag(_marginal(count * chance * (1 - chance), axis))
            for other in range(axis + 1, len(parts)):
                summed_axes = tuple({0, 1, 2} - {axis, other})
                cross = (count * chance * (1 - chance)).sum(axis=summed_axes)
                bend[part, parts[other]] = cross
                bend[parts[other], part] = cross.T
        values -= np.clip(np.linalg.solve(bend, slope), -2, 2)
    return [values[part] for part in parts]


def _outer_sum(tables: Sequence[np.ndarray]) -> np.ndarray:
    one, two, three = tables
    return one[:, None, None] + two[:, None] + three


def _marginal(values: np.ndarray, axis: int) -> np.ndarray:
    return values.sum(axis=tuple({0, 1, 2} - {axis}))


def _chances(by_class: np.ndarray) -> np.ndarray:
    """Map counts of magnitudes [RESIDUAL_CLASSES, CHANCES + 1] to chances of more than 0, 1, 2 over
    CHANCE_SCALE, whole."""
    above = by_class[:, ::-1].cumsum(axis=1)[:, ::-1]  # of at least 0, 1, 2, 3
    prior = above[:, 1:].sum(axis=0) / np.maximum(above[:, :-1].sum(axis=0), 1)
    start = np.tile(prior, (RESIDUAL_CLASSES, 1))
    middle = _LOGITS[0] + _LOGITS[1] * (np.arange(RESIDUAL_CLASSES) + 0.5)
    start[:, 0] = 1 / (1 + np.exp(-middle))
    chance = (above[:, 1:] + _PRIOR * start) / (above[:, :-1] + _PRIOR)
    return np.clip(np.rint(CHANCE_SCALE * chance), 1, CHANCE_SCALE - 1)


def main(decoder: Path, folders: Sequence[Path]) -> None:
    """Add the tables to a decoder's weights, fitted to the `train` split of folders with a
    MANIFEST.csv."""
    add_weights(decoder, lambda model: fit_residual_tables(load_split(folders, "train"), model))


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(folder) for folder in sys.argv[2:]])
