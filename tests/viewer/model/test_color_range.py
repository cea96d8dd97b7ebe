"""Ranges of heights: flat ones, outliers, ordinary terrain, ticks and labels of extreme ones."""

import numpy as np
import pytest

from viewer.model import height_range, text
from viewer.model.colormaps import lut
from viewer.model.height_range import HeightRange
from viewer.scene.legend import Legend, Scale

RNG = np.random.default_rng(5)
HILLS = 300 + 80 * np.sin(np.linspace(0, 40, 4000)) + RNG.normal(0, 2, 4000)


@pytest.mark.parametrize(
    ("samples", "outlier"),
    [
        (HILLS, -9999.0),
        (HILLS, -32768.0),
        (HILLS, 65535.0),
        (HILLS, 1e7),
        (HILLS - 5000, 0.0),  # a hole filled with 0 in bathymetry
        (np.full(500, 12.5), -3.4e5),
        (HILLS[:25], 9999.0),
    ],
)
def test_one_outlier_is_left_out(samples, outlier):
    for seen in (samples, np.append(samples, outlier)):  # the root may show it or not
        low = min(samples.min(), outlier)
        high = max(samples.max(), outlier)
        (gap,) = height_range.gaps_of(low, high, seen)
        assert gap.below == (outlier < samples.min())
        assert gap.parts(outlier, outlier)
        assert not gap.parts(samples.min(), samples.max())
        heights = height_range.trimmed(low, high, seen)
        assert heights.trimmed
        assert samples.min() <= heights.low <= heights.high <= samples.max()
        assert heights.ends(full=True) == (low, high)
        assert "2–98 %" in heights.remark
        assert heights.colors(0.0, full=True)[:2] == (low, high)


@pytest.mark.parametrize(
    ("low", "high"),
    [(-9999.0, 9999.0), (-32768.0, 32767.0), (-5000.0, 9000.0), (-100.0, 65535.0), (-1e6, 700.0)],
)
def test_outliers_at_both_ends_are_left_out(low, high):
    for seen in (HILLS, np.append(HILLS, [low, high]), np.append(HILLS, high), HILLS[:30]):
        below, above = height_range.gaps_of(low, high, seen)
        assert below.below
        assert not above.below
        for gap, outlier in ((below, low), (above, high)):
            assert gap.parts(outlier, outlier)
            assert not gap.parts(HILLS.min(), HILLS.max())
        heights = height_range.trimmed(low, high, seen)
        assert HILLS.min() <= heights.low < heights.high <= HILLS.max()


@pytest.mark.parametrize(
    "samples",
    [
        HILLS,
        np.concatenate([np.linspace(-8, 0, 30), np.zeros(3000), np.linspace(0, 9, 30)]),
        HILLS**3,
        np.exp(RNG.normal(0, 1, 4000)),
        2000 * np.exp(-(np.linspace(0, 60, 60) ** 2) / 2),  # a peak on a plain
        np.append(np.zeros(3000), np.linspace(0, 50, 40)),  # an island
        np.append(np.zeros(300), np.full(20, 40.0)),  # a plateau of some size
        np.array([1.0, 2.0]),
        np.zeros(0),
    ],
)
def test_ordinary_terrain_keeps_its_whole_range(samples):
    low, high = (samples.min(), samples.max()) if samples.size else (0.0, 1.0)
    assert height_range.gaps_of(low, high, samples) == ()
    assert not height_range.whole(low, high).trimmed
    assert height_range.whole(low, high).remark == ""


@pytest.mark.parametrize(
    ("low", "high", "step", "label"),
    [
        (87.3, 87.3, 0.0, "87.30 m"),
        (-12.004, -11.998, 0.0, "−12.00 m"),
        (0.0, 0.0, 0.0, "0.00 m"),
        (-0.001, 0.002, 0.0, "0.00 m"),
        (640.0, 640.3, 0.5, "640.2 m"),  # half to even: 640.15
        (3000.0, 3001.5, 2.0, "3001 m"),
    ],
)
def test_a_flat_range_has_one_color_and_one_number(low, high, step, label):
    colors = height_range.whole(low, high).colors(step)
    assert colors.flat.split(".")[0] == label.split(".")[0]
    assert len(colors.flat) == len(label)
    for height in (low, high):
        share = (height - colors.low) / (colors.high - colors.low)
        assert share == pytest.approx(0.5, abs=1e-3)
    assert not height_range.whole(low, low + 1.1 * max(step, 0.01)).colors(step).flat


def test_a_flat_range_far_from_zero_keeps_its_colors_apart():
    colors = height_range.whole(1e15, 1e15).colors(0.0)
    assert colors.low < 1e15 < colors.high


def test_an_outlier_in_a_plain_leaves_one_color():
    heights = HeightRange(-9999.0, 77.0, 76.3, 77.0)
    assert heights.colors(0.5).flat == "77 m"  # a lossy layer rings about the outlier
    assert heights.colors(0.5, full=True).flat == ""


def test_ranges_of_compared_files_are_joined():
    parts = [HeightRange(-9999, 20, 10, 19), HeightRange(5, 30, 5, 30)]
    assert height_range.combined(parts) == HeightRange(-9999, 30, 5, 30)


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (-5092.36, -3900.0),
        (-42.8, 34.7),
        (-0.31, 0.29),
        (1e-6, 3e-6),
        (123_456.7, 123_456.9),
        (-1e30, 1e30),
        (0.0, 3.4e38),
        (8848.86, 8848.88),
        (-430.0, -0.2),
        (628.918, 702.677),
    ],
)
def test_ticks_lie_in_the_range_and_say_their_value(low, high):
    scale = Scale.of(Legend("", "", "Elevation, m", table=lut("terrain"), low=low, high=high))
    assert len(scale.labels) >= 2
    span = high - low
    for share, label in zip(scale.shares, scale.labels, strict=True):
        assert -1e-9 <= share <= 1 + 1e-9
        assert low - 1e-6 * span <= float(label.replace("−", "-")) <= high + 1e-6 * span
        assert len(label) <= 12
    assert len(set(scale.labels)) == len(scale.labels)


def test_spans_are_as_fine_as_they_are_wide():
    assert text.height_span(67.19, 144.68) == "67.2 … 144.7 m"
    assert text.height_span(-9999, 144.68) == "−9999 … 145 m"
    assert text.height_span(5.0, 5.0) == "5.00 … 5.00 m"
