"""Header, gzip members, varints and directories, against the `pmtiles` package."""

import gzip
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pmtiles import tile as oracle

import neural.container.pmtiles as ours
from neural import tiles
from neural.container import hilbert
from neural.container.pmtiles import (
    Directory,
    Header,
    pack_directories,
    squeeze,
    unpack_directories,
    unsqueeze,
)
from neural.errors import ContainerError
from tests.support.strategies import damaged

HEADER = Header(300, 4000, 70, 123456, 42, 1, 9)
HEADERS = st.builds(
    Header,
    st.integers(0, 16384 - 127),
    *[st.integers(0, 1 << 62)] * 4,
    *[st.integers(0, 31)] * 2,
)
NUMBERS = st.integers(0, 62).flatmap(lambda bits: st.integers(0, (2 << bits) - 1))
"""Numbers of every length up to 63 bits."""


def test_header_reads_as_pmtiles():
    data = HEADER.pack()
    assert len(data) == 127
    assert Header.unpack(data) == HEADER
    fields = oracle.deserialize_header(data)
    assert oracle.serialize_header(fields) == data
    assert fields["tile_data_offset"] + fields["tile_data_length"] == HEADER.file_length
    assert fields["clustered"]
    assert (fields["tile_type"], fields["tile_compression"]) == (
        oracle.TileType.UNKNOWN,
        oracle.Compression.NONE,
    )


def test_header_allows_nothing_else():
    data = HEADER.pack()
    unnoticed = set()
    for at in range(127):
        bad = bytearray(data)
        bad[at] ^= 0x41
        try:
            assert Header.unpack(bytes(bad)) != HEADER
            unnoticed.add(at)
        except ContainerError:
            pass
    # Facts that the header alone cannot tell (the reader compares these with the file and the
    # directory).
    assert unnoticed == {*range(64, 72), 101}


@given(HEADERS)
def test_headers_come_back(header):
    assert Header.unpack(header.pack()) == header


@given(HEADERS, st.data())
def test_a_damaged_header_is_an_error_or_another(header, draws):
    data = draws.draw(damaged(header.pack()))
    try:
        assert Header.unpack(data).pack() == data[:127]
    except ContainerError:
        pass


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"PK\x03\x04" + bytes(200), "not a .ntile"),
        (HEADER.pack()[:100], "cut short"),
        (b"PMTiles\x02" + bytes(200), "PMTiles version 2"),
        (b"PMTiles\x03" + bytes(200), "not one that ntile wrote"),
        (b"PMTiles\x03" + b"\xff" * 200, "not one that ntile wrote"),
        (Header(20000, 1, 0, 1, 1, 0, 0).pack(), "not one that ntile wrote"),
    ],
)
def test_other_headers_are_named(data, reason):
    with pytest.raises(ContainerError, match=reason):
        Header.unpack(data)


def test_gzip_members_open_anywhere_and_are_fixed():
    data = b"terrain " * 500
    member = squeeze(data)
    assert gzip.decompress(member) == data
    assert unsqueeze(member, "part") == data
    assert squeeze(data) == member


def test_gzip_members_notice_every_bit_and_every_cut():
    member = squeeze(b"heights in meters, heights in meters")
    for at in range(len(member)):
        for bit in range(8):
            bad = bytearray(member)
            bad[at] ^= 1 << bit
            with pytest.raises(ContainerError, match="damaged part"):
                unsqueeze(bytes(bad), "part")
        with pytest.raises(ContainerError, match="damaged part"):
            unsqueeze(member[:at], "part")
    with pytest.raises(ContainerError, match="damaged part"):
        unsqueeze(member + member, "part")


def test_gzip_bombs_are_refused(monkeypatch):
    monkeypatch.setattr(ours, "_INFLATED_LIMIT", 1000)
    with pytest.raises(ContainerError, match="wrong place"):
        unsqueeze(squeeze(bytes(1001)), "part")
    assert unsqueeze(squeeze(bytes(1000)), "part") == bytes(1000)


@given(st.lists(NUMBERS, min_size=1))
def test_varints_match_the_oracle(values):
    stream = io.BytesIO()
    for value in values:
        oracle.write_varint(stream, value)
    assert ours.encode_varints(np.array(values)) == stream.getvalue()
    assert ours.decode_varints(stream.getvalue()).tolist() == values


def test_varints_of_every_length():
    edges = [v for k in range(63) for v in (2**k - 1, 2**k)] + [2**63 - 1]
    assert ours.decode_varints(ours.encode_varints(np.array(edges))).tolist() == edges


@given(st.binary(max_size=40))
def test_any_bytes_are_varints_or_an_error(data):
    try:
        values = ours.decode_varints(data)
    except ContainerError:
        return
    assert values.min() >= 0
    assert len(ours.encode_varints(values)) <= len(data)  # some are stored longer than need be


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x01\xff", b"\xff" * 9 + b"\x01"])
def test_bad_varints(data):
    with pytest.raises(ContainerError, match="malformed"):
        ours.decode_varints(data)


