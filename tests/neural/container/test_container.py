"""Whole files: what is written is read, by others too, and whatever is not as it was written is
named."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pmtiles import reader as oracle
from pmtiles import tile as oracle_tile

from neural.container import metadata, pmtiles
from neural.container import reader as container
from neural.container.envelope import ChildInfo
from neural.container.pmtiles import Header, squeeze, unsqueeze
from neural.container.reader import open_reader
from neural.container.staging import Stage
from neural.container.verify import verify
from neural.container.writer import write_archive
from neural.errors import ContainerError, UsageError
from neural.tiles import Tile
from tests.support.archives import (
    DECODER,
    SHA,
    SMALL,
    WIDE,
    body_of,
    draft,
    read_all,
    staged,
    write,
)
from tests.support.strategies import FLOAT32, JSON, changed_json
from tests.support.strategies import damaged as damaged_bytes


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Bytes of a file with two layers, three tiles each."""
    return write(tmp_path_factory.mktemp("small") / "a.ntile", layers=2).read_bytes()


@pytest.fixture
def damaged(tmp_path):
    """Write bytes to a file and return the error that opening and verifying it gives."""
    path = tmp_path / "damaged.ntile"

    def check(data: bytes) -> str:
        path.write_bytes(data)
        with pytest.raises(ContainerError) as caught:
            verify(path)
        text = str(caught.value)
        assert text.startswith(str(path))
        assert "\n" not in text
        return text

    return check


def with_metadata(data: bytes, change) -> bytes:
    """The file with its `ntile` metadata changed, all checksums and offsets put right."""
    header = Header.unpack(data)
    cut = 127 + header.root_length
    end = cut + header.metadata_length
    document = json.loads(unsqueeze(data[cut:end], ""))
    change(document["ntile"])
    section = squeeze(json.dumps(document).encode())
    new = Header(**{**vars(header), "metadata_length": len(section)})
    return new.pack() + data[127:cut] + section + data[end:]


@pytest.mark.parametrize(("layers", "bits"), [(1, 0), (2, 1), (4, 1), (5, 2), (16, 2)])
def test_round_trip_and_the_oracle(tmp_path, layers, bits):
    absent = [Tile(2, 1, 0), Tile(3, 5, 3)]
    path = write(tmp_path / "a.ntile", WIDE, layers, absent)
    tiles = {(t.layer, t.tile): t for k in range(layers) for t in staged(WIDE, k, absent)}
    with open_reader(path) as reader, open(path, "rb") as file:
        assert reader.grid == WIDE
        assert len(reader.layers) == layers
        assert {(k, tile) for k, tile, _ in read_all(reader)} == set(tiles)
        source = oracle.MmapSource(file)
        other = oracle.Reader(source)
        for (k, tile), row in tiles.items():
            env = reader.read(k, tile)
            assert (env.body, env.offset_m) == (body_of(k, row), np.float32(row.offset_m))
            assert [c is None for c in env.children] == [c is None for c in row.children]
            assert (env.mask is None) == (row.mask is None)
            assert row.mask is None or np.array_equal(env.mask, row.mask)
            lx, ly = reader.layers[k].slot
            z, x, y = tile
            stored = reader.payload_bytes(k, tile)
            assert other.get(z + bits, x + (lx << z), y + (ly << z)) == stored
        assert sum(1 for _ in oracle.all_tiles(source)) == len(tiles)
        assert reader.read(0, Tile(3, 5, 3)) is None
        assert other.metadata()["encoding"] == "ntile-1"
        first = reader.layers[0]
        assert first.root == next(t.info for t in tiles.values() if t.layer == 0 and t.tile.z == 0)
        assert first.params["scales"].dtype == np.float32
        assert np.array_equal(first.params["scales"], draft().params["scales"])
        assert reader.decoder_bytes(SHA) == DECODER


def test_child_bounds_enclose_the_childrens_own(tmp_path):
    with open_reader(write(tmp_path / "a.ntile", WIDE)) as reader:
        own = {t.tile: t.info for t in staged(WIDE)}
        for tile in reader.tiles(0):
            for child, info in zip(tile.children, reader.read(0, tile).children, strict=True):
                if info is not None:
                    assert info.min_m <= own[child].min_m
                    assert info.max_m >= own[child].max_m
                    assert info.geometric_error_m >= own[child].geometric_error_m


