"""Layers with a bound on every sample's error: residuals, their tables, and the tiles that hold
them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load, load_file, save_file

from neural.encoding.lapped.bounded import BoundedTiles
from neural.errors import NtileError
from neural.methods.lapped.boundary import REFLECT
from neural.methods.lapped.coder import LARGEST, RangeReader, RangeWriter
from neural.methods.lapped.context import BAND_COUNT, CLASSES
from neural.methods.lapped.extension import merge_level
from neural.methods.lapped.residuals import (
    CHANCE_SCALE,
    EXPECTED_CLASSES,
    EXPECTED_SCALE,
    FAR,
    NEAR,
    Bound,
    Residuals,
    error_classes,
    shapes,
    walk,
)
from neural.methods.lapped.wavelet import BANDS
from neural.models import residual_tables
from neural.models.train_data import Raster
from neural.tiles import TILE, Tile, centers
from tests.support.lapped_area import (
    DECODER,
    Area,
    AreaEncoder,
    Stored,
    assembly,
    bounded,
    model,
    rough,
    stored,
    surface,
)
from tests.support.rasters import write

BOUND = 0.2
STEP = 0.56


def broken(rows: int, columns: int, seed: int) -> np.ndarray:
    """Smooth ground with a wall, stripes of rubble and single outliers, float32."""
    heights = rough(rows, columns, noise=0.02)
    rng = np.random.default_rng(seed)
    heights[:, columns // 2 :] += 4
    rubble = np.arange(columns) // 20 % 5 == 0
    heights[:, rubble] += rng.normal(0, 0.12, (rows, int(rubble.sum())))
    heights[rng.integers(0, rows, 20), rng.integers(0, columns, 20)] += np.linspace(
        -90, 90, 20, dtype=np.float32
    )
    return heights


@pytest.fixture(scope="module")
def area() -> Area:
    """3×2 finest tiles with a hole over a corner of four and an absent tile."""
    heights = broken(540, 300, 1)
    valid = np.ones((540, 300), bool)
    valid[200:300, 230:270] = False
    valid[512:, 256:] = False
    return Area(heights, valid)


@pytest.fixture(scope="module")
def bound(area: Area) -> Bound:
    return Bound.of(BOUND, float(area.raster.min()), float(area.raster.max()))


@pytest.fixture(scope="module")
def without(area: Area) -> Stored:
    """The same details, and no residuals."""
    return stored(area, STEP)


@pytest.fixture(scope="module")
def payloads(area: Area, bound: Bound) -> Stored:
    return bounded(area, STEP, bound)


def test_no_valid_sample_is_further_off_than_promised(
    area: Area, payloads: Stored, without: Stored, bound: Bound
) -> None:
    of = assembly(area, payloads, STEP, bound_m=bound.inner_m)
    plain = assembly(area, without, STEP)
    broken = 0
    for tile in area.finest:
        source = area.tiles[tile]
        decoded = surface(area, of, tile).heights(centers(), centers()).meters.astype(np.float32)
        assert np.abs(decoded - source.meters).max(where=source.valid, initial=0) <= BOUND
        window = of.window(area.top, TILE * tile.y, TILE * tile.x, TILE).meters
        assert np.abs(window - source.meters).max(
            where=source.valid, initial=0
        ) <= bound.inner_m * (1 + 1e-9)
        window = plain.window(area.top, TILE * tile.y, TILE * tile.x, TILE).meters
        broken += int((np.abs(window - source.meters)[source.valid] > BOUND).sum())
    assert broken > 100


def test_residuals_are_of_the_finest_level_and_of_valid_samples(
    area: Area, payloads: Stored, without: Stored, bound: Bound
) -> None:
    of = assembly(area, payloads, STEP, bound_m=bound.inner_m)
    for tile in area.tiles:
        stack = of.stack(tile)
        assert stack is not None
        assert (stack.residuals is None) == (tile.z < area.top)
        if stack.residuals is not None:
            assert not stack.residuals[~area.tiles[tile].valid].any()
    plain = assembly(area, without, STEP)
    for z in range(area.top):
        np.testing.assert_array_equal(
            of.window(z, 0, 0, TILE).meters, plain.window(z, 0, 0, TILE).meters
        )


def test_neighbors_agree_on_their_edge(area: Area, payloads: Stored, bound: Bound) -> None:
    of = assembly(area, payloads, STEP, bound_m=bound.inner_m)
    along = np.linspace(0, 1, 65)
    upper = surface(area, of, Tile(2, 0, 0)).heights(along, np.ones(1), order=1)
    lower = surface(area, of, Tile(2, 0, 1)).heights(along, np.zeros(1), order=1)
    np.testing.assert_allclose(upper.meters, lower.meters, atol=1e-5, rtol=0)
    np.testing.assert_allclose(upper.north, lower.north, atol=3e-5, rtol=0)


def test_fewer_bits_leave_residuals_out(
    area: Area, payloads: Stored, without: Stored, bound: Bound
) -> None:
    fewer = assembly(area, payloads, STEP, coarser=1, bound_m=bound.inner_m)
    plain = assembly(area, without, STEP, coarser=1)
    for tile in area.finest:
        np.testing.assert_array_equal(fewer.latents(tile, 500.0), plain.latents(tile, 500.0))


def test_bodies_do_not_depend_on_the_order(area: Area, payloads: Stored, bound: Bound) -> None:
    tiles = BoundedTiles(AreaEncoder(area, STEP).assembly, area, bound)
    for tile in reversed(area.finest):
        assert tiles.body(tile, area.offset_m(tile)) == payloads.bodies[tile]


def test_a_grid_of_one_tile(bound: Bound) -> None:
    area = Area(rough(90, 70, noise=0.4))
    of = assembly(area, bounded(area, STEP, bound), STEP, bound_m=bound.inner_m)
    decoded = (
        surface(area, of, Tile(0, 0, 0))
        .heights(centers(), centers())
        .meters[:90, :70]
        .astype(np.float32)
    )
    assert np.abs(decoded - area.raster).max() <= BOUND


def test_residuals_take_fewer_bits_than_a_finer_step(area: Area, payloads: Stored) -> None:
    """Without residuals the bound needs a step that keeps even the worst sample."""
    fine = stored(area, 0.2)
    errors = assembly(area, fine, 0.2).window(area.top, 0, 0, 540).meters[:, :300] - area.raster
    assert np.abs(errors[area.raster_valid]).max() > BOUND
    assert sum(map(len, payloads.bodies.values())) < sum(map(len, fine.bodies.values()))


@pytest.mark.parametrize("cut", [9, 40])
def test_damaged_bodies_are_refused(cut: int, area: Area, payloads: Stored, bound: Bound) -> None:
    tile = Tile(2, 0, 0)
    for body in (payloads.bodies[tile][:-cut], payloads.bodies[tile] + bytes(range(1, cut + 1))):
        of = assembly(
            area, Stored(area.grid, payloads.bodies | {tile: body}), STEP, bound_m=bound.inner_m
        )
        with pytest.raises(ValueError, match=r"range coder|left after|magnitude|residual"):
            of.stack(tile)


def test_relief_that_32_bits_do_not_hold_is_refused(area: Area, bound: Bound) -> None:
    tiles = BoundedTiles(
        AreaEncoder(area, STEP).assembly, area, bound._replace(checked_m=0.9 * bound.inner_m)
    )
    with pytest.raises(
        NtileError, match=r"error of 0\.\d+ m: 32-bit numbers do not keep to 0\.2 m"
    ):
        tiles.body(Tile(2, 0, 0), area.offset_m(Tile(2, 0, 0)))


@pytest.mark.parametrize("promised", [1e-3, 0.2, 25.0])
@pytest.mark.parametrize(("low", "high"), [(-3.0, 5.0), (99.0, 100.0), (-400.0, 8800.0)])
def test_bounds_leave_room_for_float32(promised: float, low: float, high: float) -> None:
    if promised == 1e-3 and high > 1000:
        with pytest.raises(
            ValueError,
            match=r"finer than 32-bit heights of -400 … 8800 m hold; use at least 0\.0\d",
        ):
            Bound.of(promised, low, high)
        return
    bound = Bound.of(promised, low, high)
    assert bound.inner_m == np.float32(bound.inner_m)
    room = promised - bound.inner_m - np.spacing(np.float32(high)) / 2
    assert promised / 2000 < room < promised / 2
    assert bound.inner_m < bound.checked_m <= promised
    errors = np.random.default_rng(0).normal(0, 3 * promised, 1000)
    left = errors - 2 * bound.inner_m * bound.residuals(errors)
    assert np.abs(left).max() <= bound.inner_m * (1 + 1e-12)
    assert not bound.residuals(errors)[np.abs(errors) < bound.inner_m].any()


@pytest.mark.parametrize("promised", [0.0, -1.0, np.nan, np.inf])
def test_bounds_are_above_0(promised: float) -> None:
    with pytest.raises(ValueError, match="is no number above 0"):
        Bound.of(promised, 0.0, 1.0)


def test_any_residuals_come_back() -> None:
    rng = np.random.default_rng(2)
    residuals = model().residuals
    for scale, share in ((0.3, 1.0), (30.0, 0.5), (3e5, 0.02), (0.0, 1.0)):
        values = np.rint(
            rng.laplace(0, scale, (TILE, TILE)) if scale else np.zeros((TILE, TILE))
        ).astype(np.int32)
        valid = rng.random((TILE, TILE)) < share
        error_class = rng.integers(0, EXPECTED_CLASSES, (TILE, TILE))
        values[~valid] = 0
        if scale > 1:
            y, x = np.nonzero(valid)
            values[y[0], x[0]] = LARGEST
            values[y[1], x[1]] = -LARGEST
        writer = RangeWriter(model().distributions)
        residuals.write(writer, values, valid, error_class)
        reader = RangeReader(writer.finish(), model().distributions)
        np.testing.assert_array_equal(residuals.read(reader, valid, error_class), values)
        reader.finish()


def test_contexts_are_of_what_is_known() -> None:
    rng = np.random.default_rng(3)
    values = (rng.integers(-5, 6, (12, 12)) * (rng.random((12, 12)) < 0.4)).astype(np.int32)
    capped = np.minimum(np.abs(values), 3)
    known = np.zeros((12, 12), int)
    seen = []

    def visit(
        phase: int, at: np.ndarray, error_class: np.ndarray, near: np.ndarray, far: np.ndarray
    ) -> np.ndarray:
        np.testing.assert_array_equal(error_class, at % EXPECTED_CLASSES)
        padded = np.pad(known, 4)
        for flat, one, wide in zip(at, near, far, strict=True):
            y, x = divmod(int(flat), 12)
            window = padded[y : y + 9, x : x + 9]
            eight = window[3:6, 3:6] * np.array([[1, 2, 1], [2, 0, 2], [1, 2, 1]])
            assert (one, wide) == (min(eight.sum(), NEAR - 1), min(window.sum(), FAR - 1))
        seen.extend(at.tolist())
        known.ravel()[at] = capped.ravel()[at]
        return values.ravel()[at]

    found = walk(np.ones((12, 12), bool), np.arange(144).reshape(12, 12) % EXPECTED_CLASSES, visit)
    np.testing.assert_array_equal(found, values)
    assert sorted(seen) == list(range(144))


def test_spread_follows_the_synthesis_functions() -> None:
    """An expected error of one detail spreads as the squares of what the detail adds to samples."""
    quiet = error_classes(np.zeros((BAND_COUNT, 16, 16), int), 8)
    assert not quiet.any()
    for band, (y, x) in enumerate(BANDS):
        expected = np.zeros((BAND_COUNT, 16, 16), int)
        expected[band, 8, 8] = EXPECTED_SCALE
        found = error_classes(expected, 8)
        bands = np.zeros((32, 32))
        bands[16 + y, 16 + x] = 1.0
        squares = merge_level(bands, REFLECT) ** 2
        large = squares > 0.02
        assert (found > 0)[large].all()
        np.testing.assert_allclose(
            found[large] - found.max(), 4 * np.log2(squares[large] / squares.max()), atol=2.5
        )
    shifted = error_classes(expected, 12)
    assert (shifted[large] - found[large] == 4).all()


def test_tables_of_another_kind_are_refused() -> None:
    good = {name: np.ones(shape, np.float32) for name, shape in shapes().items()}
    Residuals(good)
    for change, words in (
        ({"residual_near": np.ones((4, 3))}, "'residual_near' is not a table"),
        ({"residual_far": np.full(shapes()["residual_far"], 0.5)}, "'residual_far' is not a table"),
        ({"residual_expected": -np.ones(shapes()["residual_expected"])}, "negative"),
        ({"residual_chance": np.zeros(shapes()["residual_chance"])}, "beyond 1"),
        ({"residual_chance": np.full(shapes()["residual_chance"], CHANCE_SCALE)}, "beyond 1"),
    ):
        with pytest.raises(ValueError, match=words):
            Residuals(good | change)


def test_fitted_tables_are_better_than_flat_ones(
    area: Area, without: Stored, bound: Bound, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(residual_tables, "_BOUNDS_M", (0.15, 0.25))
    rasters = [Raster("a", 1.0, broken(300, 280, 7), np.ones((300, 280), bool))]
    found = residual_tables.fit_residual_tables(rasters, model())
    assert {name: values.shape for name, values in found.items()} == shapes()
    assert all(np.array_equal(values, np.rint(values)) for values in found.values())
    expected = found["residual_expected"]
    assert expected.shape[0] == CLASSES
    assert 0 < expected[:, 1].mean() < EXPECTED_SCALE / 4
    sizes = {}
    flat = {name: np.zeros(values.shape) for name, values in found.items()} | {
        "residual_chance": np.full(shapes()["residual_chance"], CHANCE_SCALE // 50)
    }
    for name, tables in (("flat", flat), ("fitted", found)):
        monkeypatch.setitem(model().__dict__, "residuals", Residuals(tables))
        sizes[name] = sum(
            len(body)
            for tile, body in bounded(area, STEP, bound).bodies.items()
            if tile.z == area.top
        )
    plain = sum(len(body) for tile, body in without.bodies.items() if tile.z == area.top)
    assert sizes["fitted"] - plain < 0.9 * (sizes["flat"] - plain)


def test_the_command_changes_residual_tables_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(residual_tables, "_BOUNDS_M", (0.2,))
    write(tmp_path / "train.tif", rough(150, 170))
    (tmp_path / "MANIFEST.csv").write_text("file,split,resolution_m,crs\ntrain.tif,train,1.0,\n")
    decoder = tmp_path / "a.decoder.safetensors"
    old = load_file(DECODER)
    with safe_open(DECODER, "np") as file:
        notes = file.metadata()
    save_file(
        {name: values for name, values in old.items() if not name.startswith("residual")},
        decoder,
        notes,
    )
    residual_tables.main(decoder, [tmp_path])
    with safe_open(decoder, "np") as file:
        assert file.metadata() == notes
    new = load(decoder.read_bytes())
    assert new.keys() == old.keys()
    for name, values in old.items():
        if name.startswith("residual"):
            assert new[name].shape == values.shape
            assert new[name].dtype in (np.int16, np.int32)
        else:
            np.testing.assert_array_equal(new[name], values)
            assert new[name].dtype == values.dtype
