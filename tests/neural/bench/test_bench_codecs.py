"""Classical codecs of the benchmark: bounds, counted bytes, allocation between tiles, errors over
valid samples."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neural.bench import allocate, classical
from neural.bench.baselines import BASELINES, Bicubic, OneHeight
from neural.bench.codec import Codec, Stream, to_codes
from neural.bench.codecs import CODECS, Sz3
from neural.bench.jpeg2000 import Jpeg2000, decompress, strip_headers
from neural.container.envelope import unpack_envelope
from neural.encoding.pyramid import PyramidTile, build
from neural.raster.dem import open_dem
from neural.raster.fill import fill
from neural.tiles import TILE, tile_id
from tests.support.rasters import hills, write

FULL = np.ones((TILE, TILE), bool)


def _rough(rows: int = TILE, cols: int = TILE) -> np.ndarray:
    noise = np.random.default_rng(3).normal(scale=0.1, size=(rows, cols))
    return (hills(rows, cols) + noise).astype(np.float32)


def _round_trip(codec: Codec, setting: Any, heights: np.ndarray) -> tuple[np.ndarray, int]:
    stream = codec.encode(heights, FULL, setting)
    assert float(np.float32(stream.offset_m)) == stream.offset_m  # survives the envelope
    assert float(np.float32(stream.scale_m)) == stream.scale_m
    return codec.decode(stream) - heights, len(stream.body)


@pytest.mark.parametrize("name", ["lerc", "sz3", "zfp"])
def test_bounded_codecs_keep_their_tolerance(name: str) -> None:
    codec = CODECS[name]()
    heights = _rough() + np.float32(2000)
    sizes = []
    for setting in codec.settings:
        error, size = _round_trip(codec, setting, heights)
        assert np.abs(error).max() <= setting * 1.0001 + 1e-5
        sizes.append(size)
    assert sizes[0] > 2 * sizes[-1]


def test_jpeg_2000_reaches_the_rmse_asked_for() -> None:
    for setting in Jpeg2000.settings[:24:3]:
        error, _ = _round_trip(Jpeg2000(), setting, _rough())
        assert 0.4 * setting < np.sqrt((error**2).mean()) < 1.2 * setting


def test_jpeg_2000_streams_carry_no_comment() -> None:
    body = Jpeg2000().encode(_rough(), FULL, 0.5).body
    assert body[:2] == b"\xff\x4f"
    assert b"\xff\x64\x00" not in body[:200]
    assert b"OpenJPEG" not in body


def test_jpeg_2000_headers_are_the_same_for_every_tile() -> None:
    """Headers left out of the accounting can be put back from any other tile's stream and the
    length."""
    other = Jpeg2000().encode(_rough()[::-1] * 3, FULL, 0.01).body
    for setting in (0.01, 0.3, 4.0):
        body = Jpeg2000().encode(_rough(), FULL, setting).body
        packets = strip_headers(body)
        head = bytearray(other[: other.index(strip_headers(other))])
        assert len(body) - len(packets) == len(head) + 2 == 118
        at = head.index(b"\xff\x90") + 6  # Psot: the tile part's length
        head[at : at + 4] = (len(packets) + 14).to_bytes(4, "big")
        assert bytes(head) + packets + b"\xff\xd9" == body
        np.testing.assert_array_equal(
            decompress(bytes(head) + packets + b"\xff\xd9"), decompress(body)
        )


def test_what_is_no_bare_codestream_keeps_its_headers() -> None:
    body = Jpeg2000().encode(_rough(), FULL, 0.3).body
    for wrong in (body[:-2], body.replace(b"\xff\x93", b"\xff\x64", 1)):
        with pytest.raises(ValueError, match="not a codestream"):
            strip_headers(wrong)


def test_avif_trades_error_for_bytes_and_stores_no_boxes() -> None:
    codec = CODECS["avif"]()
    trials = [_round_trip(codec, codec.settings[k], _rough()) for k in (0, 5, -1)]
    rmse = [float(np.sqrt((error**2).mean())) for error, _ in trials]
    assert rmse[0] < 0.02 < rmse[1] < 0.2 < rmse[2]
    assert [size for _, size in trials] == sorted((size for _, size in trials), reverse=True)
    body = codec.encode(_rough(), FULL, codec.settings[-1]).body
    assert not any(box in body for box in (b"ftyp", b"meta", b"mdat"))
    steep = _rough() * np.float32(10)  # 450 m, so that 12 bits hold it in steps of 0.11 m
    error, _ = _round_trip(codec, codec.settings[0], steep)
    assert 0.1 < np.sqrt((error**2).mean()) < 0.3


def test_jpeg_xl_trades_error_for_bytes() -> None:
    codec = CODECS["jpegxl"]()
    picked = (codec.settings[0], codec.settings[11], codec.settings[-1])
    trials = [_round_trip(codec, setting, _rough()) for setting in picked]
    rmse = [float(np.sqrt((error**2).mean())) for error, _ in trials]
    sizes = [size for _, size in trials]
    assert rmse[0] < 0.05 < rmse[1] < rmse[2] < 3
    assert sizes[0] > 3 * sizes[1] > 6 * sizes[2]


@pytest.mark.parametrize("relief", [0.0, 30.0, 1000.0])
def test_codes_are_centered_and_use_the_common_step_where_they_can(relief: float) -> None:
    heights = np.linspace(1500, 1500 + relief, TILE * TILE, dtype=np.float32).reshape(TILE, TILE)
    offset, scale, codes = to_codes(heights, 0.001)
    assert scale == pytest.approx(0.001 if relief <= 30 else 0.016)
    assert np.abs(offset + scale * codes - heights).max() <= scale * 0.5001
    assert abs(int(codes.min()) + int(codes.max()) - 65536) <= 2 + 2**-13 * 1500 / scale


def test_choice_is_optimal_on_a_small_table() -> None:
    """No other selection has a smaller Lagrangian, nor less error for as few bytes."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(10, 500, size=(4, 3)).astype(float)
    sse = rng.uniform(1, 100, size=(4, 3))
    every = [np.array(c) for c in itertools.product(range(3), repeat=4)]
    tiles = np.arange(4)
    for slope in (0.01, 0.1, 1.0):
        chosen = allocate.choose(sse, sizes, slope)
        error = sse[tiles, chosen].sum()
        size = sizes[tiles, chosen].sum()
        for other in every:
            other_error = sse[tiles, other].sum()
            other_size = sizes[tiles, other].sum()
            assert error + slope * size <= other_error + slope * other_size + 1e-9
            assert other_size > size or other_error >= error - 1e-9


