"""The quantum of a raster's heights, and the default step of `encode` that follows from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio

from neural.encode import EncodeOptions, encode
from neural.raster.dem import open_dem
from neural.raster.quantum import find_quantum
from neural.raster.reading import ReadOptions
from tests.support.rasters import hills, write


def relief(rows: int = 300, cols: int = 290) -> np.ndarray:
    """A smooth mountain of some hundreds of meters, float64: what a coarse quantum was rounded
    from."""
    y, x = np.mgrid[0:rows, 0:cols]
    return 900 + 300 * np.sin(x / 61) * np.cos(y / 43) + 0.35 * x - 0.2 * y


def quantum(heights: np.ndarray) -> float:
    blocks = [heights.astype(np.float64)[:100], heights.astype(np.float64)[100:]]
    return find_quantum(blocks, heights.size)


@pytest.mark.parametrize("step", [0.3048, 1200 / 3937, 0.6096, 1.0, 2.0, 2.5, 5.0, 10.0])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_multiples_are_found(step: float, kind: type) -> None:
    heights = (np.rint(relief() / step) * step).astype(kind)
    assert quantum(heights) == pytest.approx(step, rel=1e-5)
    # as of another vertical datum
    assert quantum(heights - kind(32.7)) == pytest.approx(step, rel=1e-5)


def test_what_is_no_multiple_has_none() -> None:
    assert quantum(relief()) == 0
    assert quantum(np.rint(relief() / 0.1) * 0.1) == 0
    assert quantum(np.where(relief() > 900, 100.0, 0.0)) == 0  # two heights are no scale
    assert find_quantum([], 100) == 0


def off_quantum(share: float, pattern: str, step: float) -> np.ndarray:
    """Return multiples of a step, meters [300, 290], a share of which is the relief that they were
    rounded from."""
    fine = relief()
    flat = np.arange(fine.size)
    if pattern == "first":
        kept = flat < share * fine.size
    elif pattern == "last":
        kept = flat >= (1 - share) * fine.size
    elif pattern == "regular":
        kept = flat % round(1 / share) == 0
    else:
        kept = np.random.default_rng(4).random(fine.size) < share
    return np.where(kept.reshape(fine.shape), fine, np.rint(fine / step) * step)


@pytest.mark.parametrize("pattern", ["first", "last", "regular", "scattered"])
@pytest.mark.parametrize("step", [0.3048, 0.6096, 1.0, 5.0])
def test_a_few_samples_beside_the_multiples_do_not_count(pattern: str, step: float) -> None:
    for share in (1e-4, 0.008):
        assert quantum(off_quantum(share, pattern, step)) == pytest.approx(step, rel=1e-5)
    assert quantum(off_quantum(0.02, pattern, step)) == 0


def test_one_sample_does_not_count() -> None:
    for place in ((0, 0), (99, 289), (100, 0), (299, 289)):
        heights = np.rint(relief())
        heights[place] += 0.25
        assert quantum(heights) == 1.0


@pytest.mark.parametrize("level_m", [0.0, 372.0, 12.34])
def test_the_sea_around_an_island_tells_of_no_quantum(level_m: float) -> None:
    heights = np.full((3000, 1000), level_m)
    heights[1000:1100, 300:500] = relief()[:100, :200]  # 0.7 %
    assert quantum(heights) == 0
    heights[1000:1100, 300:500] = np.rint(relief()[:100, :200]) + level_m
    assert quantum(heights) == 1.0


def test_float32_of_high_mountains_is_inexact() -> None:
    feet = (np.rint((relief() + 7000) / 0.6096) * 0.6096).astype(np.float32)
    feet[::60, ::70] += np.float32(0.2)
    assert quantum(feet) == pytest.approx(0.6096, rel=1e-5)


def test_no_more_is_read_than_it_takes() -> None:
    def blocks() -> Iterator[np.ndarray]:
        yield relief()
        raise AssertionError("a second block was asked for")

    assert find_quantum(blocks(), 2 * relief().size) == 0


def chosen_step(source: Path, out: Path, **options: object) -> tuple[float | None, float | None]:
    layer = encode(source, out, EncodeOptions(**options)).layers[0]  # type: ignore[arg-type]
    return layer.step_m, layer.quantum_m


@pytest.mark.parametrize(
    ("samples", "profile", "reading", "step"),
    [
        (np.rint(relief()).astype(np.int16), {}, {}, (1.0, 1.0)),
        (np.rint(relief()).astype(np.float32), {}, {}, (1.0, 1.0)),
        (
            np.rint(relief()).astype(np.float32),
            {"crs": "EPSG:4326"},
            {},
            (1.0, 1.0),
        ),  # resampled: its own samples count
        (np.rint(relief() / 2).astype(np.int16), {"band": {"scales": 2.0}}, {}, (2.0, 2.0)),
        (np.rint(10 * relief()).astype(np.int16), {"band": {"scales": 0.1}}, {}, (0.5, None)),
        (
            np.rint(1000 * np.rint(relief())).astype(np.int32),
            {"band": {"scales": 0.001}},
            {},
            (1.0, 1.0),
        ),
        # a foot is less than half a meter
        (np.rint(relief()).astype(np.int16), {}, {"unit": "ft"}, (0.5, None)),
        (relief().astype(np.float32), {}, {}, (0.5, None)),
        (off_quantum(1e-4, "scattered", 1.0).astype(np.float32), {}, {}, (1.0, 1.0)),
        (off_quantum(1e-4, "scattered", 0.1).astype(np.float32), {}, {}, (0.5, None)),
    ],
)
def test_the_default_step(
    tmp_path: Path,
    samples: np.ndarray,
    profile: dict,
    reading: dict,
    step: tuple[float | None, float | None],
) -> None:
    if "crs" in profile:
        profile = {**profile, "transform": (0.0003, 0.0, 8.0, 0.0, -0.0003, 47.0)}
    source = write(tmp_path / "dem.tif", samples, **profile)
    assert chosen_step(source, tmp_path / "a.ntile", reading=ReadOptions(**reading)) == step


def test_what_is_asked_for_wins(tmp_path: Path) -> None:
    source = write(tmp_path / "dem.tif", np.rint(relief()).astype(np.int16))
    assert chosen_step(source, tmp_path / "a.ntile", quality=50.0) == (0.5, None)
    assert chosen_step(source, tmp_path / "b.ntile", step_m=0.25) == (0.25, None)


def test_missing_samples_do_not_count(tmp_path: Path) -> None:
    samples = np.rint(relief()).astype(np.float32)
    samples[50:60, 50:60] = -9999.5
    samples[70:80, 50:60] = np.nan
    mask = np.full(samples.shape, 255, np.uint8)
    samples[100:110, 50:60] = 17.25
    mask[100:110, 50:60] = 0
    with open_dem(
        write(tmp_path / "nodata.tif", np.where(mask, samples, -9999.5), nodata=-9999.5)
    ) as dem:
        assert find_quantum(dem.own_samples(), dem.own_cells) == 1.0
    samples[50:60, 50:60] = 900.0
    with open_dem(write(tmp_path / "mask.tif", samples, mask=mask)) as dem:
        assert find_quantum(dem.own_samples(), dem.own_cells) == 1.0


def test_bytes_are_saved_where_only_rounding_is_lost(tmp_path: Path) -> None:
    """Against the relief itself the coarser file is no worse than the whole meters that it was made
    from."""
    truth = relief() + 2.0 * hills(300, 290, 3.0)
    rounded = np.rint(truth).astype(np.int16)
    source = write(tmp_path / "dem.tif", rounded)
    sizes = {}
    rmse = {}
    for name, options in {"own": EncodeOptions(), "half": EncodeOptions(quality=50.0)}.items():
        out = tmp_path / f"{name}.ntile"
        sizes[name] = sum(encode(source, out, options).sizes["payload_bytes"][0])
        from neural.cli import main

        main(["decode", str(out), str(tmp_path / "back.tif")])
        with rasterio.open(tmp_path / "back.tif") as back:
            rmse[name] = float(np.sqrt(np.mean((back.read(1) - truth) ** 2)))
    assert sizes["own"] < 0.6 * sizes["half"]
    assert rmse["own"] < np.sqrt(np.mean((rounded - truth) ** 2))
