"""Files of every version are read to the heights that the version itself read."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from neural.cli import main
from neural.container.reader import open_reader
from neural.container.verify import verify
from tests.support import frozen_files
from tests.support.frozen_files import CASES, FILES, finest, load_expected

ROUNDING_M = 1e-4
"""float32 arithmetic differs from processor to processor (by up to 6e-5 m here)."""

RELIEF_ROUNDING = 1e-6
"""The same over the range of a file's heights, where it is some hundred meters."""

FROZEN = frozen_files.frozen_files()


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize(("version", "count"), [("v0.1.0", 17), ("v0.2.0", 19)])
def test_no_frozen_file_is_missing(version: str, count: int) -> None:
    files = [path for path in FROZEN if path.parent.name == version]
    assert len(files) == count
    assert [path for path in files if not path.with_suffix(".npz").exists()] == []
    methods = set()
    for path in files:
        with open_reader(path) as reader:
            methods |= {layer.method for layer in reader.layers}
    assert methods == {"functa", "huvr", "huvr_siren", "lapped_siren", "reference", "trans_inr"}


def test_every_frozen_folder_is_counted_and_small() -> None:
    folders = {path.parent for path in FROZEN}
    assert {folder.name for folder in folders} == {"v0.1.0", "v0.2.0"}
    later = folders - {FILES / "v0.1.0"}
    sizes = {folder.name: sum(f.stat().st_size for f in folder.iterdir()) for folder in later}
    assert {name: size for name, size in sizes.items() if size > 600_000} == {}


@pytest.mark.parametrize("path", FROZEN, ids=name_of)
def test_heights_stay(path: Path) -> None:
    assert verify(path)["ok"]
    places, expected = load_expected(path)
    with open_reader(path) as reader:
        assert (reader.grid.height, reader.grid.width) == places.shape
        assert len(reader.layers) == len(expected)
        for layer, want in zip(reader.layers, expected, strict=True):
            got = finest(reader, layer.index)
            np.testing.assert_array_equal(got.valid, want.valid)
            meters = got.meters[places & got.valid]
            assert len(meters) > 0
            if layer.method == "reference":
                np.testing.assert_array_equal(meters.astype(np.float32), want.meters)
            else:
                rounding_m = max(ROUNDING_M, RELIEF_ROUNDING * float(np.ptp(want.meters)))
                np.testing.assert_allclose(meters, want.meters, rtol=0, atol=rounding_m)


def test_decode_writes_the_same_heights(tmp_path: Path) -> None:
    import rasterio

    path = FILES / "v0.1.0" / "lapped_holes.ntile"
    out = tmp_path / "heights.tif"
    main(["decode", str(path), str(out)])
    places, (want,) = load_expected(path)
    with rasterio.open(out) as raster:
        heights = raster.read(1, masked=True)
    valid = ~np.ma.getmaskarray(heights)
    np.testing.assert_array_equal(valid, want.valid)
    np.testing.assert_allclose(heights.data[places & valid], want.meters, rtol=0, atol=ROUNDING_M)


@pytest.mark.parametrize("version", ["v0.1.0", "v0.2.0"])
@pytest.mark.parametrize("name", ["lapped_levels", "lapped_holes", "reference_holes", "local_feet"])
def test_heights_are_those_of_the_terrain(version: str, name: str) -> None:
    """Frozen heights are right: near the formula, in meters, with data where the raster had
    data."""
    places, (want,) = load_expected(FILES / version / f"{name}.ntile")
    valid = np.ones(places.shape, bool)
    for hole in CASES[name].holes:
        valid[hole] = False
    np.testing.assert_array_equal(want.valid, valid)
    error = want.meters - frozen_files.terrain(CASES[name])[places & valid]
    assert np.sqrt(np.mean(error**2)) < 0.3
    assert abs(np.mean(error)) < 0.02


def test_a_model_no_longer_shipped_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("neural.container.reader.MODEL_FOLDER", tmp_path)
    with (
        open_reader(FILES / "v0.1.0" / "functa.ntile") as reader,
        pytest.raises(AssertionError, match="must stay in assets/models"),
    ):
        finest(reader, 0)


def test_a_frozen_folder_is_never_rewritten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neural.__version__", "0.1.0")
    before = {path: path.stat().st_mtime_ns for path in (FILES / "v0.1.0").iterdir()}
    with pytest.raises(SystemExit, match=re.escape("v0.1.0 exists")):
        frozen_files.main()
    assert {path: path.stat().st_mtime_ns for path in (FILES / "v0.1.0").iterdir()} == before
