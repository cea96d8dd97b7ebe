"""Common heights along the edges of drawn tiles, so that the terrain is watertight, morphing or
not. Pure.

An edge has the level of detail of the coarser, or further morphed, of the tiles that meet there;
every tile takes the heights its ancestor of that level would have, and where these disagree (each
tile was decoded by itself) their mean. A finer tile follows the line that its coarser neighbor
draws. All of it is continuous in the morphs and does not change when a tile gives way to its
children or they to it, because then they draw the same.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from viewer.tiles.borders import Sides
from viewer.tiles.lod import Selection
from viewer.tiles.quadtree import NodeTable

ZONE = 1 / 16
"""Width of the corrected zone inside a tile, in sides of a tile that does not morph; one that does
is part of its parent, and so it is up to twice as wide. Sent to the shader."""

_STEPS = np.array([(0, -1), (1, 0), (0, 1), (-1, 0)])
"""From a tile to its neighbors N, E, S, W."""

_CORNERS = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
"""NW, NE, SE, SW corners of a tile."""

_ENDS = np.array([(0, 1), (1, 2), (3, 2), (0, 3)])
"""The corners that the sides N, E, S, W begin and end with."""

_BEGINS = np.array([(0, 0), (0, -1), (2, -1), (2, 0)])
"""Side and end of it at which each corner's height lies."""

_AROUND = np.array([(-1, -1), (0, -1), (0, 0), (-1, 0)])
"""Tiles around a lattice point, and below the corner of each that lies there."""

_FACING = np.array([2, 3, 0, 1])