def test_operating_points_are_distinct_and_ordered() -> None:
    sse = np.array([[1.0, 4.0, 90.0], [2.0, 5.0, 50.0]])
    sizes = np.array([[100.0, 40.0, 10.0], [90.0, 50.0, 5.0]])
    points = allocate.operating_points(sse, sizes, np.array([True, True]))
    totals = [(sizes[[0, 1], c].sum(), sse[[0, 1], c].sum()) for _, c in points]
    assert totals[0] == (15, 140)
    assert totals[-1] == (190, 3)
    assert all(a[0] < b[0] and a[1] > b[1] for a, b in itertools.pairwise(totals))
    assert len(allocate.operating_points(sse, sizes, np.array([False, True]))) <= 3


@pytest.fixture
def holed(tmp_path: Path) -> tuple[Path, np.ndarray]:
    """A raster of 2 × 1 tiles with a hole across their border, marked −9999; and its validity."""
    heights = _rough(120, 300)
    valid = np.ones(heights.shape, bool)
    valid[30:60, 240:270] = False
    return write(
        tmp_path / "dem.tif", np.where(valid, heights, -9999).astype(np.float32), nodata=-9999
    ), valid


def _finest(path: Path) -> list[PyramidTile]:
    with open_dem(path) as dem:
        return [tile for tile in build(dem) if tile.tile.z == dem.grid.levels - 1]


@pytest.mark.parametrize("codec", [Jpeg2000(), Sz3(), Bicubic()], ids=lambda codec: codec.name)
def test_counted_bytes_are_stream_and_envelope(
    codec: Codec, holed: tuple[Path, np.ndarray]
) -> None:
    tile = _finest(holed[0])[0]
    setting = codec.settings[-1]
    with open_dem(holed[0]) as dem:
        data = classical.payload(codec, tile, setting, dem.grid)
    stream = codec.encode(tile.heights, tile.valid, setting)
    envelope = unpack_envelope(data, tile_id=tile_id(tile.tile), layer=0, height_range=(-1e6, 1e6))
    assert envelope.body == stream.body
    assert envelope.mask is not None
    np.testing.assert_array_equal(envelope.mask, tile.valid)
    assert len(data) - len(stream.body) < 16 + 4 + 200  # head, length of the mask, its stream
    np.testing.assert_array_equal(
        classical.decode_payload(codec, data, tile.tile), codec.decode(stream)
    )


