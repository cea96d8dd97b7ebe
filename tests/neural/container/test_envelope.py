"""The envelope: exact bytes, conservative bounds, and no corrupt byte unnoticed."""

import struct

import google_crc32c
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neural.container.envelope import (
    ChildInfo,
    Envelope,
    child_flags,
    pack_envelope,
    plain_offset,
    unpack_envelope,
)
from neural.errors import ContainerError
from tests.support.strategies import FLOAT32, damaged

RANGE = (-12.5, 8848.0)
WHERE = {"tile_id": 77, "layer": 3, "height_range": RANGE}
MASK = np.random.default_rng(1).random((256, 256)) < 0.01
CHILD = ChildInfo(100.0, 250.5, 3.7)
ENVELOPES = {
    "leaf": Envelope(120.5, 30.25, (None,) * 4, None, b"payload"),
    "inner": Envelope(-3.0, 0.0, (CHILD, None, CHILD, CHILD), None, b""),
    "masked": Envelope(0.0, 1.0, (None, CHILD, None, None), MASK, bytes(range(256))),
}


def resealed(data: bytes, tile_id: int = 77) -> bytes:
    """The same payload with a checksum that holds."""
    crc = google_crc32c.value(tile_id.to_bytes(8, "little") + data[:12] + data[16:])
    return data[:12] + struct.pack("<I", crc) + data[16:]


def check_same(a: Envelope, b: Envelope) -> None:
    assert (a.offset_m, a.scale_m, a.body) == (b.offset_m, b.scale_m, b.body)
    assert [child is None for child in a.children] == [child is None for child in b.children]
    assert (a.mask is None) == (b.mask is None)
    assert a.mask is None or np.array_equal(a.mask, b.mask)


@pytest.mark.parametrize("name", ENVELOPES)
def test_round_trip(name):
    data = pack_envelope(ENVELOPES[name], **WHERE)
    check_same(unpack_envelope(data, **WHERE), ENVELOPES[name])
    assert child_flags(data) == sum(1 << k for k, c in enumerate(ENVELOPES[name].children) if c)


def test_sizes_are_counted():
    assert len(pack_envelope(ENVELOPES["leaf"], **WHERE)) == 16 + len(b"payload")
    full = Envelope(0.0, 1.0, (CHILD,) * 4, None, b"")
    assert len(pack_envelope(full, **WHERE)) == 36


def test_bytes_are_those_of_the_specification():
    env = Envelope(100.0, 12.5, (None, None, None, ChildInfo(10000.0, 65535.0, 2.0)), None, b"body")
    data = pack_envelope(env, tile_id=5, layer=0, height_range=(0.0, 65535.0))
    head = bytes.fromhex("01 00 08 00  00 00 c8 42  00 00 48 41")
    tail = bytes.fromhex("10 27 ff ff 88") + b"body"
    crc = google_crc32c.value(bytes([5, 0, 0, 0, 0, 0, 0, 0]) + head + tail)
    assert data == head + struct.pack("<I", crc) + tail


@pytest.mark.parametrize("name", ENVELOPES)
def test_every_flipped_bit_is_noticed(name):
    data = pack_envelope(ENVELOPES[name], **WHERE)
    for at in range(len(data)):
        for bit in range(8):
            bad = bytearray(data)
            bad[at] ^= 1 << bit
            with pytest.raises(ContainerError, match="damaged tile"):
                unpack_envelope(bytes(bad), **WHERE)


@pytest.mark.parametrize("name", ENVELOPES)
def test_every_truncation_is_noticed(name):
    data = pack_envelope(ENVELOPES[name], **WHERE)
    for length in range(len(data)):
        with pytest.raises(ContainerError, match="damaged tile"):
            unpack_envelope(data[:length], **WHERE)
    with pytest.raises(ContainerError):
        unpack_envelope(data + b"\0", **WHERE)


@pytest.mark.parametrize("elsewhere", [{"tile_id": 78}, {"layer": 2}])
def test_a_payload_belongs_to_its_tile_and_layer(elsewhere):
    data = pack_envelope(ENVELOPES["leaf"], **WHERE)
    with pytest.raises(ContainerError):
        unpack_envelope(data, **WHERE | elsewhere)


@pytest.mark.parametrize(
    ("at", "value", "reason"),
    [
        (0, b"\x02", "envelope version 2"),
        (2, b"\x40", "malformed"),  # a reserved flag
        (4, struct.pack("<f", np.nan), "malformed"),
        (8, struct.pack("<f", np.inf), "malformed"),
        (21, struct.pack("<I", 1 << 31), "mask longer"),
        (21, struct.pack("<I", 7), "malformed"),  # a mask cut short
        (25, b"\0\0", "malformed"),  # not a zlib stream
    ],
)
def test_malformed_though_the_checksum_holds(at, value, reason):
    data = pack_envelope(ENVELOPES["masked"], **WHERE)
    with pytest.raises(ContainerError, match=reason):
        unpack_envelope(resealed(data[:at] + value + data[at + len(value) :]), **WHERE)


def test_flags_beyond_the_end():
    data = pack_envelope(Envelope(0.0, 1.0, (None,) * 4, None, b""), **WHERE)
    with pytest.raises(ContainerError, match="malformed"):
        unpack_envelope(resealed(data[:2] + b"\x0f" + data[3:]), **WHERE)


