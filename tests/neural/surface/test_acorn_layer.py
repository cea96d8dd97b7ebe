"""An ACORN layer in a file: its network is read when it is first needed, once for each bit depth,
and blocks that tiles share are prepared once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from neural.container.metadata import LayerDraft
from neural.container.reader import HEAD_BYTES, Reader, open_reader
from neural.container.staging import Stage
from neural.container.verify import verify
from neural.container.writer import write_archive
from neural.errors import UsageError
from neural.measure.sizes import rates
from neural.methods.acorn import Acorn
from neural.methods.acorn.weights import LayerWeights, pack_weights
from neural.surface.tile_surface import SurfaceDecoder, available_bits
from neural.tiles import Tile, centers, vertices
from tests.support.archives import SMALL, staged

METHOD = Acorn(SMALL.width, SMALL.height, encoder_width=128, encoder_layers=1)


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        name: (rng.normal(size=shape) * np.sqrt(2 / shape[0])).astype(np.float32)
        for name, shape in METHOD.weight_shapes().items()
    }


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, weights: dict[str, np.ndarray]) -> Path:
    out = tmp_path_factory.mktemp("acorn") / "area.ntile"
    decoder = save(pack_weights(weights, 8))
    sha = hashlib.sha256(decoder).hexdigest()
    rows = [(2, x, y, 1, 0, 0.5) for y in range(2) for x in range(3)]
    area = np.array(rows, np.float32)
    with Stage.open(out, "key") as stage:
        stage.put_group(0, staged(SMALL))
        draft = LayerDraft("acorn", METHOD.config(), 8, sha, title="ACORN")

        def body_of(layer: int, row) -> bytes:
            return METHOD.pack(METHOD.tile_table(row.tile, area), 8, {})

        write_archive(out, SMALL, [draft], stage, body_of, {sha: decoder}, {})
    return out


@pytest.fixture
def reader(path: Path):
    with open_reader(path) as reader:
        yield reader


def test_the_network_is_an_entry_read_when_needed(reader: Reader) -> None:
    assert verify(reader.path)["schema"] == 3
    layer = reader.layer("acorn")
    decoder = SurfaceDecoder(reader, layer, lazy=True)
    before = reader.traffic.bytes
    assert before <= HEAD_BYTES
    assert reader.read(layer, Tile(0, 0, 0)) is not None
    assert reader.traffic.bytes - before < 1000
    assert decoder.open_tile(Tile(0, 0, 0)) is not None
    assert reader.traffic.bytes - before > 100_000


def test_weights_are_shared_for_each_bit_depth(reader: Reader) -> None:
    layer = reader.layer("acorn")
    assert available_bits(layer) == (8, 6, 5)
    first, again = (SurfaceDecoder(reader, layer).weights for _ in range(2))
    assert first is again
    assert SurfaceDecoder(reader, layer, 8).weights is first
    coarser = SurfaceDecoder(reader, layer, 5).weights
    assert coarser is not first
    assert SurfaceDecoder(reader, layer, 5).weights is coarser
    assert len(np.unique(coarser["encoder1_weight"][:, 0])) <= 31
    with pytest.raises(UsageError, match="cannot be read at 32 bits"):
        SurfaceDecoder(reader, layer, 32)


def test_the_surface_is_that_of_the_stored_weights(
    reader: Reader, weights: dict[str, np.ndarray]
) -> None:
    layer = reader.layer("acorn")
    for bits in (8, 6, 5):
        decoder = SurfaceDecoder(reader, layer, bits)
        surface = decoder.open_tile(Tile(1, 0, 0))
        stored = METHOD.decode_weights(pack_weights(weights, 8), bits)
        prepared = METHOD.prepare(stored, surface.latents)
        want = METHOD.evaluate(stored, prepared, centers(), centers(), order=0).h
        got = surface.heights(centers(), centers()).meters
        np.testing.assert_allclose(
            got, surface.offset_m + surface.scale_m * want.astype(float), atol=1e-3
        )


def test_tiles_share_the_features_of_blocks(reader: Reader) -> None:
    layer = reader.layer("acorn")
    decoder = SurfaceDecoder(reader, layer)
    weights = decoder.weights
    assert isinstance(weights, LayerWeights)
    block = METHOD.side**2 * METHOD.channels * 4
    west, east = (decoder.open_tile(Tile(1, x, 0)) for x in (0, 1))
    west.heights(centers(8), centers(8))
    once = weights.features.bytes
    assert once == 6 * block  # its four, and two of the ring
    east.heights(centers(8), centers(8))
    assert weights.features.bytes == once
    # the same blocks, the same edge
    a = west.heights(np.array([1.0]), vertices(16), order=1)
    b = east.heights(np.array([0.0]), vertices(16), order=1)
    np.testing.assert_allclose(a.meters - west.offset_m, b.meters - east.offset_m, atol=1e-3)


def test_fewer_bits_make_payloads_no_smaller(reader: Reader) -> None:
    layer = reader.layer("acorn")
    whole = rates(reader, layer, 60_000)
    fewer = rates(reader, layer, 60_000, 5)
    assert fewer["stack_bits_per_sample"] <= whole["stack_bits_per_sample"]
