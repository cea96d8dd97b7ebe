"""Reading elevation rasters: cells kept, CRS and unit rules, missing samples."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from neural.errors import UsageError
from neural.grid import Grid
from neural.raster.dem import Dem, open_dem
from neural.raster.reading import ReadOptions
from neural.tiles import Tile
from tests.support.rasters import UTM, hills, north_up, write


def whole(dem: Dem) -> tuple[np.ndarray, np.ndarray]:
    return dem.read(0, 0, dem.grid.height, dem.grid.width)


def centers(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Easting [cols] and northing [rows] of the cell centers."""
    a, _, c, _, e, f = grid.transform
    return c + a * (np.arange(grid.width) + 0.5), f + e * (np.arange(grid.height) + 0.5)


def to_lon_lat(
    crs: str, x: np.ndarray, y: np.ndarray, geographic: str
) -> tuple[np.ndarray, np.ndarray]:
    from rasterio.warp import transform

    xs, ys = (a.ravel() for a in np.meshgrid(x, y))
    lon, lat = transform(crs, geographic, xs, ys)
    return np.reshape(lon, (len(y), len(x))), np.reshape(lat, (len(y), len(x)))


def test_metric_raster_keeps_its_cells(tmp_path: Path) -> None:
    samples = hills(70, 90)
    transform = (2.0, 0.0, 400_000.5, 0.0, -3.0, 5_000_000.25)
    with open_dem(write(tmp_path / "a.tif", samples, transform=transform)) as dem:
        assert (dem.grid.transform, dem.grid.width, dem.grid.height) == (transform, 90, 70)
        assert (dem.grid.cell_x_m, dem.grid.cell_y_m) == (2, 3)
        heights, valid = whole(dem)
        assert heights.dtype == np.float32
        assert valid.all()
        np.testing.assert_array_equal(heights, samples)
        assert "vertical unit" in " ".join(dem.grid.assumptions)
        assert "32611" in dem.grid.crs_wkt


def test_windows_reach_beyond_the_raster(tmp_path: Path) -> None:
    samples = hills(30, 40)
    with open_dem(write(tmp_path / "a.tif", samples)) as dem:
        heights, valid = dem.read(-5, 35, 20, 10)
        np.testing.assert_array_equal(heights[5:, :5], samples[:15, 35:])
        assert valid[5:, :5].all()
        assert valid.sum() == 15 * 5
        assert not heights[~valid].any()
        assert not dem.read(100, 100, 3, 3)[1].any()


@pytest.mark.parametrize(
    ("driver", "name"),
    [
        ("AAIGrid", "a.asc"),
        ("EHdr", "a.bil"),
        ("VRT", "a.vrt"),
        ("HFA", "a.img"),
        ("COG", "a.tif"),
        ("BAG", "a.bag"),
    ],
)
def test_formats(tmp_path: Path, driver: str, name: str) -> None:
    import rasterio.shutil
    from rasterio.drivers import raster_driver_extensions

    if driver == "BAG" and driver not in raster_driver_extensions().values():
        pytest.skip("this GDAL has no BAG driver")
    samples = np.round(hills(41, 57), 2).astype(np.float32)
    source = write(tmp_path / "source.tif", samples, nodata=-9999)
    rasterio.shutil.copy(source, tmp_path / name, driver=driver)
    with open_dem(tmp_path / name) as dem:
        heights, valid = whole(dem)
        assert valid.all()
        np.testing.assert_allclose(heights, samples, atol=1e-4)
        assert dem.grid.transform == north_up(500_000, 4_000_000)


