"""Errors over a whole area: structural similarity as scikit-image has it, windows as one piece."""

from __future__ import annotations

import numpy as np
import pytest

from neural.bench.whole import errors
from neural.bench.whole.errors import Extent
from neural.bench.whole.ssim import similarity
from neural.encoding.acorn.area import Area
from neural.measure.metrics import central_differences


def _pictures() -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[0:40, 0:60]
    one = 0.5 + 0.3 * np.sin(x / 5) * np.cos(y / 7)
    return one, one + 0.05 * np.sin(1.7 * x + 0.9 * y) + 0.02


def test_similarity_is_that_of_scikit_image() -> None:
    """Reference: scikit-image 0.26.0, `structural_similarity` with data_range=1, sigma=1.5,
    gaussian_weights=True, use_sample_covariance=False."""
    one, other = _pictures()
    values, whole = similarity(one, other, np.ones(one.shape, bool))
    assert whole.all()
    assert values.mean() == pytest.approx(0.8094789029370806, abs=1e-12)
    assert values[15, 25] == pytest.approx(0.9099956676489972, abs=1e-12)
    assert similarity(one, one, whole)[0] == pytest.approx(1)


def test_windows_with_missing_samples_have_no_similarity() -> None:
    one, other = _pictures()
    valid = np.ones(one.shape, bool)
    valid[12, 20] = False
    _, whole = similarity(one, np.where(valid, other, np.nan), valid)
    expected = np.ones(whole.shape, bool)
    expected[2:13, 10:21] = False
    assert (whole == expected).all()


@pytest.fixture(scope="module")
def area() -> Area:
    """Hills of 300 × 530 cells with a hole."""
    y, x = np.mgrid[0:300, 0:530]
    heights = 100 + 20 * np.sin(x / 31) * np.cos(y / 23)
    heights[40:50, 250:270] = np.nan
    return Area.of(heights)


def _extent(area: Area) -> Extent:
    return Extent(area.width, area.height, (2.0, 3.0), area.low_m, area.high_m)


def _surface(row: int, column: int, rows: int, columns: int) -> np.ndarray:
    y, x = np.mgrid[row : row + rows, column : column + columns]
    return 100.3 + 20 * np.sin(x / 31) * np.cos(y / 23) + 0.5 * np.sin(x * 1.3 + y)


def test_windows_measure_as_one_piece_would(area: Area) -> None:
    measured = errors.measure(_surface, area, _extent(area))
    report = measured.report()
    heights, valid = area.read(0, 0, area.height, area.width)
    decoded = _surface(0, 0, area.height, area.width)
    error = (decoded - heights)[valid]
    assert report["measured_samples"] == valid.sum() == area.samples
    assert report["rmse_m"] == pytest.approx(np.sqrt(np.mean(error**2)))
    relief = area.high_m - area.low_m
    assert report["psnr_db"] == pytest.approx(20 * np.log10(relief / report["rmse_m"]))
    assert report["max_error_m"] == pytest.approx(np.abs(error).max())
    ours = central_differences(decoded, valid, (2.0, 3.0))
    east, north, _, inside = central_differences(heights.astype(np.float64), valid, (2.0, 3.0))
    slopes = ((ours[0] - east) ** 2 + (ours[1] - north) ** 2)[inside]
    assert report["gradient_rmse"] == pytest.approx(np.sqrt(slopes.mean()))
    scaled = [(image - area.low_m) / relief for image in (decoded, heights)]
    values, whole = similarity(*scaled, valid)
    assert report["ssim"] == pytest.approx(values[whole].mean())
    rms = measured.error_map()
    assert rms.shape == (100, 177)  # squares of 3 × 3 samples
    first = (decoded - heights)[:3, :3]
    assert rms[0, 0] == pytest.approx(np.sqrt(np.mean(first**2)), rel=1e-4)
    assert np.isnan(rms[15, 85])


def test_spread_windows_reach_all_of_a_large_area() -> None:
    extent = Extent(4096, 4096, (1.0, 1.0), 0.0, 1.0)
    corners = list(errors.windows(extent, 1 << 22))
    assert len(corners) == 64  # a quarter of 256
    rows = {row for row, _ in corners}
    columns = {column for _, column in corners}
    assert len(rows) == len(columns) == 16
    assert len(list(errors.windows(extent))) == 256


def test_exact_and_constant_areas_have_an_infinite_psnr() -> None:
    area = Area.of(np.full((30, 40), 7.0))
    extent = Extent(40, 30, (1.0, 1.0), area.low_m, area.high_m)
    report = errors.measure(lambda *window: area.read(*window)[0], area, extent).report()
    assert report["rmse_m"] == 0
    assert report["psnr_db"] == np.inf
