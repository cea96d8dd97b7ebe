"""The near-lossless raster: its promise, its surface, its bytes."""

import numpy as np
import pytest

from neural.errors import UsageError
from neural.methods import raster_coder
from neural.methods.base import Surface
from neural.methods.reference import Reference, encode_raster
from neural.tiles import TILE, centers
from tests.support.rasters import hills

METHOD = Reference()
ALL = np.ones((TILE, TILE), bool)


def noisy(spread: float = 0.05, base: float = 0.0) -> np.ndarray:
    noise = np.random.default_rng(2).normal(scale=spread, size=(TILE, TILE))
    return (hills(TILE, TILE) + noise + base).astype(np.float32)


def surface_of(values: np.ndarray, u: np.ndarray, v: np.ndarray, order: int = 2) -> Surface:
    prepared = METHOD.prepare({}, values)
    assert prepared["samples"].shape == (TILE + 4, (TILE + 4) // 4, 4)
    assert prepared["samples"].dtype == np.float32
    return METHOD.evaluate({}, prepared, u, v, order=order)


@pytest.mark.parametrize("tolerance", [0.0015, 0.01, 0.1, 2.0, 500.0])
@pytest.mark.parametrize("base", [0.0, 8600.0, -10_900.0])
def test_every_valid_cell_is_within_the_tolerance(tolerance: float, base: float) -> None:
    heights = noisy(base=base)
    valid = np.random.default_rng(4).random((TILE, TILE)) > 0.2
    offset, scale, latents = encode_raster(
        np.where(valid, heights, np.float32(np.nan)), valid, tolerance
    )
    assert offset == np.float32(offset)
    assert scale == np.float32(scale) > 0
    stored = METHOD.unpack(METHOD.pack(latents, 32, {}), 32, {})
    np.testing.assert_array_equal(stored, latents)
    decoded = surface_of(stored, centers(), centers(), order=0).h
    meters = (offset + scale * decoded).astype(np.float32).astype(float)
    assert np.abs(meters - heights)[valid].max() <= tolerance


def test_the_tolerance_is_used() -> None:
    heights = noisy(spread=1.0)
    offset, scale, latents = encode_raster(heights, ALL, 0.05)
    assert np.abs(offset + scale * latents - heights).max() > 0.049


def test_steps_of_the_source_are_kept() -> None:
    meters = np.round(noisy(spread=3.0, base=2000.0))
    offset, scale, latents = encode_raster(meters, ALL, 0.01)
    assert scale == 1.0
    np.testing.assert_array_equal(offset + scale * latents, meters)
    tenths = np.round(noisy(base=300.0), 1)
    offset, scale, latents = encode_raster(tenths, ALL, 0.01)
    assert scale == pytest.approx(0.1)
    assert np.abs(offset + scale * latents - tenths).max() < 1e-3


def test_a_flat_tile_costs_next_to_nothing() -> None:
    offset, scale, latents = encode_raster(np.full((TILE, TILE), 123.456, np.float32), ALL, 0.01)
    assert abs(offset + scale * float(latents[0, 0]) - 123.456) <= 0.01
    assert len(METHOD.pack(latents, 32, {})) < 100


def test_impossible_tolerances_are_refused() -> None:
    with pytest.raises(
        UsageError, match=r"finer than 32-bit heights near 8\d{3} m hold; use at least 0\.0015 m"
    ):
        encode_raster(noisy(base=8500.0), ALL, 0.0001)


def test_rate_is_near_the_entropy_of_the_noise() -> None:
    # White noise of 5 quantization steps has log2(5·√(2πe)) = 4.37 bits; predicting from noisy
    # samples costs some.
    _, _, latents = encode_raster(noisy(spread=0.1), ALL, 0.01)
    bits = len(METHOD.pack(latents, 32, {})) * 8 / TILE**2
    assert 4.37 < bits < 4.37 + 0.6


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", [1, 200, 1 << 26])
def test_coder_round_trip(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    walk = rng.integers(-size, size, (TILE, TILE), endpoint=True)
    steep = np.clip(np.add.outer(np.arange(TILE) * size // 300, walk[0]), -(1 << 26), 1 << 26)
    for values in (walk, steep, np.full((TILE, TILE), size), np.zeros((TILE, TILE), int)):
        body = raster_coder.encode(values)
        decoded = raster_coder.decode(body)
        assert decoded.dtype == np.int32
        np.testing.assert_array_equal(decoded, values)


def test_each_predictor_has_its_terrain() -> None:
    y, x = np.mgrid[0:TILE, 0:TILE]
    # folds along rows and columns: the plane predictor's case
    ridges = 50 * np.maximum(y % 64, 20) + 30 * (x % 100)
    assert raster_coder.encode(ridges)[0] == 0
    assert raster_coder.encode(np.random.default_rng(0).integers(-50, 50, (TILE, TILE)))[0] == 1
    for values in (ridges, x * y):
        np.testing.assert_array_equal(raster_coder.decode(raster_coder.encode(values)), values)


def test_values_out_of_range_are_refused() -> None:
    for values in (np.full((TILE, TILE), (1 << 26) + 1), np.zeros((TILE, TILE - 1), int)):
        with pytest.raises(ValueError, match="256×256 integers"):
            raster_coder.encode(values)


def test_damaged_bodies_are_value_errors() -> None:
    body = raster_coder.encode((noisy() * 20).astype(int))
    for damaged in (
        b"",
        body[:2],
        b"\x02" + body[1:],
        body[:1] + b"\x05" + body[2:],
        body + b"\0",
        body[:-9],
    ):
        with pytest.raises(ValueError, match="raster body"):
            raster_coder.decode(damaged)
    rng = np.random.default_rng(8)
    for _ in range(60):  # whatever the bytes, a tile of integers or a ValueError
        broken = bytearray(body)
        for at in rng.integers(0, len(body), 4):
            broken[at] = rng.integers(256)
        assert _outcome(bytes(broken)) in ("a tile", "a ValueError")


def _outcome(body: bytes) -> str:
    try:
        return "a tile" if raster_coder.decode(body).shape == (TILE, TILE) else "another shape"
    except ValueError:
        return "a ValueError"


def test_only_32_bits_exist() -> None:
    body = METHOD.pack(np.zeros((TILE, TILE), int), 32, {})
    with pytest.raises(ValueError, match="32 bits"):
        METHOD.pack(np.zeros((TILE, TILE), int), 8, {})
    with pytest.raises(ValueError, match="32 bits"):
        METHOD.unpack(body, 32, {}, keep_bits=8)


def test_derivatives_at_sample_centers_are_central_differences() -> None:
    q = np.random.default_rng(1).integers(-1000, 1000, (TILE, TILE)).astype(float)
    got = surface_of(q, centers(), centers())
    np.testing.assert_array_equal(got.h, q)
    inner = np.s_[1:-1, 1:-1]
    np.testing.assert_allclose(got.dh_du[inner], (q[1:-1, 2:] - q[1:-1, :-2]) / 2 * TILE, atol=1e-6)
    np.testing.assert_allclose(got.dh_dv[inner], (q[2:, 1:-1] - q[:-2, 1:-1]) / 2 * TILE, atol=1e-6)
    np.testing.assert_allclose(
        got.d2h_du2[inner], (q[1:-1, 2:] - 2 * q[inner] + q[1:-1, :-2]) * TILE**2, rtol=1e-9
    )
    np.testing.assert_allclose(
        got.d2h_dv2[inner], (q[2:, 1:-1] - 2 * q[inner] + q[:-2, 1:-1]) * TILE**2, rtol=1e-9
    )


def test_quadratic_surfaces_are_reproduced() -> None:
    x = centers() * TILE
    q = np.add.outer(3 * x**2 - 40 * x, 7 * x - 2 * x**2) + np.multiply.outer(x, x)
    t = np.sort(np.random.default_rng(5).uniform(1.5 / TILE, 1 - 1.5 / TILE, 40))
    s = t * TILE
    got = surface_of(q, t, t)
    want = np.add.outer(3 * s**2 - 40 * s, 7 * s - 2 * s**2) + np.multiply.outer(s, s)
    np.testing.assert_allclose(got.h, want, atol=0.02)  # the samples are float32
    np.testing.assert_allclose(got.dh_du / TILE, np.add.outer(s, 7 - 4 * s), atol=0.1)
    np.testing.assert_allclose(got.dh_dv / TILE, np.add.outer(6 * s - 40, s), atol=0.1)


def test_outer_half_cells_continue_linearly() -> None:
    q = np.random.default_rng(1).integers(-1000, 1000, (TILE, TILE)).astype(float)
    edge = np.array([0.0, 0.2 / TILE, 0.5 / TILE])
    got = surface_of(q, edge, centers())
    slope = q[:, 1] - q[:, 0]
    for i, cells in enumerate((-0.5, -0.3, 0.0)):
        np.testing.assert_allclose(got.h[:, i], q[:, 0] + cells * slope, atol=1e-6)
        np.testing.assert_allclose(got.dh_du[:, i], slope * TILE, atol=1e-4)
        np.testing.assert_allclose(got.d2h_du2[:, i], 0, atol=0.05)
    far = surface_of(q, centers(), 1 - edge[::-1])
    np.testing.assert_allclose(far.h[-1], q[-1] + 0.5 * (q[-1] - q[-2]), atol=1e-6)


def test_surface_is_twice_continuously_differentiable() -> None:
    q = np.random.default_rng(1).integers(-1000, 1000, (TILE, TILE)).astype(float)
    knots = centers()[3:9]
    before, after = (surface_of(q, knots + e, knots + e) for e in (-1e-9, 1e-9))
    for a, b, size in zip(before, after, (1, TILE, TILE, TILE**2, TILE**2), strict=True):
        assert np.abs(a - b).max() < 0.01 * size


def test_derivatives_are_those_of_the_heights() -> None:
    q = noisy(spread=1.0)
    t = np.sort(np.random.default_rng(6).uniform(0.01, 0.99, 50))
    step = 1e-6
    got = surface_of(q, t, t)
    along_u = [surface_of(q, t + e, t, order=1) for e in (-step, step)]
    along_v = [surface_of(q, t, t + e, order=1) for e in (-step, step)]
    np.testing.assert_allclose((along_u[1].h - along_u[0].h) / (2 * step), got.dh_du, atol=0.05)
    np.testing.assert_allclose((along_v[1].h - along_v[0].h) / (2 * step), got.dh_dv, atol=0.05)
    curved = np.abs(got.d2h_du2).max()
    np.testing.assert_allclose(
        (along_u[1].dh_du - along_u[0].dh_du) / (2 * step), got.d2h_du2, atol=1e-3 * curved
    )
    np.testing.assert_allclose(
        (along_v[1].dh_dv - along_v[0].dh_dv) / (2 * step), got.d2h_dv2, atol=1e-3 * curved
    )


def test_fewer_derivatives_when_fewer_are_asked_for() -> None:
    q = noisy()
    assert surface_of(q, centers(4), centers(3), order=0)[1:] == (None, None, None, None)
    first = surface_of(q, centers(4), centers(3), order=1)
    assert first.dh_du.shape == (3, 4)
    assert first.d2h_du2 is None