@st.composite
def children(draw):
    """A child's bounds within RANGE."""
    low, high = sorted(draw(st.tuples(*[st.floats(*RANGE)] * 2)))
    return ChildInfo(low, high, draw(st.floats(0, allow_nan=False)))


ANY = st.builds(
    Envelope,
    FLOAT32,
    FLOAT32,
    st.tuples(*[st.none() | children()] * 4),
    st.sampled_from([None, MASK]),
    st.binary(max_size=40),
)


@given(ANY)
def test_all_but_bounds_come_back(env):
    data = pack_envelope(env, **WHERE)
    check_same(unpack_envelope(data, **WHERE), env)


@given(ANY, st.data())
def test_damaged_bytes_are_an_error(env, draws):
    data = draws.draw(damaged(pack_envelope(env, **WHERE)))
    with pytest.raises(ContainerError, match="damaged tile"):
        unpack_envelope(data, **WHERE)


@given(ANY, st.data())
def test_damage_under_a_checksum_that_holds_is_an_error_or_an_envelope(env, draws):
    data = draws.draw(damaged(pack_envelope(env, **WHERE)))
    try:
        back = unpack_envelope(resealed(data), **WHERE)
    except ContainerError:
        return
    assert np.isfinite([back.offset_m, back.scale_m]).all()
    assert back.mask is None or back.mask.shape == MASK.shape


@given(
    st.floats(-500, 9000),
    st.floats(-6, 4).map(lambda exponent: 10**exponent),
    st.tuples(*[st.floats(0, 1)] * 2).map(sorted),
    st.floats(-7, 6).map(lambda exponent: 10**exponent),
)
@settings(max_examples=200)
def test_bounds_only_widen(low, span, shares, error):
    bounds = (low, low + span)
    a, b = np.clip(low + span * np.array(shares), *bounds).tolist()
    env = Envelope(
        0.0, 1.0, (ChildInfo(a, b, error), ChildInfo(*bounds, 0.0), None, None), None, b""
    )
    data = pack_envelope(env, tile_id=1, layer=0, height_range=bounds)
    child, whole, *_ = unpack_envelope(data, tile_id=1, layer=0, height_range=bounds).children
    assert whole == ChildInfo(*bounds, 0.0)
    assert bounds[0] <= child.min_m <= a
    assert b <= child.max_m <= bounds[1]
    assert error <= child.geometric_error_m
    step = span / 65535 * 1.001 + 1e-12
    assert a - child.min_m <= step
    assert child.max_m - b <= step
    if 2e-5 < error < 5e4:
        assert child.geometric_error_m <= error * 2**0.125 * 1.0001


def test_a_flat_layer_and_unbounded_errors():
    env = Envelope(
        0.0, 1.0, (ChildInfo(7.1, 7.1, 1e9), ChildInfo(7.1, 7.1, 1e-30), None, None), None, b""
    )
    data = pack_envelope(env, tile_id=1, layer=0, height_range=(7.1, 7.1))
    first, second, *_ = unpack_envelope(data, tile_id=1, layer=0, height_range=(7.1, 7.1)).children
    assert first == ChildInfo(7.1, 7.1, np.inf)
    assert second[:2] == (7.1, 7.1)
    assert 1e-30 <= second.geometric_error_m < 2e-5


@pytest.mark.parametrize(
    "child",
    [ChildInfo(-13, 0, 0), ChildInfo(0, 9000, 0), ChildInfo(5, 4, 0), ChildInfo(0, 1, np.nan)],
)
def test_bounds_outside_the_layer_are_refused(child):
    with pytest.raises(ValueError, match="height range"):
        pack_envelope(Envelope(0.0, 1.0, (child, None, None, None), None, b""), **WHERE)


@pytest.mark.parametrize(
    "env",
    [
        Envelope(np.nan, 1.0, (None,) * 4, None, b""),
        Envelope(0.0, np.inf, (None,) * 4, None, b""),
        Envelope(0.0, 1.0, (None,) * 4, np.ones((4, 4), bool), b""),
    ],
)
def test_values_that_no_payload_holds_are_refused(env):
    with pytest.raises(ValueError, match=r"offset|cells"):
        pack_envelope(env, **WHERE)


def test_a_plain_offset_and_scale_take_six_bytes_less():
    low, high = WHERE["height_range"]
    offset = plain_offset(low + 0.37 * (high - low), WHERE["height_range"])
    assert abs(offset - (low + 0.37 * (high - low))) <= (high - low) / 65535
    short = Envelope(offset, 1.0, (None,) * 4, None, b"body")
    data = pack_envelope(short, **WHERE)
    assert (
        len(data)
        == len(pack_envelope(Envelope(offset, 2.0, (None,) * 4, None, b"body"), **WHERE)) - 6
    )
    back = unpack_envelope(data, **WHERE)
    assert (back.offset_m, back.scale_m, back.body) == (offset, 1.0, b"body")
    for at in range(len(data)):
        for bit in range(8):
            broken = bytearray(data)
            broken[at] ^= 1 << bit
            with pytest.raises(ContainerError):
                unpack_envelope(bytes(broken), **WHERE)
    with pytest.raises(ContainerError, match="cut short"):
        unpack_envelope(data[:9], **WHERE)
    flat = pack_envelope(
        Envelope(5.0, 1.0, (None,) * 4, None, b""), tile_id=1, layer=0, height_range=(5.0, 5.0)
    )
    assert unpack_envelope(flat, tile_id=1, layer=0, height_range=(5.0, 5.0)).offset_m == 5.0
