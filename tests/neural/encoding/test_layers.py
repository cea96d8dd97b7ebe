"""Several learned layers in one file: every method beside the others, and what cannot be asked
for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neural.cli import main
from neural.container.reader import open_reader
from neural.container.verify import verify
from neural.evaluate import evaluate
from neural.methods import METHODS
from neural.models import MODELS
from neural.raster.dem import open_dem
from neural.surface.tile_surface import SurfaceDecoder
from tests.support.models import save_tiny_model
from tests.support.rasters import hills, write

METHOD_NAMES = ("trans_inr", "huvr", "functa", "huvr_siren")


def ntile(*arguments: object) -> None:
    main([str(argument) for argument in arguments])


def _encode(folder: Path, out: Path, methods: tuple[str, ...], *more: object) -> None:
    asked = [word for name in methods for word in ("--method", name, "--model", folder / name)]
    ntile("encode", folder / "dem.tif", out, *asked, "--jobs", 1, *more)


@pytest.fixture(scope="module")
def area(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layers")
    write(folder / "dem.tif", hills(300, 280))
    for name in MODELS:
        save_tiny_model(folder, method=name, name=name)
    _encode(folder, folder / "all.ntile", METHOD_NAMES, "--reference", 0.02)
    return folder


def test_one_file_carries_every_method(area: Path) -> None:
    report = verify(area / "all.ntile")
    assert [layer["method"] for layer in report["layers"]] == [*METHOD_NAMES, "reference"]
    with open_reader(area / "all.ntile") as reader:
        assert len({layer.slot for layer in reader.layers}) == len(reader.layers)
        assert len({layer.decoder for layer in reader.layers}) == len(reader.layers)
        for layer in reader.layers:
            assert layer.title == METHODS[layer.method].title


@pytest.mark.parametrize("name", METHOD_NAMES)
def test_a_layer_decodes_as_if_it_were_alone(area: Path, tmp_path: Path, name: str) -> None:
    _encode(area, tmp_path / "one.ntile", (name,))
    with open_reader(area / "all.ntile") as together, open_reader(tmp_path / "one.ntile") as alone:
        window = [
            SurfaceDecoder(reader, reader.layer(name)).read(240, 200, 40, 80)[0]
            for reader in (together, alone)
        ]
    np.testing.assert_array_equal(*window)


def test_layers_are_measured_one_by_one(area: Path) -> None:
    with open_reader(area / "all.ntile") as reader, open_dem(area / "dem.tif") as dem:
        rows = [evaluate(reader, layer, dem) for layer in reader.layers]
    assert rows[-1]["rmse_m"] < 0.02
    assert len({row["rmse_m"] for row in rows}) == len(rows)
    assert all(row["macs_per_sample"] > 0 for row in rows)
    assert all(
        np.isfinite([row["rmse_m"], row["gradient_rmse"], row["laplacian_rmse"]]).all()
        for row in rows
    )


def test_flat_tiles_are_exact_for_every_method(area: Path, tmp_path: Path) -> None:
    write(tmp_path / "dem.tif", np.full((20, 300), 12.5, np.float32))
    asked = [word for name in METHOD_NAMES for word in ("--method", name, "--model", area / name)]
    ntile(
        "encode", tmp_path / "dem.tif", tmp_path / "flat.ntile", *asked, "--jobs", 1, "--refine", 2
    )
    with open_reader(tmp_path / "flat.ntile") as reader:
        for layer in reader.layers:
            decoded, valid = SurfaceDecoder(reader, layer).read(0, 0, 20, 300)
            assert valid.all()
            np.testing.assert_array_equal(decoded, 12.5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--method", "huvr", "--method", "huvr"], "given twice"),
        (["--method", "huvr", "--model", "functa"], "give --method functa"),
        (["--method", "huvr", "--model", "huvr", "--model", "huvr"], "one model per method"),
        (["--method", "huvr", "--model", "huvr", "--bits", 9], "is not one of"),
    ],
)
def test_what_cannot_be_asked_for(
    area: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[object],
    words: str,
) -> None:
    given = [
        area / str(word) if before == "--model" else word
        for before, word in zip([None, *arguments], arguments, strict=False)
    ]
    with pytest.raises(SystemExit) as exit_:
        ntile("encode", area / "dem.tif", tmp_path / "x.ntile", *given, "--jobs", 1)
    assert exit_.value.code == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_layer_the_file_lacks_is_named(area: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        ntile("evaluate", area / "all.ntile", "--layer", "acorn")
    assert exit_.value.code == 2
    assert "0 (TransINR), 1 (HUVR)" in capsys.readouterr().err
    with pytest.raises(SystemExit) as exit_:
        ntile("evaluate", area / "all.ntile", "--layer", "huvr", "--bits", 16)
    assert exit_.value.code == 2
    assert "choose one of 8, 7, 6, 5, 4, 3, 2" in capsys.readouterr().err
