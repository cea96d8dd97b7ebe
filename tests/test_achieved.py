"""What `ntile encode` says at its end: errors as GDAL reads them, sizes, time, advice; progress without a terminal."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import rasterio

from neural.cli import options
from neural.lapped.layer import surrounded_after
from neural.tiles import Tile, tile_id
from tests.commands import ntile, ntile_json
from tests.models import save_tiny_model
from tests.rasters import hills, north_up, write


def errors(folder: Path, layer: int = 0) -> np.ndarray:
    """Decoded less source, of the samples that both have, as GDAL reads the two rasters."""
    ntile("decode", folder / "a.ntile", folder / "back.tif", "--layer", layer)
    with rasterio.open(folder / "dem.tif") as source, rasterio.open(folder / "back.tif") as back:
        return (back.read(1, masked=True).astype(float) - source.read(1, masked=True)).compressed()


def dem(folder: Path, rows: int = 560, cols: int = 530) -> Path:
    """Nine tiles with a hole and something rough."""
    heights = hills(rows, cols)
    heights[100:140, 200:300] += np.random.default_rng(1).normal(0, 3, (40, 100))
    heights[250:300, 240:270] = -9999
    return write(folder / "dem.tif", heights, nodata=-9999)


@pytest.mark.parametrize("rate", [("--step", 0.5), ("--max-error", 0.2), ("--target-rmse", 0.1)])
def test_errors_are_those_of_the_decoded_samples(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rate: tuple[str, float]
) -> None:
    source, out = dem(tmp_path), tmp_path / "a.ntile"
    said = ntile_json(capsys, "encode", source, out, *rate)
    off = errors(tmp_path)
    assert said["rmse_m"] == pytest.approx(np.sqrt(np.mean(off**2)), rel=1e-3)
    assert said["max_error_m"] == pytest.approx(np.abs(off).max(), rel=1e-3)
    assert said["source_bytes"] == source.stat().st_size
    assert said["file_bytes"] == out.stat().st_size
    payloads = sum(said["payload_bytes"][0])
    assert said["stack_bits_per_sample"] == pytest.approx(8 * (payloads + said["directory_bytes"]) / off.size)
    assert said["bits_per_sample"] == pytest.approx(8 * said["payload_bytes"][0][-1] / off.size)
    assert said["seconds"] > 0
    assert said["quantum_m"] is None


def test_each_layer_has_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dem(tmp_path, 310, 330)
    options = ("--model", save_tiny_model(tmp_path), "--reference", 0.02, "--jobs", 1, "--link-decoder")
    said = ntile_json(capsys, "encode", tmp_path / "dem.tif", tmp_path / "a.ntile", *options)
    assert [layer["method"] for layer in said["layers"]] == ["huvr_siren", "reference"]
    assert said["rmse_m"] == said["layers"][0]["rmse_m"]
    its = said["layers"][1]
    off = errors(tmp_path, 1)
    assert its["rmse_m"] == pytest.approx(np.sqrt(np.mean(off**2)), rel=1e-3)
    assert its["max_error_m"] == pytest.approx(np.abs(off).max(), rel=1e-3)
    assert its["max_error_m"] <= 0.02
    assert its["measured_tiles"] == its["tiles"] == 4


def test_the_closing_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "two words"
    folder.mkdir()
    out = folder / "a.ntile"
    ntile("encode", write(folder / "dem.tif", hills(300, 290)), out, "--step", 0.5)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{out}: ")
    assert "% of" in lines[0]
    assert "RMSE 0." in lines[1]
    assert "largest error" in lines[1]
    assert "bits per sample" in lines[1]
    assert lines[-1].strip() == f"Look at it: terrain-viewer '{out}'"


@pytest.mark.parametrize(
    ("more", "advice"),
    [
        ((), "--link-decoder"),
        (("--step", 0.002, "--link-decoder"), "--quality"),
        (("--reference", 1e-4, "--link-decoder"), "Reference"),
    ],
)
def test_a_file_larger_than_its_source_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[object, ...], advice: str
) -> None:
    rng = np.random.default_rng(2)
    heights = np.rint(hills(200, 200) / 5) * 5 if not more else hills(200, 200) + rng.normal(0, 1, (200, 200))
    samples = np.rint(heights).astype(np.int16)
    source = write(tmp_path / "dem.tif", samples, compress="deflate", predictor=2)
    ntile("encode", source, tmp_path / "a.ntile", *more)
    said = [line for line in capsys.readouterr().out.splitlines() if "larger than its source" in line]
    assert len(said) == 1
    assert advice in said[0]


def test_a_mosaic_counts_with_its_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    part = write(tmp_path / "part.tif", hills(200, 200))
    west, north = north_up(500_000, 4_000_000)[2], north_up(500_000, 4_000_000)[5]
    mosaic = tmp_path / "dem.vrt"
    mosaic.write_text(
        f"""<VRTDataset rasterXSize="200" rasterYSize="200"><SRS>EPSG:32611</SRS>
        <GeoTransform>{west}, 1, 0, {north}, 0, -1</GeoTransform><VRTRasterBand dataType="Float32" band="1">
        <SimpleSource><SourceFilename relativeToVRT="1">part.tif</SourceFilename><SourceBand>1</SourceBand>
        </SimpleSource></VRTRasterBand></VRTDataset>"""
    )
    said = ntile_json(capsys, "encode", mosaic, tmp_path / "a.ntile", "--step", 1)
    assert said["source_bytes"] == part.stat().st_size + mosaic.stat().st_size


def test_tiles_are_measured_once_and_after_their_neighbours() -> None:
    finest = [Tile(3, x, y) for x in range(7) for y in range(6) if (x, y) not in {(2, 2), (5, 0)}]
    tiles = sorted([Tile(0, 0, 0), *{tile.parent for tile in finest}, *finest], key=tile_id)
    seen: set[Tile] = set()
    measured: list[Tile] = []
    for tile, surrounded in surrounded_after(tiles):
        seen.add(tile)
        measured += surrounded
        for other in surrounded:
            near = {Tile(3, other.x + dx, other.y + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)}
            assert near & set(finest) <= seen
    assert sorted(measured) == sorted(finest)


def test_progress_without_a_terminal_is_a_line_every_ten_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert options.SAY_S == 10.0
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with options.progress("encoding dem.tif") as report:
        for done in range(1, 36):
            now[0] += 1.0
            report(done, 35)
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.splitlines() == [f"ntile: encoding dem.tif: {done} of 35" for done in (10, 20, 30)]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.123, "0.12 s"), (9.96, "10 s"), (59.4, "59 s"), (61, "1 min"), (4321, "1 h 12 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert options.human_seconds(seconds) == text