def test_rules_of_go_pmtiles_verify(tmp_path):
    path = write(tmp_path / "a.ntile", WIDE, 3)
    with open(path, "rb") as file:
        header = oracle.Reader(oracle.MmapSource(file)).header()
    sections = ("root", "metadata", "leaf_directory", "tile_data")
    assert path.stat().st_size == 127 + sum(header[f"{name}_length"] for name in sections)
    assert all(header[f"{name}_offset"] > 0 for name in sections)
    assert header["root_offset"] + header["root_length"] <= 16384
    counts = {
        header[f"{name}_count"] for name in ("addressed_tiles", "tile_entries", "tile_contents")
    }
    with open_reader(path) as reader:
        assert counts == {len(reader.ids)}
        zooms = [oracle_tile.tileid_to_zxy(int(k))[0] for k in reader.ids[[0, -1]]]
    assert [header["min_zoom"], header["max_zoom"]] == zooms == [1, 4]
    assert header["min_zoom"] <= header["center_zoom"] <= header["max_zoom"]
    assert header["min_lon_e7"] < header["max_lon_e7"]
    assert header["min_lat_e7"] < header["max_lat_e7"]


def test_each_level_of_a_layer_is_one_run(tmp_path):
    with open_reader(write(tmp_path / "a.ntile", WIDE, 5)) as reader:
        runs = [reader.run(layer, z) for z in range(WIDE.levels) for layer in range(5)]
        assert all(before[1] == after[0] for before, after in pairwise(runs))
        assert (runs[0][0], runs[-1][1]) == (0, len(reader.ids))


def test_metadata_does_not_grow_with_tiles(tmp_path):
    with (
        open_reader(write(tmp_path / "a.ntile", SMALL)) as a,
        open_reader(write(tmp_path / "b.ntile", WIDE)) as b,
    ):
        assert len(b.ids) > 10 * len(a.ids)
        assert abs(b.header.metadata_length - a.header.metadata_length) < 40


def test_sizes_account_for_every_byte(tmp_path):
    path = write(tmp_path / "a.ntile", WIDE, 2)
    with open_reader(path) as reader:
        sizes = reader.sizes()
    parts = sum(sizes[f"{name}_bytes"] for name in ("directory", "metadata", "decoder"))
    assert (
        parts + sum(map(sum, sizes["payload_bytes"])) == sizes["file_bytes"] == path.stat().st_size
    )
    assert sizes["tiles"] == [[1, 2, 6, 24]] * 2
    assert 0 < sizes["decoder_bytes"] < 2 * len(DECODER)


def test_verify_reports(tmp_path):
    path = write(tmp_path / "a.ntile", SMALL, 2)
    report = verify(path)
    assert (report["ok"], report["tiles"], report["decoders"]) == (True, 6, {SHA: "embedded"})
    assert [each["tiles"] for each in report["layers"]] == [3, 3]
    assert json.loads(json.dumps(report)) == report


def flip_each_byte(data: bytes, check) -> None:
    for at in range(len(data)):
        bad = bytearray(data)
        bad[at] ^= 1 << at % 8
        check(bytes(bad))


def test_every_byte_is_covered(small, damaged):
    flip_each_byte(small, damaged)


def test_every_byte_of_leaf_directories_is_covered(tmp_path, monkeypatch, damaged):
    monkeypatch.setattr(pmtiles, "ROOT_LIMIT", 190)
    monkeypatch.setattr(pmtiles, "_LEAF_ENTRIES", 8)
    path = write(tmp_path / "a.ntile", WIDE)
    data = path.read_bytes()
    header = Header.unpack(data)
    assert header.leaf_length > 0
    with open_reader(path) as reader:
        assert len(read_all(reader)) == 33
    flip_each_byte(
        data[: header.data_offset], lambda head: damaged(head + data[header.data_offset :])
    )


def test_every_truncation_is_noticed(small, damaged):
    for length in range(len(small)):
        damaged(small[:length])
    assert "bytes where" in damaged(small + b"\0")


def test_swapped_payloads_are_noticed(small, damaged):
    with_length: dict[int, list[tuple[int, bytes]]] = {}
    header = Header.unpack(small)
    at = header.data_offset
    for entry in oracle_tile.deserialize_directory(small[127 : 127 + header.root_length]):
        start = at + entry.offset
        with_length.setdefault(entry.length, []).append(
            (start, small[start : start + entry.length])
        )
    (a, first), (b, second), *_ = next(each for each in with_length.values() if len(each) > 1)
    bad = bytearray(small)
    bad[a : a + len(second)] = second
    bad[b : b + len(first)] = first
    assert "damaged tile" in damaged(bytes(bad))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"\0", "not a .ntile"),
        (b"\x89PNG\r\n\x1a\n" + bytes(500), "not a .ntile"),
        (b"PMTiles", "cut short"),
        (b"PMTiles\x04" + bytes(500), "version 4"),
    ],
)
def test_other_files(damaged, data, reason):
    assert reason in damaged(data)


