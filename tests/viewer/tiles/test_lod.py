"""Tile selection: every visible place is covered exactly once, always, and loading comes to an
end."""

from __future__ import annotations

import numpy as np
import pytest

from neural.container.envelope import ChildInfo
from neural.tiles import Tile
from viewer.model.camera import Camera
from viewer.model.readings import BoundingBox
from viewer.tiles.lod import Frustum, Selection, Selector
from viewer.tiles.quadtree import ROOT, SATURATION, NodeTable, visible_error_m

LEVELS = 6
SIDE_M = 8192.0
SIZE = (640, 360)


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
                        error = (
                            0.0
                            if z == LEVELS - 2
                            else 64.0 / 2 ** (z + 1) * float(rng.uniform(0.3, 1))
                        )
                        self.infos[child] = ChildInfo(float(low), float(high), error)
        self.table = NodeTable(self.infos[ROOT], self.box, self.cell_m)
        self.selector = Selector(self.table)

    def read(self, tile):
        self.table.learn(tile, tuple(self.infos.get(child) for child in tile.children))
        self.table.mark(tile, loaded=True)

    def cell_m(self, tile):
        return SIDE_M / 256 / 2**tile.z

    def box(self, tile, info):
        side = SIDE_M / 2**tile.z
        x = tile.x * side
        y = -tile.y * side
        return BoundingBox(x, y - side, x + side, y, info.min_m, info.max_m)

    def drawn_box(self, tile):
        """The table's box, which holds those of the tiles below."""
        west, south, low, east, north, high = self.table.boxes(np.array([self.table.row(tile)]))[0]
        return BoundingBox(west, south, east, north, low, high)

    def leaves(self):
        return [t for t in self.infos if not any(child in self.infos for child in t.children)]


class FakeLoader:
    """Finishes a few random jobs a frame, forgets what is not kept when full, fails for some
    tiles."""

    def __init__(
        self, tree: FakeTree, seed: int, capacity: int = 10**6, fails: frozenset[Tile] = frozenset()
    ) -> None:
        self.tree = tree
        self.capacity = capacity
        self.fails = fails
        self.rng = np.random.default_rng(seed)
        self.loaded: dict[Tile, None] = {}
        self.failed: set[Tile] = set()
        self._add(ROOT)

    def _add(self, tile: Tile) -> None:
        self.loaded[tile] = None
        self.tree.read(tile)

    def work(self, selection: Selection) -> None:
        for tile in selection.load[: int(self.rng.integers(0, 5))]:
            if tile in self.fails:
                self.failed.add(tile)
                self.tree.table.fail(tile)
            elif tile not in self.loaded:
                self._add(tile)
        extra = len(self.loaded) - self.capacity
        for tile in [t for t in self.loaded if t not in selection.keep and t != ROOT][
            : max(extra, 0)
        ]:
            del self.loaded[tile]
            self.tree.table.mark(tile)

    def select(self, view: Frustum, sse_px: float = 2.0) -> Selection:
        return self.tree.selector.select(view, sse_px)


def wander(seed: int, frames: int):
    rng = np.random.default_rng(seed)
    eye = Camera(SIDE_M / 2, -SIDE_M / 2, 900.0, 0.0, -30.0)
    for _ in range(frames):
        if rng.random() < 0.03:  # a jump
            eye.easting = rng.uniform(0, SIDE_M)
            eye.northing = -rng.uniform(0, SIDE_M)
        eye.look(float(rng.normal(0, 15)), float(rng.normal(0, 5)))
        eye.fly(1.0, 1, 0, 0, float(rng.uniform(0, 200)))
        eye.z = float(np.clip(eye.z, 50, 3000))
        yield Frustum.of(eye, SIZE)


def assert_covered_once(tree: FakeTree, view: Frustum, selection: Selection) -> None:
    drawn = set(selection.draw)
    table = tree.table
    assert len(drawn) == len(selection.draw)
    rows = np.arange(len(table))
    seen = dict(
        zip(table.tiles, view.sees_each(table.center[rows], table.half[rows]).tolist(), strict=True)
    )
    for leaf in tree.leaves():
        above = [leaf]
        tile = leaf
        while tile.z:
            tile = tile.parent
            above.append(tile)
        covering = [t for t in above if t in drawn]
        assert len(covering) <= 1
        if not covering:  # only because some tile above is outside the picture
            assert not all(seen.get(t, True) for t in above)


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
    # tiles on screen are kept even when the cache is far too small
    loader = FakeLoader(tree, 7, capacity)
    view = Frustum.of(Camera(SIDE_M / 2, -SIDE_M / 2, 600.0, 30.0, -20.0), SIZE)
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
    view = Frustum.of(Camera(SIDE_M / 2, -SIDE_M / 2, 2500.0, 0.0, -89.0), SIZE)
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
    view = Frustum.of(Camera(0, 0, 500.0), SIZE)
    assert tree.selector.select(view, 2.0).load == [ROOT]
    assert not tree.selector.select(view, 2.0).draw
    tree.table.fail(ROOT)
    assert tree.selector.select(view, 2.0).complete


