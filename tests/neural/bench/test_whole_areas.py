"""Areas of the global benchmark: windows of a raster's own cells, and flattened ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neural.bench.whole import areas
from neural.bench.whole.areas import find_areas, place_of
from neural.errors import DemError, UsageError
from neural.raster.dem import open_dem
from tests.support.rasters import hills, write


def test_a_window_is_named_after_the_raster_and_an_existing_name_is_that_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.tif", hills(40, 50))
    write(tmp_path / "a.tif@1,2,3,4", hills(40, 50))
    window, file, whole = find_areas(["a.tif@10,20,16,12", "a.tif@1,2,3,4", "a.tif"])
    assert (window.name, window.path, window.window) == ("a@10,20,16,12", "a.tif", (10, 20, 16, 12))
    assert (file.path, file.window) == ("a.tif@1,2,3,4", None)
    assert (whole.name, whole.window) == ("a.tif", None)  # both would be "a"
    with pytest.raises(DemError, match="does not exist"):
        find_areas(["b.tif@0,0,8,8"])
    with pytest.raises(UsageError, match="named twice"):
        find_areas(["a.tif", "a.tif"])
    with pytest.raises(UsageError, match="nothing to fit"):
        find_areas([])


def test_a_window_of_degrees_keeps_its_cells_in_meters_of_its_middle(tmp_path: Path) -> None:
    heights = hills(60, 80)
    heights[30, 40] = -9999
    transform = (1 / 1200, 0.0, -120.0, 0.0, -1 / 1200, 37.0)
    path = write(tmp_path / "a.tif", heights, crs="EPSG:4326", transform=transform, nodata=-9999)
    (area,) = find_areas([f"{path}@20,10,32,48"])
    place = place_of(area, tmp_path)
    with open_dem(place.path, place.reading) as dem:
        decoded, valid = dem.read(0, 0, 48, 32)
        assert (dem.grid.width, dem.grid.height) == (32, 48)
        # a degree of latitude is 111 km, one of longitude at 37° 89 km
        assert dem.grid.cell_y_m == pytest.approx(111_000 / 1200, rel=0.01)
        assert dem.grid.cell_x_m == pytest.approx(89_000 / 1200, rel=0.01)
    assert not valid[20, 20]
    assert valid.sum() == valid.size - 1
    assert (decoded[valid] == heights[10:58, 20:52][valid]).all()


def test_heights_below_the_percentile_are_raised_to_it(tmp_path: Path) -> None:
    heights = hills(60, 80)
    path = write(tmp_path / "a.tif", heights)
    (area,) = find_areas([path], flat_below=50)
    assert area.name == "a flat below its 50th percentile"
    place = place_of(area, tmp_path)
    staged = areas.area_of(place, tmp_path / "a.heights")
    assert np.median(heights) == pytest.approx(staged.low_m)
    assert (staged.heights == np.maximum(heights, np.float32(np.median(heights)))).all()
    again = areas.area_of(place, tmp_path / "a.heights")
    assert (again.heights == staged.heights).all()


def test_a_window_beyond_the_raster_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", hills(60, 80))
    for window in ("60,0,32,32", "0,0,0,16"):
        (area,) = find_areas([f"{path}@{window}"])
        with pytest.raises(DemError, match="has 80 × 60 cells"):
            place_of(area, tmp_path)