def test_a_web_map_is_not_terrain(tmp_path, damaged):
    from pmtiles.writer import Writer

    with open(tmp_path / "map.pmtiles", "wb") as file:
        writer = Writer(file)
        writer.write_tile(0, b"a picture")
        kinds = {
            "tile_type": oracle_tile.TileType.PNG,
            "tile_compression": oracle_tile.Compression.NONE,
        }
        writer.finalize(kinds, {})
    assert "not one that ntile wrote" in damaged((tmp_path / "map.pmtiles").read_bytes())


def replace(**values):
    return lambda ntile: ntile.update(values)


def in_layer(**values):
    return lambda ntile: ntile["layers"][0].update(values)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (replace(schema=0), "schema 0"),
        (replace(schema=3), "schema 3"),
        (replace(schema="x"), "schema x"),
        (replace(grid={}), "malformed metadata"),
        (replace(layers=[]), "malformed metadata"),
        (replace(layers=[1]), "malformed metadata"),
        (replace(levels=3), "malformed metadata"),
        (replace(slot_bits=0), "malformed metadata"),
        (replace(decoders=[]), "decoders"),
        (replace(decoders={}), "lacks an entry"),
        (replace(decoders={SHA: {"bytes": 1, "safetensors": "AAAA"}}), "damaged decoder"),
        (replace(decoders={SHA: {"bytes": 1, "safetensors": "!"}}), "decoders"),
        (in_layer(method="telepathy"), "telepathy"),
        (in_layer(config={"nonsense": 1}), "malformed metadata"),
        (in_layer(config=7), "malformed metadata"),
        (in_layer(height_range_m=[5, 4]), "height range"),
        (in_layer(height_range_m=["a", "b"]), "malformed metadata"),
        (in_layer(root={}), "malformed metadata"),
        (in_layer(params={"scales": ["x"]}), "malformed metadata"),
        (lambda ntile: ntile["layers"].pop(), "malformed metadata"),
        (lambda ntile: ntile["grid"].update(width=256), "malformed metadata"),
        (lambda ntile: ntile["grid"].update(width=513), "malformed metadata"),
        (lambda ntile: ntile.clear(), "not one that ntile wrote"),
    ],
)
def test_metadata_of_another_kind(small, damaged, change, reason):
    assert reason in damaged(with_metadata(small, change))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Where examples of a property are written."""
    return tmp_path_factory.mktemp("place") / "a.ntile"


def opens(place, data: bytes) -> bool:
    """True if these bytes are a file that can be read whole; else it must be an error that names
    the file."""
    place.write_bytes(data)
    try:
        verify(place)
    except ContainerError as error:
        if not str(error).startswith(str(place)):
            raise
        return False
    return True


@given(st.data())
def test_a_damaged_file_is_an_error(small, place, draws):
    assert not opens(place, draws.draw(damaged_bytes(small)))


@given(st.data())
def test_any_metadata_is_an_error_or_a_file(small, place, draws):
    def change(ntile):
        changed = draws.draw(changed_json(dict(ntile)))
        ntile.clear()
        ntile.update(changed if isinstance(changed, dict) else {"schema": changed})

    opens(place, with_metadata(small, change))


@given(
    st.text(max_size=20),
    st.dictionaries(st.text(max_size=8), st.lists(FLOAT32, max_size=4), max_size=3),
    st.none() | st.floats(0, 1e6),
    st.dictionaries(st.text(max_size=8), JSON.filter(lambda value: value == value), max_size=3),
)
def test_metadata_comes_back(title, params, tolerance_m, stats):
    root = ChildInfo(1.0, 2.0, 0.5)
    given_layer = metadata.Layer(
        index=0,
        slot=(0, 0),
        root=root,
        height_range=(0.5, 2.5),
        title=title,
        method="reference",
        config={"tolerance_m": 0.01},
        bits=32,
        params={name: np.array(values, np.float32) for name, values in params.items()},
        tolerance_m=tolerance_m,
        stats=stats,
    )
    document = metadata.build(SMALL, [given_layer], {SHA: DECODER}, set(), {})
    try:
        data = metadata.dumps(document)
    except ValueError:  # JSON has no NaN and no infinity
        return
    back, decoders = metadata.loads(data)
    assert decoders[SHA].data() == DECODER
    layer = metadata.Layer.from_json(back["ntile"]["layers"][0], 0, (0, 0))
    assert layer.to_json().keys() == given_layer.to_json().keys()
    assert (layer.title, layer.tolerance_m, layer.root) == (title, tolerance_m, root)
    assert layer.stats == stats
    assert layer.params.keys() == params.keys()
    for name, values in params.items():
        np.testing.assert_array_equal(layer.params[name], np.array(values, np.float32))


def test_tiles_outside_the_grid_are_noticed(small, damaged):
    narrow = with_metadata(small, lambda ntile: ntile["grid"].update(width=200, height=300))
    assert "outside its grid" in damaged(narrow)


@pytest.mark.parametrize("fault", ["a child nobody flags", "a flag without a child", "no parent"])
def test_incomplete_pyramids_are_never_published(tmp_path, fault):
    tiles = list(staged(WIDE))
    if fault == "a child nobody flags":
        tiles[-1] = type(tiles[-1])(**{**vars(tiles[-1]), "children": (None,) * 4})
    elif fault == "a flag without a child":
        tiles = [t for t in tiles if t.tile != Tile(3, 0, 0)]
    else:
        tiles = [t for t in tiles if t.tile.z != 1]
    out = tmp_path / "a.ntile"
    with Stage.open(out, "key") as stage:
        stage.put_group(0, tiles)
        with pytest.raises(ContainerError, match=r"child flags|without a parent"):
            write_archive(out, WIDE, [draft()], stage, body_of, {SHA: DECODER}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["a.ntile.work"]


def test_tiles_beyond_the_pyramid(tmp_path):
    with open_reader(write(tmp_path / "a.ntile")) as reader:
        for tile in (Tile(2, 0, 0), Tile(-1, 0, 0), Tile(1, 2, 0), Tile(1, 0, -1)):
            with pytest.raises(ContainerError, match="has no tile"):
                reader.read(0, tile)
        assert reader.read(0, Tile(1, 0, 1)) is None


def test_layers_by_name(tmp_path):
    with open_reader(write(tmp_path / "a.ntile", layers=5)) as reader:
        assert reader.layer(4) is reader.layer("4") is reader.layer("layer 4") is reader.layers[4]
        with pytest.raises(
            UsageError, match=r"several layers called .* choose one of 0 \(layer 0\)"
        ):
            reader.layer(reader.layers[0].method)
        with pytest.raises(UsageError, match="no layer called functa"):
            reader.layer("functa")


def test_linked_decoders_come_from_the_programs_models(tmp_path, monkeypatch):
    models = tmp_path / "models"
    models.mkdir()
    monkeypatch.setattr(container, "MODEL_FOLDER", models)
    path = write(tmp_path / "a.ntile", link=True)
    assert verify(path)["decoders"] == {SHA: "linked"}
    with open_reader(path) as reader:
        assert reader.sizes()["decoder_bytes"] == 0
        (models / "other.safetensors").write_bytes(bytes(len(DECODER)))
        with pytest.raises(ContainerError, match=SHA[:12]):
            reader.decoder_bytes(SHA)
        (models / "own.safetensors").write_bytes(DECODER)
        assert reader.decoder_bytes(SHA) == DECODER
        with pytest.raises(ContainerError, match="encode without --link-decoder"):
            reader.decoder_bytes(hashlib.sha256(b"?").hexdigest())


def test_reads_from_many_threads(tmp_path):
    with open_reader(write(tmp_path / "a.ntile", WIDE, 2)) as reader:
        expected = read_all(reader)
        with ThreadPoolExecutor(8) as pool:
            for found in pool.map(lambda _: read_all(reader), range(16)):
                assert found == expected


def test_files_that_cannot_be_read(tmp_path, small):
    for path in (tmp_path / "absent.ntile", tmp_path):
        with pytest.raises(ContainerError, match="cannot be opened"):
            open_reader(path)
    path = tmp_path / "a.ntile"
    path.write_bytes(small)
    with open_reader(path) as reader:
        path.write_bytes(small[:-1])
        with pytest.raises(ContainerError, match="was rewritten while it was open"):
            list(reader.payloads())
    with pytest.raises(ContainerError, match="cannot be read"):
        reader.read(0, Tile(0, 0, 0))


def test_wrong_use_of_the_writer_is_refused():
    with pytest.raises(ValueError, match="SHA-256"):
        metadata.build(SMALL, [], {"0" * 64: DECODER}, set(), {})
    with pytest.raises(ValueError, match="1 to 16 layers"):
        metadata.slot_bits(17)