def test_nearer_tiles_are_loaded_first():
    tree = FakeTree(3, gaps=0.0)
    loader = FakeLoader(tree, 3)
    for z in (1, 2):
        for tile in [t for t in tree.infos if t.z == z]:
            loader._add(tile)
    view = Frustum.of(Camera(SIDE_M * 0.1, -SIDE_M * 0.9, 400.0, 45.0, -15.0), SIZE)
    load = loader.select(view).load
    parents = list(dict.fromkeys(tile.parent for tile in load))
    errors = [
        tree.table.error_m[tree.table.row(p)] / view.distance_m(tree.drawn_box(p)) for p in parents
    ]
    assert len(parents) >= 3
    assert errors == sorted(errors, reverse=True)


def test_the_same_question_is_answered_once_and_any_change_asks_it_again():
    tree = FakeTree(3, gaps=0.0)
    loader = FakeLoader(tree, 3)
    view = Frustum.of(Camera(SIDE_M / 2, -SIDE_M / 2, 900.0, 0.0, -40.0), SIZE)
    first = loader.select(view)
    assert loader.select(view) is first
    loader.work(first)
    while loader.select(view) is first:
        loader.work(first)
    assert loader.select(view, 3.0) is not loader.select(view, 2.0)


def test_tiles_with_their_errors_are_chosen_apart():
    tree = FakeTree(3, gaps=0.0)
    for tile in [t for t in tree.infos if t.z <= 1]:
        tree.read(tile)
    view = Frustum.of(Camera(SIDE_M / 2, -SIDE_M / 2, 900.0, 0.0, -89.0), SIZE)
    assert {t.z for t in tree.selector.select(view, 2.0).draw} == {1}
    assert tree.selector.select(view, 2.0, measured="dem").load == [ROOT]
    tree.table.mark(ROOT, loaded=True, measured=["dem"])
    for tile in ROOT.children[:3]:
        tree.table.mark(tile, loaded=True, measured=["dem"])
    chosen = tree.selector.select(view, 2.0, measured="dem")
    assert (chosen.draw, chosen.load) == ([ROOT], [ROOT.children[3]])
    tree.table.mark(ROOT.children[3], loaded=True, measured=["dem"])
    assert {t.z for t in tree.selector.select(view, 2.0, measured="dem").draw} == {1}


@pytest.mark.parametrize("seed", range(3))
def test_morphs_are_whole_at_the_swap_and_over_before_the_next(seed):
    """Of siblings just drawn instead of their parent the morph is 1, and the parent's own had come
    to its end."""
    tree = FakeTree(seed)
    loader = FakeLoader(tree, seed)
    for z in range(1, LEVELS):
        for tile in [t for t in tree.infos if t.z == z]:
            loader._add(tile)
    eye = Camera(SIDE_M / 2, -SIDE_M / 2, 4000.0, 10.0, -40.0)
    before = None
    swaps = 0
    for step in range(800):
        eye.zoom(
            np.array([SIDE_M * 0.4, -SIDE_M * 0.45, 150.0]), 0.995 if step < 400 else 1 / 0.995
        )
        chosen = loader.select(Frustum.of(eye, SIZE))
        now = dict(zip(chosen.draw, chosen.morph.tolist(), strict=True))
        assert all(0 <= morph <= 1 for morph in now.values())
        for tile, morph in now.items():
            assert now.get(Tile(tile.z, tile.x ^ 1, tile.y), morph) == morph
        if before is not None:
            for one, other in ((before, now), (now, before)):
                for tile in one.keys() - other.keys():
                    if tile.z and tile.parent in other:
                        swaps += 1
                        assert one[tile] > 0.9
                        assert other[tile.parent] < 0.01
            for tile in now.keys() & before.keys():
                assert abs(now[tile] - before[tile]) < 0.1
        before = now
    assert swaps > 20


