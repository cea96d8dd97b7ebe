"""Tile selection: every visible place is covered exactly once, always, and loading comes to an end."""

from __future__ import annotations

import numpy as np
import pytest

from neural.envelope import ChildInfo
from neural.tiles import Tile
from viewer.camera import Camera
from viewer.lod import Selection, View, select, visible_error_m
from viewer.stats import Bounds

LEVELS = 6
SIDE_M = 8192.0
SIZE = (640, 360)
ROOT = Tile(0, 0, 0)


class FakeTree:
    """A pyramid with gaps; children are known once a tile has been read."""

    def __init__(self, seed: int, gaps: float = 0.1) -> None:
        rng = np.random.default_rng(seed)
        self.infos = {ROOT: ChildInfo(0.0, 300.0, 64.0)}
        for z in range(LEVELS - 1):
            for tile in [t for t in self.infos if t.z == z]:
                for child in tile.children:
                    if rng.random() >= gaps:
                        low, high = np.sort(rng.uniform(0, 300, 2))
                        error = 0.0 if z == LEVELS - 2 else 64.0 / 2 ** (z + 1) * float(rng.uniform(0.3, 1))
                        self.infos[child] = ChildInfo(float(low), float(high), error)
        self.root = self.infos[ROOT]
        self.read: set[Tile] = set()

    def children(self, tile):
        if tile not in self.read:
            return None
        return tuple(self.infos.get(child) for child in tile.children)

    def cell_m(self, tile):
        return SIDE_M / 256 / 2**tile.z

    def box(self, tile, info):
        side = SIDE_M / 2**tile.z
        x, y = tile.x * side, -tile.y * side
        return Bounds(x, y - side, x + side, y, info.min_m, info.max_m)

    def leaves(self):
        return [t for t in self.infos if not any(child in self.infos for child in t.children)]


class FakeLoader:
    """Finishes a few random jobs a frame, forgets what is not kept when full, fails for some tiles."""

    def __init__(self, tree: FakeTree, seed: int, capacity: int = 10**6, fails: frozenset[Tile] = frozenset()) -> None:
        self.tree, self.capacity, self.fails = tree, capacity, fails
        self.rng = np.random.default_rng(seed)
        self.loaded: list[Tile] = []
        self.failed: set[Tile] = set()
        self._add(ROOT)

    def _add(self, tile: Tile) -> None:
        self.loaded.append(tile)
        self.tree.read.add(tile)

    def work(self, selection: Selection) -> None:
        for tile in selection.load[: int(self.rng.integers(0, 5))]:
            if tile in self.fails:
                self.failed.add(tile)
            elif tile not in self.loaded:
                self._add(tile)
        extra = len(self.loaded) - self.capacity
        for tile in [t for t in self.loaded if t not in selection.keep and t != ROOT][: max(extra, 0)]:
            self.loaded.remove(tile)

    def select(self, view: View, sse_px: float = 2.0) -> Selection:
        return select(self.tree, view, sse_px, self.loaded.__contains__, self.failed.__contains__)


def wander(seed: int, frames: int):
    rng = np.random.default_rng(seed)
    eye = Camera(SIDE_M / 2, -SIDE_M / 2, 900.0, 0.0, -30.0)
    for _ in range(frames):
        if rng.random() < 0.03:  # a jump
            eye.easting, eye.northing = rng.uniform(0, SIDE_M), -rng.uniform(0, SIDE_M)
        eye.look(float(rng.normal(0, 15)), float(rng.normal(0, 5)))
        eye.fly(1.0, 1, 0, 0, float(rng.uniform(0, 200)))
        eye.z = float(np.clip(eye.z, 50, 3000))
        yield View.of(eye, SIZE)


def assert_covered_once(tree: FakeTree, view: View, selection: Selection) -> None:
    drawn = set(selection.draw)
    assert len(drawn) == len(selection.draw)
    for leaf in tree.leaves():
        above, tile = [leaf], leaf
        while tile.z:
            tile = tile.parent
            above.append(tile)
        covering = [t for t in above if t in drawn]
        assert len(covering) <= 1
        if not covering:  # only because some tile above is outside the picture
            assert any(not view.sees(tree.box(t, tree.infos[t])) for t in above)


@pytest.mark.parametrize("seed", range(4))
def test_no_hole_while_tiles_come_and_go(seed):
    tree = FakeTree(seed)
    loader = FakeLoader(tree, seed, capacity=60)
    for view in wander(seed, 150):
        selection = loader.select(view)
        assert set(selection.draw) <= set(loader.loaded)
        assert_covered_once(tree, view, selection)
        loader.work(selection)


