"""Shipped files work: the model encodes real relief, quality falls with the bits, the sample is
sound and credited."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from assets import sample_files
from neural.container.reader import open_reader
from neural.container.verify import verify
from neural.encode import DEFAULT_MODELS, EncodeOptions, encode
from neural.evaluate import evaluate
from neural.methods.model_files import load_linked, model_stem
from neural.models.loading import load_model
from neural.raster.dem import open_dem
from neural.surface.tile_surface import SurfaceDecoder
from tests.support.rasters import hills, write

BITS = (8, 6, 4, 2)
METHODS_SHIPPED = ("huvr_siren", "huvr", "functa", "trans_inr")
"""Amortized methods, as the sample has them after lapped_siren."""


@pytest.fixture(scope="module")
def area(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthetic hills as a file of every shipped model, 32 bits."""
    folder = tmp_path_factory.mktemp("shipped")
    dem = write(folder / "dem.tif", hills(512, 512))
    encode(dem, folder / "a.ntile", EncodeOptions(methods=METHODS_SHIPPED, bits=32, jobs=1))
    return folder


def _measure(area: Path, name: str, bits: tuple[int, ...]) -> list[dict[str, float]]:
    with open_reader(area / "a.ntile") as reader, open_dem(area / "dem.tif") as source:
        return [evaluate(reader, reader.layer(name), source, depth) for depth in bits]  # type: ignore[misc]


def test_every_method_ships_a_model_of_at_most_4_mb() -> None:
    assert {*METHODS_SHIPPED, "lapped_siren"} == set(DEFAULT_MODELS)
    for name in METHODS_SHIPPED:
        _, encoder, decoder = load_model(model_stem(DEFAULT_MODELS[name]))
        assert len(encoder) + len(decoder) <= 4_000_000
    assert len(load_linked(model_stem(DEFAULT_MODELS["lapped_siren"]))[2]) <= 4_000_000


def test_model_beats_a_coarse_raster_and_degrades_with_bits(area: Path) -> None:
    rows = _measure(area, "huvr_siren", (32, *BITS))
    errors = [row["rmse_m"] for row in rows]
    means = hills(512, 512).reshape(32, 16, 32, 16).mean(axis=(1, 3))
    coarse = np.repeat(np.repeat(means, 16, axis=0), 16, axis=1)
    assert errors[0] < 0.25 * np.sqrt(np.mean((coarse - hills(512, 512)) ** 2))
    assert all(a <= b * 1.001 for a, b in pairwise(errors)), errors
    assert rows[0]["psnr_db"] - rows[1]["psnr_db"] <= 0.2


def test_methods_rank_as_published(area: Path) -> None:
    """HUVR+SIREN, then HUVR, then the two that know no patches (arXiv 2606.00404).

    In analytic slopes HUVR is ahead: its surface interpolates samples, so its slopes are central
    differences.
    """
    rows = {name: _measure(area, name, (32,))[0] for name in METHODS_SHIPPED}
    for error in ("rmse_m", "sampled_gradient_rmse"):
        siren, huvr, *others = (rows[name][error] for name in METHODS_SHIPPED)
        assert siren < huvr < min(others)
    patchwise = METHODS_SHIPPED[:2]
    others = METHODS_SHIPPED[2:]
    slopes = {name: rows[name]["gradient_rmse"] for name in METHODS_SHIPPED}
    assert max(slopes[name] for name in patchwise) < min(slopes[name] for name in others)


def test_sample_is_sound() -> None:
    (path,) = sample_files()
    assert path.stat().st_size <= 600_000
    report = verify(path)
    layers = [(layer["method"], layer["bits"]) for layer in report["layers"]]
    assert layers == [
        ("lapped_siren", 8),
        *((name, 8) for name in METHODS_SHIPPED),
        ("reference", 32),
    ]
    with open_reader(path) as reader:
        assert "B4 lidar" in reader.metadata["attribution"]
        reference = SurfaceDecoder(reader, reader.layer("reference"))
        for layer in reader.layers[:2]:
            rows = [evaluate(reader, layer, reference, bits) for bits in BITS]
            errors, sizes = (
                [row[key] for row in rows] for key in ("rmse_m", "stack_bits_per_sample")
            )
            assert all(a <= b * 1.001 for a, b in pairwise(errors)), errors
            assert all(a > b for a, b in pairwise(sizes)), sizes


def test_sample_is_decoded_by_the_shipped_decoders() -> None:
    (path,) = sample_files()
    with open_reader(path) as reader:
        for name in METHODS_SHIPPED:
            _, _, decoder = load_model(model_stem(DEFAULT_MODELS[name]))
            sha = reader.layer(name).decoder
            assert sha is not None
            assert reader.decoder_bytes(sha) == decoder
        sha = reader.layer("lapped_siren").decoder
        assert sha is not None
        assert (
            reader.decoder_bytes(sha) == load_linked(model_stem(DEFAULT_MODELS["lapped_siren"]))[2]
        )


def test_licenses_name_every_sample() -> None:
    text = (sample_files()[0].parent / "LICENSES.md").read_text()
    for path in sample_files():
        assert path.name in text


@pytest.mark.parametrize("name", DEFAULT_MODELS)
def test_a_model_has_a_card(name: str) -> None:
    stem = model_stem(DEFAULT_MODELS[name])
    card = stem.with_name(f"{stem.name}.md").read_text()
    for words in ("Data", "Time", "Validation", "Limits", "Command"):
        assert words in card