def test_errors_of_parents_are_saturated():
    tree = FakeTree(4)
    for tile in tree.infos:
        tree.read(tile)
    eye = Camera(SIDE_M / 2, -SIDE_M / 2, 700.0, 10.0, -40.0)
    view = Frustum.of(eye, SIZE)
    table = tree.table
    rows = np.flatnonzero(tree.table.exists)
    px = table.error_m / np.maximum(view.distances_m(table.center, table.half), 1e-3)
    rows = rows[rows > 0]
    assert (px[table.parent[rows]] >= SATURATION * px[rows] * (1 - 1e-12)).all()


def test_culling_agrees_with_projection():
    rng = np.random.default_rng(11)
    eye = Camera(4000, -4000, 700.0, 140.0, -25.0)
    view = Frustum.of(eye, SIZE)
    for _ in range(400):
        west = rng.uniform(0, 7000)
        south = rng.uniform(-8000, -1000)
        side = rng.uniform(10, 500)
        low = rng.uniform(0, 500)
        box = BoundingBox(west, south, west + side, south + side, low, low + 100)
        points = rng.uniform([west, south, low], [west + side, south + side, low + 100], (40, 3))
        pixels = [eye.project(point, SIZE) for point in points]
        inside = any(
            p is not None and 0 <= p[0] <= SIZE[0] and 0 <= p[1] <= SIZE[1] for p in pixels
        )
        if inside:
            assert view.sees(box)
    behind = eye.eye - 3000 * eye.axes[2]
    assert not view.sees(
        BoundingBox(behind[0], behind[1], behind[0] + 10, behind[1] + 10, behind[2], behind[2] + 10)
    )


def test_exaggeration_changes_culling_but_not_the_choice_of_levels():
    tree = FakeTree(5, gaps=0.0)
    loader = FakeLoader(tree, 5)
    for tile in tree.infos:
        loader._add(tile)
    eye = Camera(SIDE_M / 2, -SIDE_M / 2, 2000.0, 0.0, -89.9)
    plain = loader.select(Frustum.of(eye, SIZE, 1.0, 100.0))
    eye.z = 100.0 + (eye.z - 100.0) * 3
    tall = Frustum.of(eye, SIZE, 3.0, 100.0)
    # The same place seen from three times as high over heights three times as large: fewer sides
    # are cut off, but a tile that both draw has the same level and error.
    chosen = loader.select(tall)
    assert set(plain.draw) <= set(chosen.draw)
    assert all(
        plain.errors_px[tile] == pytest.approx(chosen.errors_px[tile]) for tile in plain.draw
    )


def test_flat_ground_stays_coarse_and_relief_counts_by_its_cells():
    assert visible_error_m(ChildInfo(0, 0, 0.0), 16.0) == 0.0
    assert visible_error_m(ChildInfo(0, 9, 0.1), 16.0) == pytest.approx(3.2)
    assert visible_error_m(ChildInfo(0, 9, 2.0), 16.0) == 16.0
    assert visible_error_m(ChildInfo(0, 99, 40.0), 16.0) == 40.0


def test_only_the_references_asked_about_last_are_told_apart():
    tree = FakeTree(2, gaps=0.0)
    for tile in [t for t in tree.infos if t.z <= 1]:
        tree.read(tile)
        # not asked about yet: it counts for nothing
        tree.table.mark(tile, loaded=True, measured=["first"])
    view = Frustum.of(Camera(SIDE_M / 2, -SIDE_M / 2, 900.0, 0.0, -89.0), SIZE)
    names = ["first", "second", "third", "other"]
    for name in names:
        assert tree.selector.select(view, 2.0, measured=name).load == [ROOT]
        tree.table.mark(ROOT, loaded=True, measured=[n for n in names if tree.table.knows(n)])
    assert [tree.table.kind(name) for name in (None, *names)] == list(range(1 + len(names)))
    assert {t.z for t in tree.selector.select(view, 2.0, measured="first").draw} == {0}
    for tile in ROOT.children:
        tree.table.mark(tile, loaded=True, measured=["first"])
    assert {t.z for t in tree.selector.select(view, 2.0, measured="first").draw} == {1}
    assert {t.z for t in tree.selector.select(view, 2.0, measured="second").draw} == {0}
    assert tree.selector.select(view, 2.0, measured="fifth").load == [ROOT]
    assert not tree.table.knows("third")  # asked about longest ago
    assert {t.z for t in tree.selector.select(view, 2.0, measured="first").draw} == {1}
    assert {t.z for t in tree.selector.select(view, 2.0).draw} == {1}
