"""Training data of a context model: magnitudes of whole rasters' wavelet details, level by level,
at many steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from neural.encoding.lapped.rate_distortion import quantize_rdo
from neural.methods.lapped.boundary import LINEAR
from neural.methods.lapped.context import BAND_COUNT
from neural.methods.lapped.extension import merge_level, split_level
from neural.methods.lapped.levels import (
    DetailLevel,
    coded_details,
    level_size,
    level_steps,
    log_step_ratio,
    walk,
)
from neural.methods.lapped.model import Model
from neural.methods.lapped.wavelet import BANDS
from neural.models.train_data import Raster
from neural.raster.fill import fill

WINDOW = 128
"""Details along the side of a training window, as in a tile."""

# where magnitude 1 begins, and what is added to larger ones, while there is no model to decide
_DEAD_ZONE = 0.64, 0.55

_PRIOR = 200.0  # details that the mean of all classes counts for


@dataclass(frozen=True, eq=False)
class RasterLevel:
    """Details of one level of a raster, padded to a square of even side."""

    details: np.ndarray  # float32 [BAND_COUNT, n, n] meters
    coded: np.ndarray  # bool, the same shape


@dataclass(frozen=True, eq=False)
class QuantizedLevel:
    """One level at one step."""

    magnitudes: np.ndarray  # int32 [BAND_COUNT, n, n]
    parent: np.ndarray | None  # int32 [BAND_COUNT, n / 2 or more, the same]
    coded: np.ndarray
    log_step_ratio: float  # doublings
    share: float  # how often it is drawn


def middle(raster: Raster, side: int) -> Raster:
    """Return the middle of a raster, at most `side` samples along both axes."""
    first = [max(size - side, 0) // 2 for size in raster.heights.shape]
    cut = tuple(slice(start, start + side) for start in first)
    return Raster(raster.name, raster.cell_m, raster.heights[cut], raster.valid[cut])


def raster_levels(raster: Raster) -> list[RasterLevel]:
    """Return all levels of a raster, finest first, as `neural.encoding.lapped.encoder` splits
    tiles."""
    center = float(raster.heights[raster.valid].mean(dtype=np.float64))
    side = 1 << max(raster.heights.shape).bit_length()
    heights = np.zeros((side, side), np.float32)
    valid = np.zeros((side, side), bool)
    rows, columns = raster.heights.shape
    heights[:rows, :columns] = np.where(raster.valid, raster.heights - center, 0)
    valid[:rows, :columns] = raster.valid
    samples = fill(heights, valid)[:rows, :columns].astype(np.float64)
    levels = []
    while max(samples.shape) > 2:
        size = samples.shape
        n = -(-max(size) // 4) * 2
        bands = np.zeros((2 * n, 2 * n))
        present = np.zeros((2 * n, 2 * n), bool)
        split = split_level(samples, LINEAR)
        bands[: size[0], : size[1]] = split
        present[: size[0], : size[1]] = valid[: size[0], : size[1]]
        coded = coded_details(present, size)
        details = np.stack([bands[y::2, x::2] for y, x in BANDS])
        levels.append(RasterLevel((details * coded).astype(np.float32), coded))
        samples = split[0::2, 0::2]
        valid = (pairs := present[0::2] | present[1::2])[:, 0::2] | pairs[:, 1::2]
    return levels


class Signed(NamedTuple):
    """One level, quantized."""

    above: int  # levels above the finest
    in_steps: np.ndarray  # float64 [BAND_COUNT, n, n], before quantization
    signed: np.ndarray  # int32, the same shape
    # intp, the same shape, −1 where nothing is coded; None without a model
    classes: np.ndarray | None


def quantize(
    levels: Sequence[RasterLevel],
    step_m: float,
    cell_m: float,
    model: Model | None,
    lagrange: float,
) -> Iterator[Signed]:
    """Yield levels coarse to fine. With a model the magnitudes are those that an encoder chooses,
    else of a dead zone."""
    parent: np.ndarray | None = None
    for above in range(len(levels) - 1, -1, -1):
        level = levels[above]
        classes = None
        in_steps = level.details / level_steps(step_m, above)[:, None, None]
        if model is None:
            size = np.abs(in_steps)
            magnitude = np.floor(size + 1 - _DEAD_ZONE[0])
            magnitude = np.where(magnitude > 1, np.floor(size + 1 - _DEAD_ZONE[1]), magnitude)
            signed = np.copysign(magnitude, in_steps).astype(np.int32)
        else:
            half = level.coded.shape[1] // 2
            above_it = None if parent is None else _cut(parent, 0, 0, half)
            ratio = log_step_ratio(step_m, cell_m * 2.0**above)
            signed, classes = _chosen(level, in_steps, above_it, ratio, model, lagrange)
        yield Signed(above, in_steps, signed, classes)
        parent = signed


class Decoded(NamedTuple):
    """One level, quantized and decoded."""

    above: int  # levels above the finest
    samples: np.ndarray  # float64 [n', m'], those of the next coarser level, meters
    decoded: np.ndarray  # float64 [BAND_COUNT, n, n], quantization steps
    in_steps: np.ndarray  # what was to be decoded
    signed: np.ndarray  # int32, the same shape
    classes: np.ndarray  # intp, the same shape, 0 where nothing is coded


def decode(
    levels: Sequence[RasterLevel],
    raster: Raster,
    step_m: float,
    model: Model,
    lagrange: float,
    restored: bool,
) -> Iterator[Decoded]:
    """Yield a raster's levels as a decoder has them, coarse to fine; heights but for a constant."""
    rows, columns = raster.heights.shape
    samples = np.zeros(level_size(rows, columns, len(levels)))
    for above, in_steps, signed, classes in quantize(
        levels, step_m, raster.cell_m, model, lagrange
    ):
        assert classes is not None  # there is a model
        classes = np.maximum(classes, 0)
        decoded = model.distributions.values(signed, classes)
        steps = level_steps(step_m, above)
        (n, m) = samples.shape
        if restored:
            decoded[:, :n, :m] += model.restoration.whole(
                samples / steps[0], decoded[:, :n, :m], LINEAR
            )
        decoded = np.where(levels[above].coded, decoded, 0)
        yield Decoded(above, samples, decoded, in_steps, signed, classes)
        bands = np.zeros(level_size(rows, columns, above))
        bands[0::2, 0::2] = samples
        for band, (y, x), step in zip(decoded, BANDS, steps, strict=True):
            phase = bands[y::2, x::2]
            phase[:] = step * band[: phase.shape[0], : phase.shape[1]]
        samples = merge_level(bands, LINEAR)


