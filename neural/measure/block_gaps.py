"""Gaps of value and gradient across the borders of ACORN's blocks, of equal and of different scale.

A gap is the difference between the two sides of a border at one place of it, 1e-7 of a finest cell
away on either side, with the network in double precision: nothing but the blocks' own disagreement
is left of it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neural.methods.acorn import Acorn
from neural.methods.acorn.blocks import KIND, SCALE, X, Y
from neural.methods.base import Arrays
from neural.tiles import TILE, Tile

_ASIDE = 1e-7 / TILE
"""Distance to a border, in tiles of the finest level."""


class Gaps(NamedTuple):
    """Gaps at places of borders: values in meters, gradients in m/m, and the number of scales
    between the two blocks."""

    meters: np.ndarray  # [n]
    gradients: np.ndarray  # [n]
    scales: np.ndarray  # int [n]: 0 between blocks of equal scale

    def summary(self) -> dict[str, dict[str, float]]:
        """Return rms, median and maximum of the gaps, by `equal` and `different` scale."""
        groups = {"equal": self.scales == 0, "different": self.scales > 0}
        return {name: self._numbers(chosen) for name, chosen in groups.items() if chosen.any()}

    def _numbers(self, chosen: np.ndarray) -> dict[str, float]:
        numbers = {"places": float(chosen.sum())}
        for name, gaps in (("m", self.meters[chosen]), ("m_per_m", self.gradients[chosen])):
            numbers |= {
                f"rms_{name}": float(np.sqrt(np.mean(gaps**2))),
                f"median_{name}": float(np.median(gaps)),
                f"max_{name}": float(gaps.max()),
            }
        return numbers


def block_gaps(
    method: Acorn,
    weights: Arrays,
    tables: list[np.ndarray],
    scale_m: float,
    cell_m: float,
    places: int = 8,
) -> Gaps:
    """Measure the gaps along the western and northern edges of all blocks of finest tiles.

    Parameters
    ----------
    method : Acorn
        The layer's method, of either kind of borders.
    weights : mapping
        Its decoder weights.
    tables : list of np.ndarray
        Latents of finest tiles, float32 [1 + n, 6].
    scale_m : float
        Meters per unit of the normalized surface.
    cell_m : float
        Side of a finest cell in meters.
    places : int, optional
        Places on each edge.
    """
    double = {name: np.asarray(value, np.float64) for name, value in weights.items()}
    side_m = TILE * cell_m
    parts = [(np.zeros(0), np.zeros(0), np.zeros(0, np.int64))]
    for latents in tables:
        prepared = method.prepare(double, latents.astype(np.float64))
        for edge in _edges(latents, places):
            lattice = (edge.across, edge.along) if edge.is_column else (edge.along, edge.across)
            surface = method.evaluate(double, prepared, *lattice, order=1)
            h, du, dv = (
                np.diff(part, axis=1 if edge.is_column else 0).ravel() * scale_m
                for part in surface[:3]
            )
            gradients = np.hypot(du, dv) / side_m
            parts.append((np.abs(h), gradients, edge.scales))
    meters, gradients, scales = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Gaps(meters, gradients, scales)


class _Edge(NamedTuple):
    """Places on an edge of a block and on both sides of it, tile units."""

    is_column: bool
    across: np.ndarray  # [2]
    along: np.ndarray  # [n]
    scales: np.ndarray  # int [n]


def _edges(latents: np.ndarray, places: int) -> list[_Edge]:
    """Return the western and northern edges within a tile that a block is on either side of."""
    z, x, y = latents[0, :3].astype(np.float64)
    blocks = latents[1:, :KIND].astype(np.float64)
    sides = 2.0 ** (z - blocks[:, SCALE])
    corners = blocks[:, [X, Y]] * sides[:, None] - [x, y]
    steps = (np.arange(places) + 0.5) / places
    edges = []
    for block, side, corner in zip(blocks, sides, corners, strict=True):
        for axis in (0, 1):
            line = corner[axis]
            along = corner[1 - axis] + steps * side
            along = along[(along > 0) & (along < 1)]
            if not (0 < line < 1 and len(along)):
                continue
            beyond = np.full((len(along), 2), line - _ASIDE)
            beyond[:, 1 - axis] = along
            neighbors = _scales_at(beyond, corners, sides, blocks[:, SCALE])
            kept = neighbors >= 0
            if kept.any():
                across = np.array([line - _ASIDE, line + _ASIDE])
                apart = np.abs(neighbors[kept] - int(block[SCALE]))
                edges.append(_Edge(axis == 0, across, along[kept], apart))
    return edges


def _scales_at(
    points: np.ndarray, corners: np.ndarray, sides: np.ndarray, scales: np.ndarray
) -> np.ndarray:
    """Return the scale of the block that holds each point (u, v) [n, 2], int [n]; −1 for none."""
    local = points[:, None] - corners
    inside = ((local >= 0) & (local < sides[:, None])).all(axis=2)
    found: np.ndarray = np.where(inside.any(axis=1), scales[inside.argmax(axis=1)], -1)
    return found.astype(np.int64)


def finest_tables(method: Acorn, area_blocks: np.ndarray, count: int = 16) -> list[np.ndarray]:
    """Return latents of up to `count` finest tiles all over an area, from its blocks [m, 6]."""
    z = method.levels - 1
    columns, rows = -(-method.width // TILE), -(-method.height // TILE)
    chosen = np.unique(np.linspace(0, columns * rows - 1, count).astype(int)).tolist()
    return [method.tile_table(Tile(z, k % columns, k // columns), area_blocks) for k in chosen]
