"""Edges that tiles share: one line for all that meet there, whatever their levels and morphs, and
no jump at a swap."""

from __future__ import annotations

import numpy as np
import pytest

from neural.container.envelope import ChildInfo
from neural.tiles import TILE, Tile
from viewer.model.readings import BoundingBox
from viewer.tiles.borders import Extent, Outline, outline, sides
from viewer.tiles.lod import Selection
from viewer.tiles.quadtree import ROOT, NodeTable
from viewer.tiles.stitching import Seams

QUADS = 16
N, E, S, W = range(4)


class Ground:
    """Tiles down to a depth, each with heights of its own: neighbors disagree on their edges by
    meters.

    The raster may end inside the tiles: `width` and `height` are in root tiles.
    """

    def __init__(self, depth: int, width: float = 1.0, height: float = 1.0) -> None:
        self.size = width, height
        self.table = NodeTable(
            ChildInfo(0.0, 9.0, 9.0),
            lambda tile, info: BoundingBox(0, 0, 1, 1, 0, 1),
            lambda tile: 1.0,
        )
        self.outlines: dict[Tile, Outline] = {}
        waiting = [ROOT]
        for tile in waiting:
            self.outlines[tile] = self._outline(tile)
            if tile.z < depth:
                there = [self._inside(child) for child in tile.children]
                self.table.learn(
                    tile, tuple(ChildInfo(0.0, 9.0, 1.0) if inside else None for inside in there)
                )
                waiting += [
                    child for child, inside in zip(tile.children, there, strict=True) if inside
                ]

    def _inside(self, tile: Tile) -> bool:
        return tile.x < self.size[0] * 2**tile.z and tile.y < self.size[1] * 2**tile.z

    def _outline(self, tile: Tile) -> Outline:
        rng = np.random.default_rng(abs(hash(tile)))
        ends = (self.size[0] * 2**tile.z - tile.x, self.size[1] * 2**tile.z - tile.y)
        holes = min(ends) < 1
        heights = rng.uniform(-3, 3, (TILE + 1, TILE + 1)).astype(np.float32)
        centers = (np.arange(TILE) + 0.5) / TILE
        valid = (centers[:, None] < ends[1]) & (centers < ends[0])
        return outline(heights, float(rng.uniform(0, 5)), Extent.of(*ends, holes), valid)

    def sides(self, row: int):
        tile = self.table.tiles[row]
        return sides(
            tile, self.outlines[tile], self.outlines[tile.parent] if tile.z else None, QUADS
        )

    def selection(self, refined: set[Tile]) -> Selection:
        rows = [row for row in range(len(self.table)) if self.table.exists[row]]
        tiles = self.table.tiles
        drawn = [
            r
            for r in rows
            if tiles[r] not in refined and all(t in refined for t in above(tiles[r]))
        ]
        return Selection(
            self.table,
            np.array(drawn),
            refined=np.array([r for r in rows if tiles[r] in refined], int),
        )


def above(tile: Tile) -> list[Tile]:
    return [] if tile.z == 0 else [tile.parent, *above(tile.parent)]


def random_refinement(ground: Ground, depth: int, seed: int) -> set[Tile]:
    rng = np.random.default_rng(seed)
    refined = {ROOT}
    for tile in sorted(ground.outlines):
        if 0 < tile.z < depth and tile.parent in refined and rng.random() < 0.6:
            refined.add(tile)
    return refined


def random_morphs(selection: Selection, seed: int) -> np.ndarray:
    """Between 0 and 1, the same for siblings."""
    rng = np.random.default_rng(seed)
    of_parent = rng.uniform(0, 1, len(selection.table.exists))
    return of_parent[selection.table.parent[selection.drawn]]


def polylines(ground: Ground, selection: Selection, heights: np.ndarray):
    """For each drawn tile and side: whether it runs east, its fixed coordinate, places along it and
    heights there."""
    for number, row in enumerate(selection.drawn.tolist()):
        tile = ground.table.tiles[row]
        at = ground.sides(row).positions / QUADS
        for side in range(4):
            start = tile.x if side in (N, S) else tile.y
            line = {N: tile.y, S: tile.y + 1, W: tile.x, E: tile.x + 1}[side] / 2**tile.z
            yield side, line, (start + at[side]) / 2**tile.z, heights[number, side]


