"""The tile cache: its budget counts real bytes, and what a frame needs is never evicted."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from neural.tiles import TILE
from viewer.graphics.page import LATTICE, LAYERS, TilePage
from viewer.tiles.cache import TileCache

LAYER_BYTES = 100


class FakePage:
    """Three layers, and a note of whether it was released."""

    made: ClassVar[list[FakePage]] = []

    def __init__(self) -> None:
        self.layers = 3
        self.bytes = 3 * LAYER_BYTES
        self.released = False
        FakePage.made.append(self)

    def release(self) -> None:
        assert not self.released
        self.released = True


def new_cache(pages: float) -> TileCache[FakePage, int, str]:
    FakePage.made.clear()
    return TileCache(FakePage, int(3 * LAYER_BYTES * pages))


def test_keeps_what_fits_and_drops_the_least_recently_used():
    cache = new_cache(2)
    for key in range(6):
        cache.insert(key, f"tile {key}")
    assert cache.bytes == 600
    cache.pin({0, 1})  # used just now
    cache.insert(6, "tile 6")
    assert 2 not in cache
    assert [key in cache for key in (0, 1, 3, 4, 5, 6)] == [True] * 6
    assert cache.value(6) == "tile 6"
    assert cache.bytes == 600


def test_pinned_tiles_outweigh_the_budget_and_trim_returns_to_it():
    cache = new_cache(1)
    needed = set(range(7))
    cache.pin(needed)
    for key in needed:
        cache.insert(key, "")
    assert needed <= set(cache)
    assert cache.bytes == 900
    cache.trim()
    assert cache.bytes == 900  # nothing may go
    cache.pin({0})
    cache.trim()
    assert cache.bytes == 300
    assert 0 in cache
    assert sum(page.released for page in FakePage.made) == 2


def test_a_lowered_budget_frees_pages():
    cache = new_cache(4)
    for key in range(12):
        cache.insert(key, "")
    cache.budget_bytes = 2 * 300
    cache.trim()
    assert cache.bytes == 600
    assert len(cache) == 6


def test_slots_are_never_shared():
    rng = np.random.default_rng(3)
    cache = new_cache(3)
    for _ in range(2000):
        key = int(rng.integers(40))
        if rng.random() < 0.2:
            cache.discard(key)
        elif rng.random() < 0.3:
            cache.pin({int(k) for k in rng.integers(0, 40, 4)})
            cache.trim()
        else:
            cache.insert(key, str(key))
        slots = [cache.slot(k) for k in cache]
        assert len({(id(slot.page), slot.layer) for slot in slots}) == len(slots)
        assert not any(slot.page.released for slot in slots)
        assert all(cache.value(k) == str(k) for k in cache)
        assert cache.bytes <= cache.budget_bytes + 4 * 300


def test_clear_releases_every_page():
    cache = new_cache(3)
    for key in range(8):
        cache.insert(key, "")
    cache.clear()
    assert len(cache) == 0
    assert cache.bytes == 0
    assert all(page.released for page in FakePage.made)


def test_a_page_counts_the_bytes_of_its_textures(ctx):
    page = TilePage(ctx)
    textures = [page.heights, page.gradients, page.valid]

    def real() -> int:
        return sum(len(texture.read(alignment=1)) for texture in textures)

    assert page.bytes == real() == LAYERS * (LATTICE**2 * 12 + TILE**2)
    page.write_errors(3, "height", np.zeros((TILE, TILE), np.float32))
    textures += page.errors.values()
    assert page.bytes == real()
    page.write_gaps(3, np.zeros((4, LATTICE), np.float32))
    textures.append(page.gaps)
    assert page.bytes == real()
    page.release()


def test_a_page_keeps_layers_apart_and_right_way_up(ctx):
    page = TilePage(ctx)
    rng = np.random.default_rng(1)
    heights = rng.normal(size=(LATTICE, LATTICE)).astype(np.float32)
    gradients = rng.normal(size=(LATTICE, LATTICE, 2)).astype(np.float32)
    page.write_surface(2, heights, gradients)
    page.write_surface(3, 0 * heights, 0 * gradients)
    got_heights, got_gradients = page.read_surface(2)
    np.testing.assert_array_equal(got_heights, heights)
    np.testing.assert_array_equal(got_gradients, gradients)
    valid = rng.random((TILE, TILE)) < 0.5
    page.write_valid(5, valid)
    stored = np.frombuffer(page.valid.read(alignment=1), np.uint8).reshape(LAYERS, TILE, TILE)
    np.testing.assert_array_equal(stored[5] > 0, valid)
    errors = np.where(valid, 1.5, np.nan).astype(np.float32)
    page.write_errors(0, "height", errors)
    back = np.frombuffer(page.errors["height"].read(), np.float32).reshape(LAYERS, TILE, TILE)[0]
    np.testing.assert_array_equal(back == np.float32(1.5), valid)
    assert (back[~valid] > 1e38).all()
    page.release()


def test_unknown_keys_are_key_errors():
    with pytest.raises(KeyError):
        new_cache(1).slot(7)