def _chosen(
    level: RasterLevel,
    in_steps: np.ndarray,
    parent: np.ndarray | None,
    log_step_ratio: int,
    model: Model,
    lagrange: float,
) -> tuple[np.ndarray, np.ndarray]:
    every = np.full(in_steps.shape, -1, np.intp)

    def visit(band: int, positions: np.ndarray, classes: np.ndarray) -> np.ndarray:
        every[band].ravel()[positions] = classes
        return quantize_rdo(
            model.distributions, in_steps[band].ravel()[positions], classes, lagrange
        )

    return walk(model, DetailLevel(level.coded, log_step_ratio, 0), parent, visit)[0], every


class Windows:
    """Random windows of quantized rasters; large levels weigh less than their area."""

    def __init__(
        self,
        rasters: Sequence[Raster],
        quantizations: int,
        model: Model | None,
        lagrange: float,
        seed: int,
    ):
        self.rng = np.random.default_rng(seed)
        self.levels: list[QuantizedLevel] = []
        for raster in rasters:
            levels = raster_levels(raster)
            jitter = self.rng.uniform(-0.25, 0.25, quantizations)
            for step_m in np.exp(np.linspace(np.log(0.05), np.log(4.0), quantizations) + jitter):
                above: np.ndarray | None = None
                for number, _, signed, _ in quantize(
                    levels, float(step_m), raster.cell_m, model, lagrange
                ):
                    coded = levels[number].coded
                    ratio = float(np.log2(step_m / (raster.cell_m * 2.0**number)))
                    magnitudes = np.abs(signed)
                    self.levels.append(
                        QuantizedLevel(magnitudes, above, coded, ratio, float(coded.sum()) ** 0.7)
                    )
                    above = magnitudes
        share = np.array([level.share for level in self.levels])
        self._chance = share / share.sum()

    def batch(self, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return magnitudes int32 [size, BAND_COUNT, WINDOW, WINDOW], the parent's, coded float32,
        slopes float32 [size]."""
        windows: list[tuple[np.ndarray, np.ndarray, np.ndarray, float]] = []
        while len(windows) < size:
            level = self.levels[self.rng.choice(len(self.levels), p=self._chance)]
            room = max(level.coded.shape[1] - WINDOW, 0) // 2
            y, x = 2 * self.rng.integers(room + 1, size=2)
            coded = _cut(level.coded, y, x, WINDOW)
            if coded.sum() < 200 and self.rng.random() < 0.8:
                continue
            magnitudes = _cut(level.magnitudes, y, x, WINDOW)
            parent = _cut(level.parent, y // 2, x // 2, WINDOW // 2)
            if self.rng.random() < 0.5:  # along x and along y change places
                magnitudes, parent, coded = (
                    a[[1, 0, 2]].swapaxes(1, 2) for a in (magnitudes, parent, coded)
                )
            windows.append(
                (magnitudes, parent, coded, level.log_step_ratio + 0.5 * self.rng.normal())
            )
        magnitudes, parents, masks = (np.stack([row[k] for row in windows]) for k in range(3))
        return (
            magnitudes,
            parents,
            masks.astype(np.float32),
            np.array([row[3] for row in windows], np.float32),
        )


def _cut(values: np.ndarray | None, y: int, x: int, size: int) -> np.ndarray:
    """Return a window [BAND_COUNT, size, size], zeros beyond."""
    out = np.zeros(
        (BAND_COUNT, size, size), bool if values is not None and values.dtype == bool else np.int32
    )
    if values is not None:
        part = values[:, y : y + size, x : x + size]
        out[:, : part.shape[1], : part.shape[2]] = part
    return out


def centroids(
    rasters: Sequence[Raster], model: Model, lagrange: float, steps_m: Sequence[float], classes: int
) -> np.ndarray:
    """Return the centroids: the mean distance of details inside their magnitude, in steps, per
    class and magnitude 1, 2, 3 and more.

    Shrunk towards the mean of all classes where there are few. Returns [classes, 3].
    """
    total = np.zeros((classes, 3))
    count = np.zeros((classes, 3))
    for raster in rasters:
        levels = raster_levels(raster)
        for step_m in steps_m:
            for _, in_steps, signed, cell_classes in quantize(
                levels, step_m, raster.cell_m, model, lagrange
            ):
                assert cell_classes is not None
                nonzero = signed != 0
                magnitude = np.abs(signed[nonzero])
                index = cell_classes[nonzero], np.minimum(magnitude, 3) - 1
                np.add.at(total, index, magnitude - np.abs(in_steps[nonzero]))
                np.add.at(count, index, 1)
    overall = total.sum(axis=0) / np.maximum(count.sum(axis=0), 1)
    return (total + _PRIOR * overall) / (count + _PRIOR)
