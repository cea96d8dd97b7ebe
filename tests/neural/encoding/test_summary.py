"""Closing output of `ntile encode`: errors as GDAL reads them, sizes, time, advice; progress
without a terminal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import rasterio

from neural.cli import options
from neural.container.reader import open_reader
from neural.encoding.lapped.staged_layer import surrounded_after
from neural.tiles import Tile, tile_id
from tests.support.commands import POSIX, REFERENCE, ROOT, ntile, ntile_json
from tests.support.models import save_tiny_model
from tests.support.rasters import hills, north_up, write


def errors(folder: Path, layer: int = 0) -> np.ndarray:
    """Decoded less source, of the samples that both have, as GDAL reads the two rasters."""
    ntile("decode", folder / "a.ntile", folder / "back.tif", "--layer", layer)
    with rasterio.open(folder / "dem.tif") as source, rasterio.open(folder / "back.tif") as back:
        return (back.read(1, masked=True).astype(float) - source.read(1, masked=True)).compressed()


def dem(folder: Path, rows: int = 310, cols: int = 330) -> Path:
    """Write some tiles with a hole and something rough."""
    heights = hills(rows, cols)
    heights[100:140, 200:300] += np.random.default_rng(1).normal(0, 3, (40, 100))
    heights[250:300, 240:270] = -9999
    return write(folder / "dem.tif", heights, nodata=-9999)


@pytest.mark.parametrize("rate", [("--step", 0.5), ("--max-error", 0.2), ("--target-rmse", 0.1)])
def test_errors_are_those_of_the_decoded_samples(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rate: tuple[str, float]
) -> None:
    source = dem(tmp_path)
    out = tmp_path / "a.ntile"
    said = ntile_json(capsys, "encode", source, out, *rate)
    off = errors(tmp_path)
    assert said["rmse_m"] == pytest.approx(np.sqrt(np.mean(off**2)), rel=1e-3)
    assert said["max_error_m"] == pytest.approx(np.abs(off).max(), rel=1e-3)
    assert said["source_bytes"] == source.stat().st_size
    assert said["file_bytes"] == out.stat().st_size
    payloads = sum(said["payload_bytes"][0])
    assert said["stack_bits_per_sample"] == pytest.approx(
        8 * (payloads + said["directory_bytes"]) / off.size
    )
    assert said["bits_per_sample"] == pytest.approx(8 * said["payload_bytes"][0][-1] / off.size)
    assert said["seconds"] > 0
    assert said["quantum_m"] is None


def test_each_layer_has_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dem(tmp_path)
    options = (
        "--model",
        save_tiny_model(tmp_path),
        "--reference",
        0.02,
        "--jobs",
        1,
        "--link-decoder",
    )
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
    valid = 300 * 290
    with open_reader(out) as reader:
        sizes = reader.sizes()
    payloads = sizes["payload_bytes"][0]
    every, finest = (
        8 * size / valid for size in (sum(payloads) + sizes["directory_bytes"], payloads[-1])
    )
    assert f"{every:.3g} bits per sample in all levels, {finest:.3g} in the finest" in lines[1]
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
    heights = (
        np.rint(hills(200, 200) / 5) * 5
        if not more
        else hills(200, 200) + rng.normal(0, 1, (200, 200))
    )
    samples = np.rint(heights).astype(np.int16)
    source = write(tmp_path / "dem.tif", samples, compress="deflate", predictor=2)
    ntile("encode", source, tmp_path / "a.ntile", *more)
    said = [
        line for line in capsys.readouterr().out.splitlines() if "larger than its source" in line
    ]
    assert len(said) == 1
    assert advice in said[0]


def test_a_mosaic_counts_with_its_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    part = write(tmp_path / "part.tif", hills(200, 200))
    west = north_up(500_000, 4_000_000)[2]
    north = north_up(500_000, 4_000_000)[5]
    mosaic = tmp_path / "dem.vrt"
    mosaic.write_text(
        f"""<VRTDataset rasterXSize="200" rasterYSize="200"><SRS>EPSG:32611</SRS>
        <GeoTransform>{west}, 1, 0, {north}, 0, -1</GeoTransform>
        <VRTRasterBand dataType="Float32" band="1">
        <SimpleSource><SourceFilename relativeToVRT="1">part.tif</SourceFilename>
        <SourceBand>1</SourceBand>
        </SimpleSource></VRTRasterBand></VRTDataset>"""
    )
    said = ntile_json(capsys, "encode", mosaic, tmp_path / "a.ntile", "--step", 1)
    assert said["source_bytes"] == part.stat().st_size + mosaic.stat().st_size


def test_tiles_are_measured_once_and_after_their_neighbors() -> None:
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
    assert written.err.splitlines() == [
        f"ntile: encoding dem.tif: {done} of 35" for done in (10, 20, 30)
    ]


def test_decoding_says_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ntile("encode", dem(tmp_path, 560, 530), tmp_path / "a.ntile", *REFERENCE)
    capsys.readouterr()
    monkeypatch.setattr(options, "SAY_S", 0.0)
    ntile("decode", tmp_path / "a.ntile", tmp_path / "back.tif")
    written = capsys.readouterr()
    assert written.out == f"{tmp_path / 'back.tif'}\n"
    lines = [line for line in written.err.splitlines() if "decoding" in line]
    # nine blocks, read back
    assert lines == [f"ntile: decoding a.ntile: {done} of 18" for done in range(1, 19)]


@POSIX
@pytest.mark.parametrize("command", ["encode", "decode"])
def test_progress_on_a_terminal_is_a_bar(tmp_path: Path, command: str) -> None:
    import pty

    source = dem(tmp_path, 310, 310)
    encoded = tmp_path / "a.ntile"
    ntile("encode", source, encoded, *REFERENCE)
    paths = (
        (source, tmp_path / "b.ntile") if command == "encode" else (encoded, tmp_path / "back.tif")
    )
    more = REFERENCE if command == "encode" else ()
    try:
        terminal, its_end = pty.openpty()
    except OSError as error:  # a root without devpts
        pytest.skip(f"no pseudo-terminal: {error}")
    arguments = [sys.executable, "-m", "neural.cli", command, *map(str, (*paths, *more))]
    environment = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen(
        arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=its_end, env=environment
    ) as process:
        os.close(its_end)
        drawn = b""
        with suppress(OSError):  # the other end is closed
            while part := os.read(terminal, 1 << 16):
                drawn += part
        os.close(terminal)
        assert process.stdout is not None
        assert str(paths[1]) in process.stdout.read().decode()
    assert process.returncode == 0
    assert f"{command.removesuffix('e')}ing {paths[0].name}" in re.sub(
        r"\x1b\[[0-9;]*m", "", drawn.decode()
    )
    assert "\u2501" in drawn.decode()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.123, "0.12 s"), (9.96, "10 s"), (59.4, "59 s"), (61, "1 min"), (4321, "1 h 12 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert options.human_seconds(seconds) == text
