"""What ships works: the model encodes real relief, quality falls with the bits, the sample is sound and credited."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from assets import sample_files
from neural.container import open_reader, verify
from neural.dem import open_dem
from neural.encode import EncodeOptions, encode
from neural.evaluate import evaluate
from neural.models.base import load_model, model_stem
from neural.surface import SurfaceDecoder
from tests.rasters import hills, write

BITS = (8, 7, 6, 5, 4, 3, 2)


def test_model_beats_a_coarse_raster_and_degrades_with_bits(tmp_path: Path) -> None:
    dem = write(tmp_path / "dem.tif", hills(512, 512))
    encode(dem, tmp_path / "a.ntile", EncodeOptions(bits=32, jobs=1))
    with open_reader(tmp_path / "a.ntile") as reader, open_dem(dem) as source:
        errors = [evaluate(reader, reader.layers[0], source, bits)["rmse_m"] for bits in (32, *BITS)]
    means = hills(512, 512).reshape(32, 16, 32, 16).mean(axis=(1, 3))
    coarse = np.repeat(np.repeat(means, 16, axis=0), 16, axis=1)
    assert errors[0] < 0.25 * np.sqrt(np.mean((coarse - hills(512, 512)) ** 2))
    assert all(a <= b for a, b in pairwise(errors)), errors


def test_sample_is_sound() -> None:
    (path,) = sample_files()
    assert path.stat().st_size <= 6_000_000
    report = verify(path)
    assert [(layer["method"], layer["bits"]) for layer in report["layers"]] == [("huvr_siren", 8), ("reference", 32)]
    with open_reader(path) as reader:
        assert "B4 lidar" in reader.metadata["attribution"]
        reference = SurfaceDecoder(reader, reader.layer("reference"))
        errors = [evaluate(reader, reader.layers[0], reference, bits)["rmse_m"] for bits in BITS]
    assert all(a <= b for a, b in pairwise(errors)), errors


def test_sample_carries_the_shipped_decoder() -> None:
    _, _, decoder = load_model(model_stem("huvr_siren-small"))
    (path,) = sample_files()
    with open_reader(path) as reader:
        sha = reader.layers[0].decoder
        assert sha is not None
        assert reader.decoder_bytes(sha) == decoder


def test_licences_name_every_sample() -> None:
    text = (sample_files()[0].parent / "LICENSES.md").read_text()
    for path in sample_files():
        assert path.name in text


def test_a_model_has_a_card() -> None:
    stem = model_stem("huvr_siren-small")
    card = stem.with_name(f"{stem.name}.md").read_text()
    for words in ("Data", "Steps", "Time", "Validation"):
        assert words in card
