"""DEM → file → heights through the commands a user types: encode, info, verify, evaluate,
decode."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from neural.container.reader import open_reader
from neural.evaluate import evaluate
from neural.surface.tile_surface import SurfaceDecoder
from neural.tiles import Tile, centers
from tests.support.commands import ntile, ntile_json
from tests.support.models import save_tiny_model
from tests.support.rasters import hills, write


@pytest.fixture(scope="module")
def area(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DEM of 300 × 410 cells with a hole, and its file with a neural and a reference layer
    (area.ntile)."""
    folder = tmp_path_factory.mktemp("area")
    heights = hills(300, 410)
    heights[40:60, 100:130] = -9999
    write(folder / "dem.tif", heights, nodata=-9999)
    stem = save_tiny_model(folder)
    ntile(
        "encode",
        folder / "dem.tif",
        folder / "area.ntile",
        "--model",
        stem,
        "--reference",
        0.02,
        "--jobs",
        1,
    )
    return folder


def test_info_and_verify(area: Path, capsys: pytest.CaptureFixture[str]) -> None:
    info = ntile_json(capsys, "info", area / "area.ntile")
    assert [layer["method"] for layer in info["layers"]] == ["huvr_siren", "reference"]
    assert info["layers"][0]["bits"] == 8
    assert (info["grid"]["width"], info["grid"]["height"]) == (410, 300)
    sizes = info["sizes"]
    parts = [
        sum(map(sum, sizes["payload_bytes"])),
        *(sizes[f"{p}_bytes"] for p in ("directory", "metadata", "decoder")),
    ]
    assert sum(parts) == sizes["file_bytes"] == (area / "area.ntile").stat().st_size
    assert ntile_json(capsys, "verify", area / "area.ntile")["ok"]
    ntile("info", area / "area.ntile")
    assert "HUVR+SIREN" in capsys.readouterr().out


def test_reference_decodes_to_the_same_cells(area: Path, tmp_path: Path) -> None:
    ntile("decode", area / "area.ntile", tmp_path / "back.tif", "--layer", "reference")
    with rasterio.open(area / "dem.tif") as source, rasterio.open(tmp_path / "back.tif") as back:
        assert back.transform.almost_equals(source.transform)
        assert back.crs == source.crs
        assert back.dtypes == ("float32",)
        want = source.read(1, masked=True)
        got = back.read(1, masked=True)
    np.testing.assert_array_equal(got.mask, want.mask)
    assert np.abs(got - want).max() <= 0.02