def test_hgt_is_projected(tmp_path: Path) -> None:
    samples = np.tile(np.arange(1201, dtype=np.int16), (1201, 1))
    samples[600:610, 600:610] = -32768  # the format's own mark
    cell = 1 / 1200
    transform = north_up(-120 - cell / 2, 41 + cell / 2, cell)
    write(tmp_path / "N40W120.hgt", samples, driver="SRTMHGT", crs="EPSG:4326", transform=transform)
    with open_dem(tmp_path / "N40W120.hgt") as dem:
        assert "UTM zone 11N" in dem.grid.crs_wkt
        heights, valid = dem.read(dem.grid.height // 2 - 50, dem.grid.width // 2 - 50, 100, 100)
        assert 50 < (~valid).sum() < 200
        assert abs(float(heights[valid].mean()) - 600) < 20


@pytest.mark.parametrize("flip", [(1, -1), (-1, 1), (-1, -1)])
def test_flipped_rasters_are_turned_exactly(tmp_path: Path, flip: tuple[int, int]) -> None:
    samples = hills(33, 47)
    flip_x, flip_y = flip
    path = write(tmp_path / "a.tif", samples, transform=(2 * flip_x, 0, 1000, 0, -2 * flip_y, 5000))
    with open_dem(path) as dem:
        heights, _ = whole(dem)
        np.testing.assert_array_equal(heights, samples[::flip_y, ::flip_x])
        west = 1000 if flip_x > 0 else 1000 - 94
        north = 5000 if flip_y > 0 else 5000 + 66
        assert dem.grid.transform == (2, 0, west, 0, -2, north)
        np.testing.assert_array_equal(dem.read(3, 5, 7, 11)[0], heights[3:10, 5:16])


@pytest.mark.parametrize("crs", [UTM, None])
def test_quarter_turn_keeps_samples(tmp_path: Path, crs: str | None) -> None:
    samples = hills(30, 50)
    # rows run east
    path = write(tmp_path / "a.tif", samples, crs=crs, transform=(0, 2, 1000, 2, 0, 5000))
    with open_dem(path, ReadOptions(crs=None if crs else "local")) as dem:
        heights, valid = whole(dem)
        assert dem.grid.transform == (2, 0, 1000, 0, -2, 5100)
        assert valid.all()
        np.testing.assert_allclose(heights, samples.T[::-1], atol=1e-3)
        assert bool(dem.grid.crs_wkt) == bool(crs)


def test_rotated_plane_stays_a_plane(tmp_path: Path) -> None:
    c = 2 * math.cos(0.5)
    s = 2 * math.sin(0.5)
    a = c
    b = s
    west = 1000.0
    d = s
    e = -c
    north = 5000.0
    y, x = np.mgrid[0:80, 0:120] + 0.5
    plane = 0.3 * (a * x + b * y + west) - 0.2 * (d * x + e * y + north)
    with open_dem(
        write(tmp_path / "a.tif", plane.astype(np.float32), transform=(a, b, west, d, e, north))
    ) as dem:
        heights, valid = whole(dem)
        east, north_of = centers(dem.grid)
        want = 0.3 * east[None, :] - 0.2 * north_of[:, None]
        inner = valid.copy()
        inner[1:-1, 1:-1] &= valid[:-2, 1:-1] & valid[2:, 1:-1] & valid[1:-1, :-2] & valid[1:-1, 2:]
        inner[[0, -1]] = inner[:, [0, -1]] = False
        assert np.abs(heights - want)[inner].max() < 2e-3
        assert abs(valid.sum() * dem.grid.cell_x_m**2 - 80 * 120 * 4) < 0.05 * 80 * 120 * 4


@pytest.mark.parametrize(
    ("geographic", "west", "north", "cell", "target"),
    [
        ("EPSG:4326", -120.0, 40.0, 1 / 3600, "UTM zone 11N"),
        ("EPSG:4269", -120.0, 40.0, 1 / 3600, "NAD83 / UTM zone 11N"),
        ("EPSG:4326", 10.0, -60.0, 1 / 3600, "UTM zone 32S"),
        ("EPSG:4326", 179.98, 10.0, 1 / 3600, "UTM zone"),
        ("EPSG:4326", 30.0, 87.0, 1 / 3600, "UPS North"),
        ("EPSG:4326", 30.0, -85.0, 1 / 3600, "UPS South"),
        (
            "+proj=longlat +a=3396190 +b=3396190 +no_defs",
            137.0,
            -4.0,
            1 / 3600,
            "local stereographic",
        ),
        ("+proj=longlat +R=1737400 +no_defs", 300.0, 20.0, 1 / 256, "local stereographic"),
    ],
)
def test_geographic_raster_lands_where_it_belongs(
    tmp_path: Path, geographic: str, west: float, north: float, cell: float, target: str
) -> None:
    rows = 90
    cols = 120
    lon = west + cell * (np.arange(cols) + 0.5)
    lat = north - cell * (np.arange(rows) + 0.5)
    middle = lon.mean(), lat.mean()

    def surface(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        around = (np.asarray(lon) - middle[0] + 180) % 360 - 180
        # meters per cell: 1 and 2
        return 500 + around / cell - 2 * (np.asarray(lat) - middle[1]) / cell

    samples = surface(*np.meshgrid(lon, lat)).astype(np.float32)
    path = write(tmp_path / "a.tif", samples, crs=geographic, transform=north_up(west, north, cell))
    with open_dem(path) as dem:
        assert target in dem.grid.crs_wkt
        assert dem.source["resampled"]
        heights, valid = whole(dem)
        east, north_of = centers(dem.grid)
        at_lon, at_lat = to_lon_lat(dem.grid.crs_wkt, east, north_of, geographic)
        column = cols / 2 + ((at_lon - middle[0] + 180) % 360 - 180) / cell
        row = (north - at_lat) / cell
        inner = (column > 0.51) & (column < cols - 0.51) & (row > 0.51) & (row < rows - 0.51)
        assert valid[inner].all()
        assert not valid[
            (column < -0.01) | (column > cols + 0.01) | (row < -0.01) | (row > rows + 0.01)
        ].any()
        assert 0.9 < valid.sum() / samples.size < 1.1  # cells of the source's area
        # a thousandth of a cell
        assert np.abs(heights - surface(at_lon, at_lat))[inner].max() < 2e-3


def test_warped_cells_do_not_depend_on_the_window(tmp_path: Path) -> None:
    samples = (hills(500, 700) * 10).astype(np.int16)
    path = write(
        tmp_path / "a.tif", samples, crs="EPSG:4326", transform=north_up(7.0, 46.0, 1 / 1200)
    )
    with open_dem(path) as dem:
        heights, valid = whole(dem)
        for row, col in ((0, 0), (100, 256), (311, 97), (256, 512)):
            part, ok = dem.read(row, col, 200, 200)
            here, there = (a[row : row + 200, col : col + 200] for a in (heights, valid))
            rows, cols = here.shape
            np.testing.assert_array_equal(ok[:rows, :cols], there)
            assert np.abs(part[:rows, :cols] - here).max() < 1e-3


def test_missing_crs(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", hills(20, 20), crs=None)
    with pytest.raises(UsageError, match=r"a\.tif: it names no CRS; say which with --crs"):
        open_dem(path)
    with open_dem(path, ReadOptions(crs="local")) as dem:
        assert dem.grid.crs_wkt == ""
        assert dem.grid.transform == north_up(500_000, 4_000_000)
    with open_dem(path, ReadOptions(crs="EPSG:25832")) as dem:
        assert "ETRS89 / UTM zone 32N" in dem.grid.crs_wkt
        assert any("EPSG:25832" in note for note in dem.grid.assumptions)
    with pytest.raises(UsageError, match="no coordinate reference system"):
        open_dem(path, ReadOptions(crs="EPSG:0815"))


def test_given_crs_is_the_target_of_a_file_that_has_one(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", hills(60, 60))
    with open_dem(path, ReadOptions(crs=UTM)) as dem:
        assert not dem.source["resampled"]
    with open_dem(path, ReadOptions(crs="EPSG:3310")) as dem:
        assert dem.source["resampled"]
        assert "California Albers" in dem.grid.crs_wkt
        assert abs(dem.grid.cell_x_m - 1) < 0.01
    for other in ("EPSG:4326", "EPSG:2226"):  # degrees, feet
        with pytest.raises(UsageError, match="is not a projected CRS in meters"):
            open_dem(path, ReadOptions(crs=other))
    with open_dem(path, ReadOptions(crs="local")) as dem:
        assert dem.grid.crs_wkt == ""
        assert any("set aside" in note for note in dem.grid.assumptions)


def test_engineering_crs_counts_as_none(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", hills(20, 20), crs='LOCAL_CS["site",UNIT["metre",1]]')
    with pytest.raises(UsageError, match="names no CRS"):
        open_dem(path)


def test_feet_need_a_unit(tmp_path: Path) -> None:
    transform = north_up(6_000_000, 2_000_000, 3.0)
    path = write(tmp_path / "a.tif", hills(200, 300), crs="EPSG:2226", transform=transform)
    with pytest.raises(
        UsageError, match="is in feet and it does not say what its heights are in; add --unit"
    ):
        open_dem(path)
    with pytest.raises(UsageError, match="it may be m, ft, us-ft"):
        open_dem(path, ReadOptions(unit="cubit"))
    with (
        open_dem(path, ReadOptions(unit="m")) as in_meters,
        open_dem(path, ReadOptions(unit="us-ft")) as in_feet,
    ):
        assert "NAD83 / UTM zone 10N" in in_feet.grid.crs_wkt
        assert abs(in_feet.grid.cell_x_m - 3 * 0.3048) < 0.001
        (meters, valid) = whole(in_meters)
        (feet, _) = whole(in_feet)
        np.testing.assert_allclose(feet[valid], meters[valid] * 1200 / 3937, rtol=1e-6)


def test_units_and_datum_of_the_file(tmp_path: Path) -> None:
    samples = hills(20, 30)
    with open_dem(write(tmp_path / "ft.tif", samples, band={"units": "ft"})) as dem:
        np.testing.assert_allclose(whole(dem)[0], samples * 0.3048, rtol=1e-6)
        assert dem.grid.assumptions == ()
    with open_dem(
        write(tmp_path / "nap.tif", samples, crs="EPSG:7415", transform=north_up(155_000, 463_000))
    ) as dem:
        assert dem.grid.vertical_datum == "NAP height"
        assert dem.grid.assumptions == ()
        assert "NAP height" in dem.grid.crs_wkt
    feet = north_up(1_000_000, 200_000, 3.0)
    with open_dem(
        write(tmp_path / "navd.tif", samples, crs="EPSG:2263+6360", transform=feet)
    ) as dem:
        assert dem.grid.vertical_datum == "NAVD88 height"  # heights are meters now
        assert "ftUS" not in dem.grid.crs_wkt
        heights, valid = whole(dem)
        assert abs(float(heights[valid].mean()) - 0.3048 * float(samples.mean())) < 0.1
    path = write(tmp_path / "fathom.tif", samples, band={"units": "fathom"})
    with pytest.raises(UsageError, match="'fathom'"):
        open_dem(path)
    with open_dem(path, ReadOptions(unit="m")) as dem:
        np.testing.assert_array_equal(whole(dem)[0], samples)


def test_scale_and_offset(tmp_path: Path) -> None:
    stored = (np.arange(600).reshape(20, 30) - 300).astype(np.int16)
    stored[3, 4] = -32768
    band = {"scales": 0.1, "offsets": 200.0, "units": "us-ft"}
    with open_dem(write(tmp_path / "a.tif", stored, nodata=-32768, band=band)) as dem:
        heights, valid = whole(dem)
        assert (~valid).sum() == 1
        assert heights[3, 4] == 0
        np.testing.assert_allclose(
            heights[valid], (stored[valid] * 0.1 + 200) * 1200 / 3937, rtol=1e-6
        )


def test_planets(tmp_path: Path) -> None:
    samples = hills(40, 50) - 4500
    with open_dem(
        write(tmp_path / "a.tif", samples, crs="ESRI:103885", transform=north_up(500_000, 4_000))
    ) as dem:
        np.testing.assert_array_equal(whole(dem)[0], samples)
        assert "Mars" in dem.grid.crs_wkt
    sphere = "+proj=longlat +a=3396190 +b=3396190 +no_defs"
    with open_dem(
        write(tmp_path / "b.tif", samples, crs=sphere, transform=north_up(137, -4, 0.001))
    ) as dem:
        assert "3396190" in dem.grid.crs_wkt
        assert abs(dem.grid.cell_x_m - math.radians(0.001) * 3396190) < 0.2


def test_wide_areas_get_a_stereographic_grid_and_the_world_none(tmp_path: Path) -> None:
    samples = hills(60, 90)
    path = write(tmp_path / "wide.tif", samples, crs="EPSG:4326", transform=north_up(-130, 60, 0.5))
    with open_dem(path) as dem:
        assert "stereographic" in dem.grid.crs_wkt
    path = write(
        tmp_path / "world.tif", samples, crs="EPSG:4326", transform=(4, 0, -180, 0, -3, 90)
    )
    with pytest.raises(UsageError, match=r"349° × 180°, .*; cut it into parts"):
        open_dem(path)


def test_missing_samples(tmp_path: Path) -> None:
    samples = hills(20, 30)
    samples[0, :4] = np.nan, np.inf, -np.inf, -9999
    with open_dem(write(tmp_path / "a.tif", samples, nodata=-9999)) as dem:
        heights, valid = whole(dem)
        assert (~valid).sum() == 4
        assert not heights[~valid].any()
    mask = np.full((20, 30), 255, np.uint8)
    mask[5:8] = 0
    with open_dem(write(tmp_path / "b.tif", hills(20, 30), mask=mask)) as dem:
        np.testing.assert_array_equal(whole(dem)[1], mask > 0)
    # Declared with fewer digits than stored, as old ESRI tools do.
    samples = hills(20, 30)
    samples[2, 2] = np.finfo(np.float32).min
    with open_dem(write(tmp_path / "c.tif", samples, nodata=-3.4e38)) as dem:
        assert (~whole(dem)[1]).sum() == 1


@pytest.mark.parametrize("mark", [-9999.0, np.nan])
def test_missing_samples_do_not_bleed_into_a_warp(tmp_path: Path, mark: float) -> None:
    samples = np.full((100, 100), 500, np.float32)
    samples[40:60, 40:60] = mark
    profile = {"crs": "EPSG:4326", "transform": north_up(8, 47, 0.001)}
    if not np.isnan(mark):
        profile["nodata"] = mark
    with open_dem(write(tmp_path / "a.tif", samples, **profile)) as dem:
        heights, valid = whole(dem)
        np.testing.assert_allclose(heights[valid], 500, atol=1e-3)
        assert not valid[dem.grid.height // 2 - 5 :, dem.grid.width // 2 - 5 :][:10, :10].any()


def test_one_cell(tmp_path: Path) -> None:
    with open_dem(write(tmp_path / "a.tif", [[np.float32(7)]])) as dem:
        heights, valid = whole(dem)
        assert (dem.grid.levels, heights.tolist(), valid.tolist()) == (1, [[7.0]], [[True]])
        assert dem.grid.tile_cells(Tile(0, 0, 0)) == (1, 1)
    path = write(
        tmp_path / "b.tif", [[np.float32(7)]], crs="EPSG:4326", transform=north_up(8, 47, 0.001)
    )
    with open_dem(path) as dem:
        heights, valid = whole(dem)
        assert valid.any()
        np.testing.assert_allclose(heights[valid], 7)


def test_picture_without_georeference(tmp_path: Path) -> None:
    samples = np.arange(600, dtype=np.uint16).reshape(20, 30)
    path = write(tmp_path / "a.png", samples, driver="PNG", crs=None, transform=None)
    with open_dem(path, ReadOptions(crs="local")) as dem:
        assert dem.grid.transform == (1, 0, 0, 0, -1, 0)
        np.testing.assert_array_equal(whole(dem)[0], samples)
        assert any("not georeferenced" in note for note in dem.grid.assumptions)
    with pytest.raises(UsageError, match="has no geotransform"):
        open_dem(path, ReadOptions(crs=UTM))


def test_source_facts_change_with_the_file(tmp_path: Path) -> None:
    samples = hills(50, 50)
    with open_dem(write(tmp_path / "a.tif", samples)) as dem:
        first = dem.source
    with open_dem(tmp_path / "a.tif") as dem:
        assert dem.source == first
    samples[25, 25] += 1
    with open_dem(write(tmp_path / "a.tif", samples)) as dem:
        assert dem.source["digest"] != first["digest"]
        assert dem.source["name"] == "a.tif"


def test_importing_is_light() -> None:
    code = (
        "import sys, neural.grid, neural.raster.dem, neural.encoding.pyramid; "
        "print(*{'rasterio', 'torch'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == ""
