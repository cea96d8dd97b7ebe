"""Blocks and samples of ACORN's training steps, drawn from a seed and the step's number alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neural.encoding.acorn.area import Area

INTERIOR_SHARE = 0.15
"""Share of interior nodes among the blocks of a step, where they are trained."""

GAP_WEIGHT = 0.1
"""Weight of a sample without data, over one with data: coarse levels average the surface there,
too."""

_LEAST_CHANCE = 0.1  # of a block drawn by its error, over the mean


class Draw(NamedTuple):
    """Blocks of one step, the leaves first."""

    leaves: np.ndarray  # index of each leaf, int64 [m]
    blocks: np.ndarray  # (scale, x, y), int64 [n, 3]
    generations: np.ndarray  # below each block: the level of its target, int64 [n]
    weights: np.ndarray  # of the blocks' errors in the loss, float32 [n]
    random: np.random.Generator  # of their samples


class Samples(NamedTuple):
    """Normalized heights at the places of a draw."""

    heights: np.ndarray  # float32 [n, rows, columns]
    valid: np.ndarray  # bool [n, rows, columns]
    filled: np.ndarray  # bool [n, rows, columns]: gaps, which have heights of coarser levels


def draw(
    random: np.random.Generator,
    leaves: np.ndarray,
    interior: np.ndarray,
    generations: np.ndarray,
    count: int | None,
    chances: np.ndarray | None,
) -> Draw:
    """Return `count` blocks (None: all leaves) without repetition.

    `interior` nodes [k, 3] with their `generations` [k] take INTERIOR_SHARE of them; leaves come by
    their chances, equal ones without, and are weighted so that the loss stays the mean of all
    leaves, about.
    """
    drawn = len(leaves) if count is None else min(count, len(leaves))
    nodes = 0
    if len(interior):
        nodes = min(len(interior), max(1, round(INTERIOR_SHARE * drawn)))
        drawn = max(1, drawn - nodes) if count is not None else drawn
    chosen = random.choice(len(leaves), drawn, replace=False, p=chances)
    weights = np.full(drawn + nodes, 1.0)
    if chances is not None:
        weights[:drawn] = 1 / (len(leaves) * chances[chosen])
    blocks = leaves[chosen]
    coarser = np.zeros(drawn, np.int64)
    if nodes:
        others = random.choice(len(interior), nodes, replace=False)
        blocks = np.concatenate([blocks, interior[others]])
        coarser = np.concatenate([coarser, generations[others]])
    return Draw(chosen, blocks, coarser, (weights / weights.sum()).astype(np.float32), random)


def stratified(
    random: np.random.Generator, count: int, strata: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return places (u, v) float32 [count, rows, columns] in [0, 1], one in each stratum."""
    rows, columns = strata
    shape = (count, rows, columns)
    u = (np.arange(columns, dtype=np.float32) + random.random(shape, np.float32)) / columns
    v = np.arange(rows, dtype=np.float32)[:, None] + random.random(shape, np.float32)
    return u, v / rows


def chances_by(errors: np.ndarray, exponent: float) -> np.ndarray:
    """Return chances [n] that rise with a power of the blocks' root mean square errors; NaN errors
    count as the largest."""
    measured = np.isfinite(errors)
    weight = np.ones(len(errors))
    if measured.any():
        weight[measured] = np.sqrt(errors[measured] + 1e-12) ** exponent
        weight[~measured] = weight[measured].max()
    weight = np.maximum(weight, _LEAST_CHANCE * weight.mean())
    return weight / weight.sum()


def raised_to_half(chances: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return chances of which some blocks [n] (bool) have half, or more as before."""
    share = chances[chosen].sum()
    if not 0 < share < 0.5:
        return chances
    return np.where(chosen, chances * (0.5 / share), chances * (0.5 / (1 - share)))


def samples(
    area: Area, blocks: np.ndarray, level: np.ndarray, u: np.ndarray, v: np.ndarray
) -> Samples:
    """Return the area's heights at places (u, v) of blocks, each from so many levels above the
    finest."""
    columns, rows = places(area, blocks, u, v)
    meters = np.zeros(u.shape, np.float32)
    valid = np.zeros(u.shape, bool)
    filled = np.zeros(u.shape, bool)
    for coarser in np.unique(level).tolist():
        chosen = level == coarser
        capped = min(coarser, area.levels - 1)
        meters[chosen], valid[chosen] = area.targets(columns[chosen], rows[chosen], capped)
        gaps = ~valid & chosen[:, None, None]
        if area.has_gaps and gaps.any():
            meters[gaps], filled[gaps] = area.filled(columns[gaps], rows[gaps], capped)
    return Samples(area.normalized(meters), valid, filled)


def places(
    area: Area, blocks: np.ndarray, u: np.ndarray, v: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return columns and rows in finest cells, float64, of places in [0, 1] of blocks."""
    side = (area.root_cells >> blocks[:, 0]).astype(np.float64)[:, None, None]
    columns = (blocks[:, 1, None, None] + u.astype(np.float64)) * side
    return columns, (blocks[:, 2, None, None] + v.astype(np.float64)) * side
