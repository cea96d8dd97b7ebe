"""ACORN's quantized encoder, bit by bit, and the features that an open layer keeps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from safetensors.numpy import load, save

from neural.errors import ModelError
from neural.methods.acorn import Acorn
from neural.methods.acorn.weights import (
    FeatureCache,
    LayerWeights,
    pack_codes,
    pack_weights,
    unpack_codes,
    unpack_weights,
)
from neural.methods.decoder_weights import load_decoder
from neural.tiles import Tile

METHOD = Acorn(512, 512, side=8, channels=4, frequencies=3, encoder_width=12, decoder_width=8)


def weights(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = METHOD.weight_shapes().items()
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes}


@pytest.mark.parametrize("bits", [8, 6, 5])
@pytest.mark.parametrize("count", [1, 7, 8, 9, 1000])
def test_codes_are_packed_bit_by_bit(bits: int, count: int) -> None:
    rng = np.random.default_rng(count)
    codes = rng.integers(0, 2**bits - 1, count)
    packed = pack_codes(codes, bits)
    text = "".join(format(code, f"0{bits}b") for code in codes)
    text += "0" * (-len(text) % 8)
    assert packed.tobytes() == int(text, 2).to_bytes(len(text) // 8, "big")
    np.testing.assert_array_equal(unpack_codes(packed, count, bits), codes)


@pytest.mark.parametrize("bits", [8, 6, 5])
def test_weights_come_back_within_half_a_step(bits: int) -> None:
    exact = weights()
    exact["encoder1_weight"][:, 3] = 0  # a unit that is never on
    stored = load(save(pack_weights(exact, bits)))
    got = METHOD.decode_weights(stored)
    assert set(got) == set(exact)
    assert sum(value.nbytes for value in stored.values()) < 0.45 * sum(
        value.nbytes for value in exact.values()
    )
    top = 2 ** (bits - 1) - 1
    for name, value in exact.items():
        assert got[name].dtype == np.float32
        if name.startswith("encoder") and name.endswith("weight"):
            step = np.abs(value).max(axis=0) / top
            assert (np.abs(got[name] - value) <= step / 2 * 1.0001).all()
            np.testing.assert_allclose(np.abs(got[name]).max(axis=0), top * step, rtol=1e-6)
        else:
            np.testing.assert_array_equal(got[name], value)


def test_full_width_is_exact_and_halves_are_read() -> None:
    exact = weights()
    stored = pack_weights(exact, 32)
    assert set(stored) == set(METHOD.weight_shapes())
    for name, value in METHOD.decode_weights(load(save(stored))).items():
        np.testing.assert_array_equal(value, exact[name])
    halves = pack_weights(exact, 8)
    halves |= {key: halves[key].astype(np.float16) for key in exact if key.startswith("decoder")}
    got = METHOD.decode_weights(load(save(halves)))
    np.testing.assert_allclose(got["decoder1_weight"], exact["decoder1_weight"], rtol=1e-3)


@pytest.mark.parametrize(("stored_bits", "keep"), [(32, 8), (32, 5), (8, 6), (8, 5), (6, 5)])
def test_fewer_bits_are_those_of_the_narrower_code(stored_bits: int, keep: int) -> None:
    stored = pack_weights(weights(), stored_bits)
    got = METHOD.decode_weights(stored, keep)
    again = METHOD.decode_weights(pack_weights(METHOD.decode_weights(stored), keep))
    for name, value in got.items():
        np.testing.assert_allclose(value, again[name], rtol=1e-6)
    distinct = len(np.unique(np.abs(got["encoder5_weight"][:, 0])))
    assert distinct <= 2 ** (keep - 1)
    same = METHOD.decode_weights(stored, stored_bits)
    for name, value in METHOD.decode_weights(stored).items():
        np.testing.assert_array_equal(same[name], value)


def test_damaged_weights_are_an_error() -> None:
    stored = pack_weights(weights(), 6)

    def changed(**values) -> bytes:
        return save({name: value for name, value in (stored | values).items() if value is not None})

    codes = stored["encoder2_codes"]
    for data, reason in (
        (changed(encoder2_codes=codes[:-1]), "bytes of codes"),
        (changed(encoder2_codes=np.full_like(codes, 255)), "out of range"),
        (changed(encoder2_codes=codes.astype(np.int16)), "no codes"),
        (changed(encoder2_max_abs=None), "no codes"),
        (changed(encoder2_max_abs=stored["encoder2_max_abs"][:-1]), "no codes"),
        (changed(encoder2_max_abs=np.full(12, np.nan, np.float32)), "NaN"),
        (changed(encoder2_codes=None), "lacks 'encoder2_weight'"),
        (changed(encoder9_codes=codes), "no codes"),
        (changed(decoder1_bias=None), "lacks 'decoder1_bias'"),
        (b"nonsense", "safetensors"),
    ):
        with pytest.raises(ModelError, match=reason):
            load_decoder(data, METHOD, "x")


def test_packing_refuses_what_it_cannot_store() -> None:
    with pytest.raises(ValueError, match="bits"):
        pack_weights(weights(), 7)
    bad = weights()
    bad["encoder0_weight"][0, 0] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        pack_weights(bad, 8)
    assert "unknown" in unpack_weights({"unknown": np.zeros(3, np.float16)}, {})


def test_features_are_computed_once_for_all_tiles() -> None:
    area = np.array([(3, x, y, 1, 0, 0) for y in range(8) for x in range(8)], np.float32)
    plain = weights()
    layer = METHOD.decode_weights(plain)
    assert isinstance(layer, LayerWeights)
    calls = []

    def compute(rows: np.ndarray) -> np.ndarray:
        calls.append(len(rows))
        return rows[:, :1] * np.ones((1, 256))

    for tile in (Tile(1, 0, 0), Tile(1, 1, 0), Tile(1, 0, 0), Tile(0, 0, 0)):
        latents = METHOD.tile_table(tile, area)
        ours = METHOD.prepare(layer, latents)
        assert ours["features"].shape == (len(latents) - 1, 64, 4)
        # products of other sizes round otherwise
        np.testing.assert_allclose(
            ours["features"], METHOD.prepare(plain, latents)["features"], rtol=1e-4, atol=1e-3
        )
        layer.features.take(latents[1:], compute)
    assert calls == []
    assert layer.features.bytes == 64 * 256 * 4

    cache = FeatureCache(limit=10 * 256 * 8)
    first = area[:8]
    cache.take(first, compute)
    cache.take(first, compute)
    cache.take(area[8:12], compute)
    cache.take(first[4:], compute)
    assert calls == [8, 4]
    cache.take(first[:2], compute)  # the oldest two were dropped
    assert calls == [8, 4, 2]
    assert cache.bytes == 10 * 256 * 8
    assert len(cache.take(area, compute)) == 64
    assert cache.bytes == 10 * 256 * 8


def test_threads_share_the_cache() -> None:
    area = np.array([(3, x, y, 1, 0, 0) for y in range(8) for x in range(8)], np.float32)
    cache = FeatureCache(limit=20 * 8)

    def compute(rows: np.ndarray) -> np.ndarray:
        return rows[:, 1:2] + 10.0 * rows[:, 2:3]

    def take(seed: int) -> bool:
        rows = area[np.random.default_rng(seed).permutation(64)[:16]]
        return np.array_equal(np.concatenate(cache.take(rows, compute)), compute(rows)[:, 0])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(take, range(200)))
    assert cache.bytes <= cache.limit