@pytest.mark.parametrize("capacity", [1, 10**6])
def test_a_still_camera_is_satisfied_in_the_end(capacity):
    tree = FakeTree(7)
    loader = FakeLoader(tree, 7, capacity)  # tiles on screen are kept even when the cache is far too small
    view = View.of(Camera(SIDE_M / 2, -SIDE_M / 2, 600.0, 30.0, -20.0), SIZE)
    for _ in range(500):
        selection = loader.select(view)
        loader.work(selection)
        if selection.complete:
            break
    assert selection.complete
    for tile in selection.draw:
        assert selection.errors_px[tile] <= 2.0 or tile in tree.leaves()
    assert any(error > 1.0 for error in selection.errors_px.values())  # and no finer than asked for


def test_a_tile_that_fails_leaves_its_parent_on_screen():
    tree = FakeTree(2, gaps=0.0)
    bad = Tile(3, 3, 3)
    loader = FakeLoader(tree, 2, fails=frozenset({bad}))
    view = View.of(Camera(SIDE_M / 2, -SIDE_M / 2, 2500.0, 0.0, -89.0), SIZE)
    for _ in range(500):
        selection = loader.select(view, 0.5)
        loader.work(selection)
        if selection.complete:
            break
    assert selection.complete
    assert bad in loader.failed
    assert bad.parent in selection.draw
    assert_covered_once(tree, view, selection)


def test_the_root_is_asked_for_first_and_given_up_when_it_fails():
    tree = FakeTree(1)
    view = View.of(Camera(0, 0, 500.0), SIZE)
    assert select(tree, view, 2.0, lambda tile: False).load == [ROOT]
    assert select(tree, view, 2.0, lambda tile: False, lambda tile: True).complete


def test_nearer_tiles_are_loaded_first():
    tree = FakeTree(3, gaps=0.0)
    loader = FakeLoader(tree, 3)
    for tile in tree.infos:
        if tile.z <= 2:
            loader._add(tile)
    view = View.of(Camera(SIDE_M * 0.1, -SIDE_M * 0.9, 400.0, 45.0, -15.0), SIZE)
    load = loader.select(view).load
    parents = list(dict.fromkeys(tile.parent for tile in load))
    errors = [
        visible_error_m(tree.infos[p], tree.cell_m(p)) / view.distance_m(tree.box(p, tree.infos[p])) for p in parents
    ]
    assert len(parents) >= 3
    assert errors == sorted(errors, reverse=True)


def test_culling_agrees_with_projection():
    rng = np.random.default_rng(11)
    eye = Camera(4000, -4000, 700.0, 140.0, -25.0)
    view = View.of(eye, SIZE)
    for _ in range(400):
        west, south = rng.uniform(0, 7000), rng.uniform(-8000, -1000)
        side, low = rng.uniform(10, 500), rng.uniform(0, 500)
        box = Bounds(west, south, west + side, south + side, low, low + 100)
        points = rng.uniform([west, south, low], [west + side, south + side, low + 100], (40, 3))
        pixels = [eye.project(point, SIZE) for point in points]
        inside = any(p is not None and 0 <= p[0] <= SIZE[0] and 0 <= p[1] <= SIZE[1] for p in pixels)
        if inside:
            assert view.sees(box)
    behind = eye.eye - 3000 * eye.axes[2]
    assert not view.sees(Bounds(behind[0], behind[1], behind[0] + 10, behind[1] + 10, behind[2], behind[2] + 10))


def test_exaggeration_changes_culling_but_not_the_choice_of_levels():
    tree = FakeTree(5, gaps=0.0)
    loader = FakeLoader(tree, 5)
    for tile in tree.infos:
        loader._add(tile)
    eye = Camera(SIDE_M / 2, -SIDE_M / 2, 2000.0, 0.0, -89.9)
    plain = loader.select(View.of(eye, SIZE, 1.0, 100.0))
    eye.z = 100.0 + (eye.z - 100.0) * 3
    tall = View.of(eye, SIZE, 3.0, 100.0)
    # The same place seen from three times as high over heights three times as large: fewer sides are cut off,
    # but a tile that both draw has the same level and error.
    chosen = loader.select(tall)
    assert set(plain.draw) <= set(chosen.draw)
    assert all(plain.errors_px[tile] == pytest.approx(chosen.errors_px[tile]) for tile in plain.draw)


def test_flat_ground_stays_coarse_and_relief_counts_by_its_cells():
    assert visible_error_m(ChildInfo(0, 0, 0.0), 16.0) == 0.0
    assert visible_error_m(ChildInfo(0, 9, 0.1), 16.0) == pytest.approx(3.2)
    assert visible_error_m(ChildInfo(0, 9, 2.0), 16.0) == 16.0
    assert visible_error_m(ChildInfo(0, 99, 40.0), 16.0) == 40.0