def test_rates_add_up(holed: tuple[Path, np.ndarray]) -> None:
    """Bits per sample are the real payloads at the chosen settings over the valid samples."""
    path, valid = holed
    codec = Sz3()
    with open_dem(path) as dem:
        rows = classical.measure(dem, codec)
        sizes = np.array(
            [
                [len(classical.payload(codec, t, s, dem.grid)) for s in codec.settings]
                for t in _finest(path)
            ]
        )
    possible = {
        sizes[0, a] + sizes[1, b]
        for a in range(len(codec.settings))
        for b in range(len(codec.settings))
    }
    for row in rows:
        assert row["samples"] == valid.sum()
        total = row["bits_per_sample"] * row["samples"] / 8
        assert round(total) in possible
        assert row["stack_bits_per_sample"] > row["bits_per_sample"]
    assert rows[-1]["bits_per_sample"] * valid.sum() / 8 == pytest.approx(sizes[:, 0].sum())
    for a, b in itertools.pairwise(rows):
        assert a["bits_per_sample"] < b["bits_per_sample"]
        assert a["rmse_m"] > b["rmse_m"]


def test_errors_are_those_of_the_whole_mosaic(holed: tuple[Path, np.ndarray]) -> None:
    """One height per tile: two flat halves with a step between them, in heights and in slopes."""
    path, valid = holed
    with open_dem(path) as dem:
        (row,) = classical.measure(dem, OneHeight())
        heights, seen = dem.read(0, 0, 120, 300)
    np.testing.assert_array_equal(seen, valid)
    h = heights.astype(np.float64)
    flat = np.empty_like(h)
    for half in (np.s_[:, :256], np.s_[:, 256:]):
        flat[half] = np.float32(h[half][valid[half]].mean())
    error = flat - h
    assert row["rmse_m"] == pytest.approx(np.sqrt((error[valid] ** 2).mean()), rel=1e-6)
    assert row["max_error_m"] == pytest.approx(np.abs(error[valid]).max(), rel=1e-6)
    inner = np.s_[1:-1, 1:-1]
    ok = valid[inner] & valid[1:-1, :-2] & valid[1:-1, 2:] & valid[:-2, 1:-1] & valid[2:, 1:-1]
    east = (error[1:-1, 2:] - error[1:-1, :-2]) / 2
    north = (error[:-2, 1:-1] - error[2:, 1:-1]) / 2
    assert row["gradient_rmse"] == pytest.approx(np.sqrt((east**2 + north**2)[ok].mean()), rel=1e-6)


def test_void_cells_are_not_counted(holed: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    """The same area with NaN where the other has −9999 gives the same numbers."""
    path, valid = holed
    with open_dem(path) as dem:
        heights, _ = dem.read(0, 0, 120, 300)
        rows = classical.measure(dem, Sz3())
    other = write(tmp_path / "nan.tif", np.where(valid, heights, np.nan).astype(np.float32))
    with open_dem(other) as dem:
        assert classical.measure(dem, Sz3()) == rows


def test_bicubic_stand_in_reproduces_a_plane_inside() -> None:
    y, x = np.mgrid[0:TILE, 0:TILE]
    plane = (100 + 0.2 * x - 0.1 * y).astype(np.float32)
    error, size = _round_trip(Bicubic(), None, plane)
    assert size == 512
    # a = −0.75 bends a plane a little between cells
    assert np.abs(error[32:-32, 32:-32]).max() < 0.35
    flat, _ = _round_trip(Bicubic(), None, np.full((TILE, TILE), 7, np.float32))
    assert not flat.any()
    assert set(BASELINES) == {"one_height", "bicubic_16"}


def test_streams_of_filled_tiles_stay_small() -> None:
    """Cells beyond the raster are filled smoothly, as for a model, so codecs do not pay for a
    cliff."""
    valid = FULL.copy()
    valid[:, 128:] = False
    heights = fill(_rough(), valid)
    cliff = np.where(valid, heights, 0).astype(np.float32)
    codec = Jpeg2000()
    assert len(codec.encode(heights, valid, 0.1).body) < len(codec.encode(cliff, valid, 0.1).body)
    assert isinstance(codec.encode(heights, valid, 0.1), Stream)