@pytest.mark.parametrize(("width", "height"), [(1.0, 1.0), (0.87, 0.613)])
@pytest.mark.parametrize("seed", range(3))
def test_sides_that_meet_have_the_same_height_everywhere(seed, width, height):
    ground = Ground(4, width, height)
    selection = ground.selection(random_refinement(ground, 4, seed))
    assert len(np.unique(ground.table.address[selection.drawn, 0])) >= 3
    heights = Seams(selection, QUADS, ground.sides).heights(random_morphs(selection, seed))
    found = list(polylines(ground, selection, heights))
    worst = 0.0
    compared = 0
    for side, line, places, here in found:
        if side not in (E, S):
            continue
        for other, same, theirs, there in found:
            if other != (side + 2) % 4 or same != line:
                continue
            low = max(places[0], theirs[0])
            high = min(places[-1], theirs[-1])
            if low >= high:
                continue
            at = np.unique(np.concatenate([places, theirs]))
            at = at[(at >= low) & (at <= high)]
            worst = max(
                worst,
                float(np.abs(np.interp(at, places, here) - np.interp(at, theirs, there)).max()),
            )
            compared += 1
    assert compared > 20
    assert worst < 1e-9


def test_one_height_at_each_corner():
    ground = Ground(4)
    selection = ground.selection(random_refinement(ground, 4, 5))
    heights = Seams(selection, QUADS, ground.sides).heights(random_morphs(selection, 5))
    at: dict[tuple[float, float], list[float]] = {}
    for side, line, places, here in polylines(ground, selection, heights):
        for place, value in zip(places, here, strict=True):
            at.setdefault((place, line) if side in (N, S) else (line, place), []).append(value)
    assert sum(len(values) >= 8 for values in at.values()) > 5
    assert max(np.ptp(values) for values in at.values()) < 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_no_edge_moves_when_a_tile_gives_way_to_its_children(seed):
    """The children morphed whole to their parent draw its sides, and all other tiles keep
    theirs."""
    ground = Ground(4)
    refined = random_refinement(ground, 3, seed)
    coarse = ground.selection(refined)
    morph = random_morphs(coarse, seed)
    tiles = [ground.table.tiles[row] for row in coarse.drawn.tolist()]
    swapped = next(tile for tile in tiles if tile.z == 2)
    same = [
        ground.table.parent[row] == ground.table.parent[ground.table.row(swapped)]
        for row in coarse.drawn
    ]
    # as saturation makes sure of: a tile's morph is over before its children are drawn
    morph[same] = 0.0
    before = dict(zip(tiles, Seams(coarse, QUADS, ground.sides).heights(morph), strict=True))
    fine = ground.selection(refined | {swapped})
    known = dict(zip(tiles, morph.tolist(), strict=True))
    finer = [ground.table.tiles[row] for row in fine.drawn.tolist()]
    morph = np.array([known.get(tile, 1.0) for tile in finer])
    after = dict(zip(finer, Seams(fine, QUADS, ground.sides).heights(morph), strict=True))
    for tile in before.keys() & after.keys():
        np.testing.assert_allclose(after[tile], before[tile], atol=1e-9)
    north = np.concatenate([after[swapped.children[0]][N], after[swapped.children[1]][N][1:]])
    np.testing.assert_allclose(
        north, np.interp(np.arange(2 * QUADS + 1) / 2, np.arange(QUADS + 1), before[swapped][N])
    )


def test_a_tile_alone_is_left_as_it_is():
    ground = Ground(0)
    seams = Seams(ground.selection(set()), QUADS, ground.sides)
    assert not seams.neighbors.any()
    np.testing.assert_array_equal(seams.corrections(np.zeros(1)), 0.0)


def test_neighbors_meet_in_the_middle_and_holes_do_not_count():
    ground = Ground(1)
    west, east = ROOT.children[:2]
    ground.outlines[east].filled[W, : TILE // 2] = False
    seams = Seams(ground.selection({ROOT}), QUADS, ground.sides)
    assert seams.neighbors.sum() == 8
    heights = seams.heights(np.zeros(4))
    mine, theirs = (ground.sides(ground.table.row(tile)).heights for tile in (west, east))
    np.testing.assert_allclose(heights[0, E], heights[1, W])
    half = QUADS // 2
    np.testing.assert_allclose(heights[0, E, 1:half], mine[E, 1:half], atol=1e-6)
    np.testing.assert_allclose(
        heights[0, E, half:-1], (mine[E] + theirs[W])[half:-1] / 2, atol=1e-6
    )