def check_directories(ids: np.ndarray, lengths: np.ndarray) -> bytes:
    """Both programs read what is written; returns the leaf section."""
    root, leaves = pack_directories(ids, lengths)
    assert 127 + len(root) <= 16384
    found = []
    for top in oracle.deserialize_directory(root):
        below = leaves[top.offset : top.offset + top.length]
        found += [top] if top.run_length else oracle.deserialize_directory(below)
    assert [each.tile_id for each in found] == ids.tolist()
    assert [each.length for each in found] == lengths.tolist()
    assert {each.run_length for each in found} == {1}
    own_ids, bounds = unpack_directories(root, leaves)
    assert np.array_equal(own_ids, ids)
    assert bounds.tolist() == [each.offset for each in found] + [lengths.sum()]
    return leaves


def entries(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return np.cumsum(rng.integers(1, 4, count)) - 1, rng.integers(1, 5000, count)


ENTRIES = st.lists(st.tuples(st.integers(1, 1 << 40), st.integers(1, 1 << 32)), min_size=1)
"""Steps from id to id, and lengths."""


@given(ENTRIES)
def test_directories_match_the_oracle(pairs):
    steps, lengths = np.array(pairs).T
    assert check_directories(np.cumsum(steps) - 1, lengths) == b""


def test_leaf_directories_match_the_oracle():
    assert check_directories(*entries(60_000))


@given(ENTRIES, st.data())
def test_a_damaged_directory_is_an_error(pairs, draws):
    steps, lengths = np.array(pairs).T
    root, _ = pack_directories(np.cumsum(steps) - 1, lengths)
    with pytest.raises(ContainerError, match="damaged tile directory"):
        unpack_directories(draws.draw(damaged(root)), b"")


@given(ENTRIES, st.data())
def test_damage_under_a_checksum_that_holds_is_an_error_or_a_directory(pairs, draws):
    steps, lengths = np.array(pairs).T
    root, _ = pack_directories(np.cumsum(steps) - 1, lengths)
    try:
        ids, bounds = unpack_directories(squeeze(draws.draw(damaged(unsqueeze(root, "")))), b"")
    except ContainerError:
        return
    assert ids.min() >= 0
    assert (np.diff(ids) > 0).all()
    assert bounds[0] == 0
    assert (np.diff(bounds) > 0).all()


def test_many_tiles_fit_the_root():
    ids, lengths = entries(300_000)
    root, leaves = pack_directories(ids, lengths)
    assert 127 + len(root) <= 16384
    own_ids, bounds = unpack_directories(root, leaves)
    assert np.array_equal(own_ids, ids)
    assert np.array_equal(np.diff(bounds), lengths)


def test_offsets_that_jump_survive():
    columns = np.array([[3, 7, 9], [1, 1, 1], [10, 20, 30], [500, 510, 4]])
    back = Directory.unpack(Directory(*columns).pack())
    assert np.array_equal([back.ids, back.runs, back.lengths, back.offsets], columns)


def packed(*columns: list[int]) -> bytes:
    return Directory(*map(np.array, columns)).pack()


LEAF = packed([5, 6], [1, 1], [10, 10], [0, 10])


@pytest.mark.parametrize(
    ("root", "leaves"),
    [
        (squeeze(b"\x00"), b""),  # no entries
        (squeeze(b"\x01\x05\x01"), b""),  # columns missing
        (squeeze(bytes([1, 5, 1, 0, 1])), b""),  # length 0
        (squeeze(bytes([1, 5, 1, 9, 0])), b""),  # first offset continues nothing
        (squeeze(bytes([2, 5, 0, 1, 1, 9, 9, 1, 0])), b""),  # the same id twice
        (packed([5], [2], [9], [0]), b""),  # a repeated tile
        (packed([5, 6], [1, 1], [9, 9], [0, 10]), b""),  # a gap
        (packed([5, 6], [1, 1], [9, 9], [9, 0]), b""),  # not clustered
        (packed([5], [1], [9], [0]), LEAF),  # leaves nobody lists
        (packed([4], [0], [len(LEAF)], [0]), LEAF),  # another first id
        # the same leaf twice
        (packed([5, 6], [0, 0], [len(LEAF)] * 2, [0, len(LEAF)]), LEAF + LEAF),
        (packed([5], [0], [len(LEAF) - 1], [0]), LEAF),  # leaf section too long
        (packed([5], [0], [len(LEAF) + 1], [0]), LEAF),  # leaf section too short
    ],
)
def test_malformed_directories(root, leaves):
    with pytest.raises(ContainerError, match="director"):
        unpack_directories(root, leaves)


def test_hilbert_arrays_equal_the_scalar_ids():
    ids = np.arange(sum(4**z for z in range(6)))
    z, x, y = hilbert.tiles_from_ids(ids)
    assert [tiles.Tile(*t) for t in zip(z, x, y, strict=True)] == [
        tiles.tile_from_id(k) for k in ids.tolist()
    ]
    assert np.array_equal(hilbert.tile_ids(z, x, y), ids)
    assert hilbert.tile_ids([], [], []).tolist() == []


@given(st.lists(st.tuples(st.integers(0, 31), NUMBERS, NUMBERS), min_size=1))
def test_hilbert_ids_match_the_oracle(places):
    z, x, y = np.array([(z, x % (1 << z), y % (1 << z)) for z, x, y in places]).T
    expected = [oracle.zxy_to_tileid(*map(int, t)) for t in zip(z, x, y, strict=True)]
    assert hilbert.tile_ids(z, x, y).tolist() == expected
    assert np.array_equal(hilbert.tiles_from_ids(np.array(expected)), [z, x, y])