class Seams:
    """Shared edges of one selection. Morphs change every frame, all else only with the
    selection."""

    def __init__(self, selection: Selection, quads: int, sides: Callable[[int], Sides]) -> None:
        """Find the seams; `sides` returns the sides of a drawn or refined tile by its row."""
        table = selection.table
        assert table is not None
        self._count = len(selection.drawn)
        rows = np.concatenate([selection.drawn, selection.refined])
        outlines = [sides(row) for row in rows.tolist()]
        self._heights = np.stack([outline.heights for outline in outlines])
        self._rise = np.stack([outline.rise for outline in outlines])
        self._weight = np.stack([outline.weight for outline in outlines])
        self._find = _Finder(table, rows)
        self._level = table.address[selection.drawn, 0]
        self._pairs()
        self._hang(quads, outlines)
        self._join()

    @property
    def neighbors(self) -> np.ndarray:
        """Mask of sides adjacent to a drawn tile, bool [tiles, 4]."""
        return (self._beside >= 0) | (self._above >= 0)

    def _pairs(self) -> None:
        """Find neighbors of equal level, drawn or refined: the mean of both, for no morph and per
        unit of morph."""
        z, x, y = self._find.address[: self._count].T
        # [tiles, 4]
        beside = np.stack([self._find(z, x + dx, y + dy) for dx, dy in _STEPS], axis=1)
        mean, rise, weight = (
            array[: self._count].copy() for array in (self._heights, self._rise, self._weight)
        )
        tile, side = np.nonzero(beside >= 0)
        other = beside[tile, side], _FACING[side]
        mine = weight[tile, side]
        theirs = self._weight[other]
        share = theirs / (mine + theirs)
        mean[tile, side] += share * (self._heights[other] - mean[tile, side])
        rise[tile, side] += share * (self._rise[other] - rise[tile, side])
        self._beside = beside
        self._mean = mean
        self._mean_rise = rise
        # Refined tiles do not morph; the last place stands for them and for nobody.
        self._morphing = np.where((beside >= 0) & (beside < self._count), beside, self._count)

    def _hang(self, quads: int, outlines: list[Sides]) -> None:
        """Find sides along a coarser drawn tile: that tile, and the position of each vertex on its
        side."""
        z, x, y = self._find.address[: self._count].T
        self._above = np.full((self._count, 4), -1)
        open_ = self._beside < 0
        shift = np.zeros((self._count, 4), int)
        for up in range(1, int(z.max(initial=0)) + 1):
            if not open_.any():
                break
            tile, side = np.nonzero(open_)
            dx, dy = _STEPS[side].T
            neighbor = self._find(z[tile] - up, (x[tile] + dx) >> up, (y[tile] + dy) >> up)
            neighbor[(x[tile] + dx < 0) | (y[tile] + dy < 0)] = -1
            drawn = (neighbor >= 0) & (neighbor < self._count)
            self._above[tile[drawn], side[drawn]] = neighbor[drawn]
            shift[tile[drawn], side[drawn]] = up
            open_[tile[neighbor >= 0], side[neighbor >= 0]] = False
        tile, side = np.nonzero(self._above >= 0)
        span = 1 << shift[tile, side]
        along = np.where(side % 2 == 0, x[tile], y[tile]) % span
        positions = np.stack([outline.positions for outline in outlines])
        place = (along[:, None] * quads + positions[tile, side]) / span[:, None]
        line = positions[self._above[tile, side], _FACING[side]]
        quad = np.clip(place.astype(int), 0, quads - 1)
        begin = np.take_along_axis(line, quad, 1)
        end = np.take_along_axis(line, quad + 1, 1)
        part = np.clip((place - begin) / np.maximum(end - begin, 1e-9), 0.0, 1.0)
        level = self._level[tile]
        above = self._above[tile, side][:, None]
        facing = _FACING[side][:, None]
        self._hanging = {}
        for detail in sorted(set(level.ravel().tolist())):
            k = np.flatnonzero(level == detail)
            self._hanging[detail] = tile[k], side[k], above[k], facing[k], quad[k], part[k]

    def _join(self) -> None:
        """Find corners: every lattice point that is a drawn tile's corner, and the tiles around
        it."""
        z, x, y = self._find.address[: self._count].T
        finest = int(z.max(initial=0))
        points = (np.stack([x, y], axis=1)[:, None] + _CORNERS) << (finest - z)[:, None, None]
        key = (points[..., 0].astype(np.int64) << 32) + points[..., 1]
        _, first, groups = np.unique(key, return_index=True, return_inverse=True)
        self._group = groups.reshape(self._count, 4)
        level = np.full(len(first), finest)
        np.minimum.at(level, self._group, z[:, None])
        address = points.reshape(-1, 2)[first] >> (finest - level)[:, None]
        around = np.stack(
            [self._find(level, address[:, 0] + dx, address[:, 1] + dy) for dx, dy in _AROUND],
            axis=1,
        )
        # The tile north-west of a point has it as its SE corner, and so on round.
        corner = np.array([2, 3, 0, 1])
        side, end = _BEGINS[corner].T
        rows = np.maximum(around, 0)
        weight = np.where(around >= 0, self._weight[rows, side, end], 0.0)
        weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-30)
        self._corner = (weight * self._heights[rows, side, end]).sum(axis=1)
        self._corner_rise = (weight * self._rise[rows, side, end]).sum(axis=1)
        self._corner_morphing = np.where(
            (around >= 0) & (around < self._count), around, self._count
        )
        # A corner on the side of a coarser tile has that side's height; its level is that of the
        # tiles that end there.
        self._on_side = {}
        for detail, (tile, side, *_) in self._hanging.items():
            ends = _ENDS[side]
            group = self._group[tile[:, None], ends]
            coarser = self._level[self._above[tile, side]]
            which, end = np.nonzero((level[group] == detail) & (coarser < detail)[:, None])
            self._on_side[detail] = group[which, end], tile[which], side[which], -end
        self._tiles_of = {
            detail: np.flatnonzero(self._level == detail)
            for detail in sorted(set(self._level.tolist()))
        }

    def heights(self, morph: np.ndarray) -> np.ndarray:
        """Return heights in meters along the sides of the drawn tiles, float64 [tiles, 4, quads +
        1]: N, E, S, W."""
        morph = np.append(morph, 0.0)
        common = np.maximum(morph[:-1, None], morph[self._morphing])
        out = self._mean + common[:, :, None] * self._mean_rise
        corner = self._corner + morph[self._corner_morphing].max(axis=1) * self._corner_rise
        fall = _falloff(common, out.shape[-1] - 1)
        for level, tiles in self._tiles_of.items():  # coarse ones first
            if level in self._hanging:
                tile, side, above, facing, quad, part = self._hanging[level]
                begin = out[above, facing, quad]
                out[tile, side] = begin + part * (out[above, facing, quad + 1] - begin)
                group, tile, side, end = self._on_side[level]
                corner[group] = out[tile, side, end]
            lines = out[tiles]
            for line, which in ((lines, 0), (lines[..., ::-1], 1)):
                height = corner[self._group[tiles][:, _ENDS[:, which]]]
                line[..., : fall.shape[-1]] += (height - line[..., 0])[..., None] * fall[tiles]
                line[..., 0] = height
            out[tiles] = lines
        return out

    def corrections(self, morph: np.ndarray) -> np.ndarray:
        """Return corrections of the decoded heights along the sides, meters, float32 [tiles, 4,
        quads + 1]."""
        alone = self._rise[: self._count] * morph[:, None, None]
        alone += self._heights[: self._count]
        return np.subtract(self.heights(morph), alone, dtype=np.float64).astype(np.float32)


def _falloff(morph: np.ndarray, quads: int) -> np.ndarray:
    """Return the weights of a corner's correction at the vertices next to it, [..., quads / 8 + 1];
    see `near_edge` in the shader.

    A vertex that the coarser level lacks morphs to the mean of its neighbors, as heights do.
    """
    steps = np.arange(quads // 8 + 1)
    share = np.maximum(1 - steps / (ZONE * quads * (1 + morph[..., None])), 0.0)
    share *= share * (3 - 2 * share)
    share[..., 1:-1:2] += morph[..., None] * (
        0.5 * (share[..., :-2:2] + share[..., 2::2]) - share[..., 1:-1:2]
    )
    return share


class _Finder:
    """Index of tiles by address: positions in a list of rows, −1 for absent ones."""

    def __init__(self, table: NodeTable, rows: np.ndarray) -> None:
        self.address = table.address[rows]
        key = self._key(*self.address.T)
        self._order = np.argsort(key)
        self._keys = key[self._order]

    @staticmethod
    def _key(z: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        inside = (x >= 0) & (y >= 0) & (z >= 0)
        return np.where(inside, (z.astype(np.int64) << 56) + (x.astype(np.int64) << 28) + y, -1)

    def __call__(self, z: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        key = self._key(z, x, y)
        place = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
        return np.where(self._keys[place] == key, self._order[place], -1)