def test_decode_other_resolutions_and_boxes(
    area: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "part.tif"
    ntile(
        "decode",
        area / "area.ntile",
        path,
        "--layer",
        1,
        "--bbox",
        500_010,
        3_999_900,
        500_090,
        3_999_960,
    )
    with rasterio.open(area / "dem.tif") as source, rasterio.open(path) as part:
        assert (part.width, part.height) == (80, 60)
        window = rasterio.windows.from_bounds(*part.bounds, source.transform)
        assert np.abs(part.read(1) - source.read(1, window=window)).max() <= 0.02
    ntile("decode", area / "area.ntile", path, "--layer", 1, "--resolution", 0.5)
    with rasterio.open(area / "dem.tif") as source, rasterio.open(path) as fine:
        assert (fine.width, fine.height) == (820, 600)
        halves = fine.read(1)[200:, 400:].reshape(200, 2, 210, 2).mean(axis=(1, 3))
        assert np.abs(halves - source.read(1)[100:, 200:]).mean() < 0.1
    facts = ntile_json(capsys, "decode", area / "area.ntile", path, "--layer", 1, "--resolution", 2)
    assert (facts["width"], facts["height"], facts["cell_m"], facts["level"]) == (
        205,
        150,
        [2, 2],
        0,
    )
    with rasterio.open(area / "dem.tif") as source, rasterio.open(path) as coarse:
        assert (coarse.width, coarse.height) == (205, 150)
        means = source.read(1)[100:].reshape(100, 2, 205, 2).mean(axis=(1, 3))
        assert np.abs(coarse.read(1)[50:] - means).max() <= 0.0201


def test_evaluate_measures_what_it_says(area: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Against an independent computation over the decoded tiles."""
    path = area / "area.ntile"
    report = ntile_json(
        capsys, "evaluate", path, "--reference", area / "dem.tif", "--bits", 8, "--bits", 3
    )
    first, second = report["results"]
    with rasterio.open(area / "dem.tif") as source:
        dem = source.read(1, masked=True).astype(np.float64)
    with open_reader(path) as reader:
        decoder = SurfaceDecoder(reader, reader.layers[0])
        decoded, valid = decoder.read(0, 0, 300, 410)
        np.testing.assert_array_equal(valid, ~dem.mask)
        error = (decoded - dem).compressed()
        assert first["samples"] == error.size
        assert first["rmse_m"] == pytest.approx(np.sqrt(np.mean(error**2)))
        assert first["mae_m"] == pytest.approx(np.abs(error).mean())
        assert first["bias_m"] == pytest.approx(error.mean())
        assert first["max_error_m"] == pytest.approx(np.abs(error).max())
        assert first["le90_m"] == pytest.approx(np.quantile(np.abs(error), 0.9), rel=0.01)
        payloads = sum(
            len(reader.payload_bytes(0, tile)) for tile in reader.tiles(0) if tile.z == 1
        )
        assert first["bits_per_sample"] == pytest.approx(8 * payloads / error.size)
        psnrs = []
        for x, y in ((0, 0), (1, 0), (0, 1), (1, 1)):
            window = np.s_[256 * y : 256 * y + 256, 256 * x : 256 * x + 256]
            mse = np.mean((decoded - dem)[window] ** 2)
            psnrs.append(-10 * np.log10(mse / np.ptp(dem[window].compressed()) ** 2))
        assert first["psnr_db"] == pytest.approx(np.mean(psnrs))
        west, east = (decoder.open_tile(Tile(1, x, 0)) for x in (0, 1))
        assert west is not None
        assert east is not None
        line = np.arange(257) / 256
        gap = (
            west.heights(np.array([1.0]), line).meters - east.heights(np.array([0.0]), line).meters
        )
        assert first["edge_gap_m"] >= np.abs(gap).max() > 0
    assert second["bits"] == 3
    assert second["bits_per_sample"] < 0.5 * first["bits_per_sample"]
    assert second["rmse_m"] != first["rmse_m"]


def test_derivative_errors_of_a_plane_are_those_of_the_decoder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reference layer of a plane has the plane's slopes, also across tiles."""
    y, x = np.mgrid[0:270, 0:280]
    write(tmp_path / "plane.tif", np.float32(100 + 0.25 * x - 0.5 * y))
    ntile(
        "encode",
        tmp_path / "plane.tif",
        tmp_path / "plane.ntile",
        "--method",
        "reference",
        "--reference",
        0.12,
    )
    row = ntile_json(
        capsys, "evaluate", tmp_path / "plane.ntile", "--reference", tmp_path / "plane.tif"
    )["results"][0]
    assert row["max_error_m"] == 0  # quarter meters are a step the raster coder knows
    assert row["gradient_rmse"] < 1e-6
    assert row["laplacian_rmse"] < 1e-6
    assert row["samples"] == 270 * 280


def test_reference_layer_stands_in_for_the_dem(
    area: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = area / "area.ntile"
    inside = ntile_json(capsys, "evaluate", path)["results"][0]
    outside = ntile_json(capsys, "evaluate", path, "--reference", area / "dem.tif")["results"][0]
    assert inside["samples"] == outside["samples"]
    assert abs(inside["rmse_m"] - outside["rmse_m"]) <= 0.02


@pytest.mark.parametrize("bits", [2, 5, 16, 32])
def test_every_depth_can_be_stored(area: Path, tmp_path: Path, bits: int) -> None:
    out = tmp_path / "area.ntile"
    ntile("encode", area / "dem.tif", out, "--model", area / "tiny", "--bits", bits, "--jobs", 1)
    with open_reader(out) as reader, open_reader(area / "area.ntile") as eight:
        layer = reader.layers[0]
        assert layer.bits == bits
        assert (
            reader.sizes()["payload_bytes"][0][1] - eight.sizes()["payload_bytes"][0][1] > 0
        ) == (bits > 8)
        stored = evaluate(reader, layer, SurfaceDecoder(eight, eight.layers[1]))
        if bits < 8:  # re-quantizing 8-bit codes costs at most a little more than storing few bits
            live = evaluate(eight, eight.layers[0], SurfaceDecoder(eight, eight.layers[1]), bits)
            assert live["rmse_m"] == pytest.approx(stored["rmse_m"], rel=0.25)


def test_flat_and_tiny_areas_are_exact(tmp_path: Path) -> None:
    stem = save_tiny_model(tmp_path)
    for name, heights in (
        ("flat", np.full((20, 300), 12.5, np.float32)),
        ("one", np.array([[77.25]], np.float32)),
    ):
        write(tmp_path / f"{name}.tif", heights)
        ntile(
            "encode",
            tmp_path / f"{name}.tif",
            tmp_path / f"{name}.ntile",
            "--model",
            stem,
            "--jobs",
            1,
        )
        with open_reader(tmp_path / f"{name}.ntile") as reader:
            decoded, valid = SurfaceDecoder(reader, reader.layers[0]).read(0, 0, *heights.shape)
        assert valid.all()
        np.testing.assert_array_equal(decoded, heights)


def test_linked_decoder_is_found_by_hash(
    area: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import neural.container.reader

    out = tmp_path / "linked.ntile"
    ntile("encode", area / "dem.tif", out, "--model", area / "tiny", "--link-decoder", "--jobs", 1)
    assert out.stat().st_size < (area / "area.ntile").stat().st_size / 2
    with pytest.raises(SystemExit) as exit_:
        ntile("decode", out, tmp_path / "x.tif")
    assert exit_.value.code == 3
    monkeypatch.setattr(neural.container.reader, "MODEL_FOLDER", area)
    ntile("decode", out, tmp_path / "x.tif")
    assert (tmp_path / "x.tif").stat().st_size > 0


def test_the_same_command_gives_the_same_bytes(area: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.ntile"
    ntile(
        "encode",
        area / "dem.tif",
        again,
        "--model",
        area / "tiny",
        "--reference",
        0.02,
        "--jobs",
        1,
    )
    assert again.read_bytes() == (area / "area.ntile").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"again.ntile"}


def test_lattice_crosses_tiles(area: Path) -> None:
    with open_reader(area / "area.ntile") as reader:
        decoder = SurfaceDecoder(reader, reader.layers[1])
        columns = np.array([-0.5, 255.5, 256.5, 409.5, 410.5])
        rows = np.array([100.5, 255.5, 256.5])
        heights, valid = decoder.lattice(columns, rows)
        surface = decoder.open_tile(Tile(1, 1, 0))
        assert surface is not None
        assert heights[0, 2] == surface.heights(centers(), centers()).meters[100, 0]
    np.testing.assert_array_equal(valid[0], [False, True, True, True, False])
