"""Large decoders as entries of their own: read only when a layer needs one, and refused when they
are not as they were written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pmtiles import reader as oracle
from safetensors.numpy import save

from neural.cli import main
from neural.container import metadata
from neural.container.metadata import ENTRY_BYTES, slot_of
from neural.container.pmtiles import (
    HEADER_BYTES,
    Header,
    pack_directories,
    squeeze,
    unpack_directories,
    unsqueeze,
)
from neural.container.reader import HEAD_BYTES, open_reader
from neural.container.staging import Stage
from neural.container.verify import verify
from neural.container.writer import write_archive
from neural.errors import ContainerError
from neural.tiles import Tile, tile_id
from tests.support.archives import (
    DECODER,
    PROVENANCE,
    SHA,
    SMALL,
    WIDE,
    body_of,
    draft,
    read_all,
    staged,
    write,
)


def large(seed: int) -> bytes:
    """A decoder of half a megabyte that hardly gets smaller."""
    codes = np.random.default_rng(seed).integers(0, 255, 1 << 19, dtype=np.uint8)
    return save({"codes": codes})


LARGE = sorted((large(seed) for seed in range(3)), key=lambda d: hashlib.sha256(d).hexdigest())
SHAS = [hashlib.sha256(data).hexdigest() for data in LARGE]


def write_large(
    out: Path, layers: int = 2, decoders: int = 2, linked: frozenset[str] = frozenset()
) -> Path:
    """Layers that use the large decoders in turn, the small one besides."""
    with Stage.open(out, "key") as stage:
        drafts = []
        for layer in range(layers):
            stage.put_group(layer, staged(WIDE, layer))
            drafts.append(draft(layer, SHAS[layer // 2 % decoders]))
        table = {SHA: DECODER} | dict(zip(SHAS[:decoders], LARGE, strict=False))
        write_archive(out, WIDE, drafts, stage, body_of, table, PROVENANCE, linked)
    return out


@pytest.fixture
def changed_file(tmp_path: Path) -> Callable[..., str]:
    """Write a file whose parts were changed; return the sentence that it is refused with."""
    data = write_large(tmp_path / "good.ntile").read_bytes()
    path = tmp_path / "bad.ntile"

    def check(
        document: Callable[[dict[str, Any]], object] | None = None,
        entries: Callable[[dict[int, bytes]], object] | None = None,
    ) -> str:
        header = Header.unpack(data)
        cut = HEADER_BYTES + header.root_length
        end = cut + header.metadata_length
        content = json.loads(unsqueeze(data[cut:end], ""))
        ids, bounds = unpack_directories(data[HEADER_BYTES:cut], b"")
        payloads = {
            int(k): data[header.data_offset + a : header.data_offset + b]
            for k, a, b in zip(ids, bounds[:-1], bounds[1:], strict=True)
        }
        if document is not None:
            document(content["ntile"])
        if entries is not None:
            entries(payloads)
        keys = sorted(payloads)
        lengths = np.array([len(payloads[k]) for k in keys])
        root, leaves = pack_directories(np.array(keys), lengths)
        section = squeeze(metadata.dumps(content))
        new = Header(
            len(root),
            len(section),
            len(leaves),
            int(lengths.sum()),
            len(keys),
            header.min_zoom,
            header.max_zoom,
        )
        path.write_bytes(new.pack() + root + section + leaves + b"".join(payloads[k] for k in keys))
        with pytest.raises(ContainerError) as caught:
            verify(path)
        text = str(caught.value)
        assert text.startswith(str(path))
        assert "\n" not in text
        return text

    return check


@pytest.mark.parametrize(("layers", "decoders", "bits"), [(1, 1, 1), (2, 2, 1), (3, 2, 2)])
def test_round_trip_and_the_oracle(tmp_path: Path, layers: int, decoders: int, bits: int) -> None:
    path = write_large(tmp_path / "a.ntile", layers, decoders)
    report = verify(path)
    assert report["schema"] == 3
    assert report["tiles"] == 33 * layers
    assert report["decoders"] == dict.fromkeys([SHA, *SHAS[:decoders]], "embedded")
    with open_reader(path) as reader, open(path, "rb") as file:
        assert reader.slot_bits == bits
        assert reader.entries == tuple(SHAS[:decoders])
        assert len(read_all(reader)) == 33 * layers
        other = oracle.Reader(oracle.MmapSource(file))
        for number, sha in enumerate(reader.entries):
            assert reader.decoder_bytes(sha) == LARGE[number]
            slot = slot_of(layers + number, bits)
            member = other.get(bits, *slot)
            assert unsqueeze(member, "") == LARGE[number]
            assert other.metadata()["ntile"]["decoders"][sha] == {
                "bytes": len(LARGE[number]),
                "slot": layers + number,
            }
        assert reader.decoder_bytes(SHA) == DECODER  # a small one stays in the metadata
        for layer in reader.layers:
            for tile in reader.tiles(layer):
                lx, ly = layer.slot
                place = tile.z + bits, tile.x + (lx << tile.z), tile.y + (ly << tile.z)
                assert other.get(*place) == reader.payload_bytes(layer, tile)


def test_only_who_needs_a_decoder_reads_it(tmp_path: Path) -> None:
    path = write_large(tmp_path / "a.ntile")
    with open_reader(path) as reader:
        read_all(reader)
        assert reader.traffic.bytes < HEAD_BYTES + 33 * 2 * 200
        before = reader.traffic.bytes
        reader.decoder_bytes(SHAS[1])
        read = reader.traffic.bytes - before
        assert 0.9 * len(LARGE[1]) < read < 1.01 * len(LARGE[1])


def test_every_byte_is_accounted_for(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = write_large(tmp_path / "a.ntile")
    main(["info", str(path), "--json"])
    info = json.loads(capsys.readouterr().out)
    sizes = info["sizes"]
    parts = sum(sizes[f"{name}_bytes"] for name in ("directory", "metadata", "decoder"))
    assert parts + sum(map(sum, sizes["payload_bytes"])) == path.stat().st_size
    assert sizes["tiles"] == [[1, 2, 6, 24]] * 2
    assert 2 * len(LARGE[0]) < sizes["decoder_bytes"] < 2.02 * len(LARGE[0])
    assert sizes["metadata_bytes"] < 4000
    assert info["layers"][0]["decoder_embedded"]


def test_other_files_stay_as_they_were(tmp_path: Path) -> None:
    """Small decoders, and large ones that are only named, make no entries."""
    assert verify(write(tmp_path / "a.ntile", SMALL, 2))["schema"] == 2
    path = write_large(tmp_path / "b.ntile", linked=frozenset(SHAS))
    assert verify(path)["schema"] == 2
    assert path.stat().st_size < len(LARGE[0])
    with open_reader(path) as reader:
        assert not reader.embeds(SHAS[0])
        with pytest.raises(ContainerError, match="needs the decoder"):
            reader.decoder_bytes(SHAS[0])
    edge = b"x" * ENTRY_BYTES
    sha = hashlib.sha256(edge).hexdigest()
    assert metadata.entry_decoders({sha: edge}, set(), 1) == []
    assert metadata.entry_decoders({sha: edge + b"x"}, set(), 1) == [sha]


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    a, b = (write_large(tmp_path / name).read_bytes() for name in ("a.ntile", "b.ntile"))
    assert a == b


def test_the_last_decoders_stay_in_the_metadata_where_slots_run_out() -> None:
    decoders = dict(zip(SHAS, LARGE, strict=True))
    assert metadata.entry_decoders(decoders, set(), 13) == SHAS
    assert metadata.entry_decoders(decoders, set(), 15) == SHAS[:1]
    assert metadata.entry_decoders(decoders, set(), 16) == []
    assert metadata.entry_decoders(decoders, {SHAS[0]}, 15) == SHAS[1:2]


def test_every_byte_is_covered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "ENTRY_BYTES", 64)
    data = write(tmp_path / "a.ntile").read_bytes()
    path = tmp_path / "damaged.ntile"
    path.write_bytes(data)
    assert verify(path)["schema"] == 3
    for place in range(len(data)):
        bad = bytearray(data)
        bad[place] ^= 1 << place % 8
        path.write_bytes(bad)
        with pytest.raises(ContainerError, match=r"damaged\.ntile"):
            verify(path)


def entry(number: int) -> int:
    """Archive id of a decoder entry of the file of two layers."""
    return tile_id(Tile(1, *slot_of(2 + number, 1)))


def slot(number: int, value: Any) -> Callable[[dict[str, Any]], object]:
    return lambda ntile: ntile["decoders"][SHAS[number]].update(slot=value)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (slot(0, 3), "slot where none belongs"),  # taken twice
        (slot(0, 1), "slot where none belongs"),  # a layer's
        (slot(0, 4), "slot where none belongs"),  # outside the square
        (slot(0, 2.0), "slot where none belongs"),
        (slot(0, True), "slot where none belongs"),
        (slot(0, "2"), "slot where none belongs"),
        (slot(0, None), "slot where none belongs"),
        (lambda ntile: ntile["decoders"][SHAS[0]].pop("slot"), "slot where none belongs"),
        (lambda ntile: ntile["decoders"][SHAS[1]].pop("slot"), "lists tiles outside its layers"),
        (lambda ntile: ntile["decoders"][SHAS[1]].update(safetensors="AA=="), "decoders"),
        (lambda ntile: ntile["decoders"][SHAS[0]].update(bytes=5), "slot where none belongs"),
        (lambda ntile: ntile["decoders"][SHAS[0]].update(bytes=200_000), "damaged decoder"),
        (lambda ntile: ntile["decoders"][SHAS[0]].update(bytes="x"), "decoders"),
        (lambda ntile: ntile.update(schema=2), "schema 2, but decoder entries"),
        (lambda ntile: ntile.update(schema=4), "reads 1 to 3"),
        (lambda ntile: ntile.update(slot_bits=2), "malformed metadata"),
    ],
)
def test_wrong_metadata(changed_file: Callable[..., str], document: Any, reason: str) -> None:
    assert reason in changed_file(document)


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        (lambda p: p.pop(entry(1)), "lacks the decoder"),
        (lambda p: p.pop(entry(0)), "lacks the decoder"),
        (lambda p: p.update({entry(0): p[entry(1)]}), "damaged decoder"),
        (lambda p: p.update({entry(0): p[entry(0)][:-1]}), "damaged decoder"),
        (lambda p: p.update({entry(0): p[entry(0)] + b"\0"}), "damaged decoder"),
        (lambda p: p.update({entry(0): b"\0" * 300}), "damaged decoder"),
        # a tile below an entry
        (lambda p: p.update({tile_id(Tile(2, 2, 2)): b"more"}), "outside its layers"),
    ],
)
def test_wrong_entries(changed_file: Callable[..., str], entries: Any, reason: str) -> None:
    assert reason in changed_file(entries=entries)


def test_entries_may_not_overlap(tmp_path: Path) -> None:
    """Two entries of one place in the file: payloads follow one another without a gap."""
    data = write_large(tmp_path / "a.ntile").read_bytes()
    header = Header.unpack(data)
    cut = HEADER_BYTES + header.root_length
    ids, bounds = unpack_directories(data[HEADER_BYTES:cut], b"")
    from neural.container.pmtiles import Directory

    first, second = (int(np.searchsorted(ids, entry(number))) for number in (0, 1))
    offsets = bounds[:-1].copy()
    offsets[second] = offsets[first]
    root = Directory(ids, np.ones_like(ids), np.diff(bounds), offsets).pack()
    new = Header(**{**vars(header), "root_length": len(root)})
    path = tmp_path / "bad.ntile"
    path.write_bytes(new.pack() + root + data[cut:])
    with pytest.raises(ContainerError, match="directory out of order"):
        open_reader(path)
