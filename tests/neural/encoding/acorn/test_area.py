"""The memory-mapped area that ACORN is trained on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neural.encoding.acorn.area import Area
from neural.encoding.acorn.settings import (
    PRESETS,
    PUBLISHED,
    preset_for,
    rate_share,
)
from neural.errors import DemError, NtileError
from tests.support.commands import POSIX


def plane(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width] + 0.5
    return (2.0 * x - 3.0 * y).astype(np.float32)


def test_targets_of_a_plane_are_its_formula() -> None:
    area = Area.of(plane(40, 70))
    random = np.random.default_rng(0)
    columns = random.uniform(0.5, 69.5, 500)
    rows = random.uniform(0.5, 39.5, 500)
    meters, valid = area.targets(columns, rows)
    assert valid.all()
    np.testing.assert_allclose(meters, 2 * columns - 3 * rows, atol=1e-3)


def test_cell_centers_are_the_cells_and_outside_is_nothing() -> None:
    heights = np.random.default_rng(1).normal(size=(30, 20)).astype(np.float32)
    area = Area.of(heights)
    y, x = np.mgrid[:30, :20] + 0.5
    meters, valid = area.targets(x, y)
    assert valid.all()
    np.testing.assert_array_equal(meters, heights)
    _, valid = area.targets(np.array([-0.1, 20.1, 10]), np.array([3, 3, 30.5]))
    assert not valid.any()


def test_missing_cells_have_no_weight() -> None:
    heights = plane(32, 32)
    heights[:, 16:] = np.nan
    area = Area.of(heights)
    meters, valid = area.targets(np.array([15.5, 15.9, 16.1]), np.full(3, 8.5))
    assert valid.tolist() == [True, True, False]
    # only the column at 15.5 takes part
    np.testing.assert_allclose(meters[:2], 2 * 15.5 - 3 * 8.5, atol=1e-4)


def test_coarser_levels_keep_every_place() -> None:
    area = Area.of(plane(512, 1024))
    random = np.random.default_rng(2)
    columns = random.uniform(8, 1016, 200)
    rows = random.uniform(8, 504, 200)
    for coarser in range(area.levels):
        meters, valid = area.targets(columns, rows, coarser)
        assert valid.all()
        # a slope of 2 eastward: 0.02 cells are 0.04 m
        np.testing.assert_allclose(meters, 2 * columns - 3 * rows, atol=0.02)


def test_a_file_is_the_array(tmp_path: Path) -> None:
    heights = plane(300, 520)
    heights[40:90, 100:200] = np.nan
    plain = Area.of(heights)
    mapped = Area.create(tmp_path / "area", 520, 300)
    for level in range(mapped.levels):
        assert np.isnan(mapped.level(level)).all()
        mapped.level(level)[:] = plain.level(level)
    mapped.flush()
    again = Area.open(tmp_path / "area", 520, 300)
    assert again is not None
    for level in range(again.levels):
        np.testing.assert_array_equal(again.level(level), plain.level(level))
    assert again.samples == 300 * 520 - 5000
    assert Area.open(tmp_path / "area", 521, 300) is None
    assert Area.open(tmp_path / "none", 520, 300) is None


def test_extents_are_those_of_each_square() -> None:
    heights = plane(50, 70)
    heights[:16, 16:32] = np.nan
    extents = Area.of(heights).extents(16)
    assert extents.cells.shape == (4, 5)
    assert extents.cells[0].tolist() == [256, 0, 256, 256, 16 * 6]
    assert np.isnan(extents.low_m[0, 1])
    assert extents.high_m[0, 0] == heights[:16, :16].max()
    assert extents.low_m[3, 4] == heights[48:, 64:].min()


def test_an_area_without_data_has_no_range() -> None:
    area = Area.of(np.full((20, 20), np.nan, np.float32))
    assert area.samples == 0
    with pytest.raises(DemError, match="nodata"):
        _ = area.low_m


def test_constant_terrain_has_no_scale() -> None:
    area = Area.of(np.full((20, 20), 7.0, np.float32))
    assert (area.offset_m, area.scale_m) == (7.0, 0.0)
    assert (area.normalized(area.heights) == 0).all()


def test_networks_have_the_published_numbers_of_parameters() -> None:
    counts = {name: sizes.parameters for name, sizes in PUBLISHED.items()}
    assert counts == {
        "pluto": 9_493_827,
        "pluto_6": 9_481_539,
        "tokyo": 158_289_603,
        "pluto_1k": 548_163,
        "shape": 17_039_553,
    }
    # the paper's 168.0 million are those of other sizes than it states
    square = replace(PUBLISHED["tokyo"], rows=32, columns=32)
    assert square.parameters == 167_993_667
    assert PRESETS["small"].sizes.parameters == 1_337_537


def test_auto_grows_with_the_area() -> None:
    assert preset_for("auto", 256 * 256).sizes == PRESETS["tiny"].sizes
    assert preset_for("auto", 500_000).sizes == PRESETS["compact"].sizes
    assert preset_for("auto", 2048 * 2048) == PRESETS["small"]
    assert preset_for("auto", 46_000_000).sizes == PRESETS["small"].sizes
    assert preset_for("auto", 10**9).sizes == PRESETS["pluto"].sizes


def test_the_rate_is_constant_and_falls_at_the_end() -> None:
    small = PRESETS["small"]
    shares = [rate_share(share, small) for share in (0.0, 0.8, 0.9, 1.0, 1.1)]
    np.testing.assert_allclose(shares, [1, 1, 0.51, 0.02, 0.02])


def test_gaps_have_heights_of_the_levels_above() -> None:
    heights = np.full((600, 900), np.nan, np.float32)
    heights[:300, 700:] = 40
    heights[590:, :10] = 10
    area = Area.of(heights)
    assert area.has_gaps
    assert area.filled_level > area.levels
    meters, inside = area.filled(
        np.array([695.0, 12.0, 5.0, 899.0, 901.0]), np.array([100.0, 595.0, 3.0, 599.0, 3.0])
    )
    assert inside.tolist() == [True] * 4 + [False]
    np.testing.assert_allclose(meters[:2], [40, 10], atol=1e-4)
    assert (meters[:4] >= 10 - 1e-4).all()
    assert (meters[:4] <= 40 + 1e-4).all()
    assert not Area.of(np.zeros((9, 9))).has_gaps


@POSIX
def test_a_disk_without_room_is_a_sentence(tmp_path: Path) -> None:
    import resource

    _, most = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, most))
    try:
        with pytest.raises(NtileError, match=r"heights cannot be written .* make room"):
            Area.create(tmp_path / "heights", 300, 300)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []
