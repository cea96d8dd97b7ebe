"""CRS options: what a raster's coordinates are, the CRS it is read in, and where that must be
refused."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neural.errors import UsageError
from neural.raster.dem import open_dem
from neural.raster.reading import ReadOptions
from tests.support.rasters import hills, north_up, write

SRC_UTM = ReadOptions(src_crs="EPSG:32611")


def placed(crs: str, longitude: float, latitude: float, cell: float = 4.0) -> tuple[float, ...]:
    """Transform of a raster whose north-western corner has these WGS 84 degrees."""
    from rasterio.warp import transform

    (x,), (y,) = transform("EPSG:4326", crs, [longitude], [latitude])
    return north_up(x, y, cell)


def test_src_crs_wins_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", hills(20, 30), crs="EPSG:32633")
    with open_dem(path, SRC_UTM) as dem:
        assert "UTM zone 11N" in dem.grid.crs_wkt
        assert dem.grid.transform == north_up(500_000, 4_000_000)
        assert any(
            "taken as EPSG:32611, as given, not as EPSG:32633" in note
            for note in dem.grid.assumptions
        )


def test_src_crs_and_crs_together(tmp_path: Path) -> None:
    """The coordinates are degrees of the given CRS: each cell lies where GDAL's own warp puts
    it."""
    from rasterio.crs import CRS
    from rasterio.warp import transform

    rows = np.mgrid[0:40, 0:50][0].astype(np.float64)
    west = -120.0
    north = 40.0
    cell = 1 / 3600
    latitude = (north - (rows + 0.5) * cell) * 1000
    for crs in (None, "EPSG:4267"):
        path = write(
            tmp_path / "a.tif",
            latitude.astype(np.float32),
            crs=crs,
            transform=north_up(west, north, cell),
        )
        with open_dem(path, ReadOptions(src_crs="EPSG:4269", crs="EPSG:26910")) as dem:
            grid = dem.grid
            assert CRS.from_wkt(grid.crs_wkt) == CRS.from_epsg(26910)
            heights, valid = dem.read(0, 0, grid.height, grid.width)
        a, _, c, _, e, f = grid.transform
        row, column = (index[len(index) // 2] for index in np.nonzero(valid))
        x = c + (column + 0.5) * a
        y = f + (row + 0.5) * e
        _, (at,) = transform("EPSG:26910", "EPSG:4269", [x], [y])
        assert heights[row, column] == pytest.approx(at * 1000, abs=0.01)


def test_crs_still_names_that_of_a_file_without_one(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", hills(20, 30), crs=None)
    with open_dem(path, ReadOptions(crs="EPSG:32611")) as dem:
        assert dem.grid.transform == north_up(500_000, 4_000_000)
    with open_dem(path, SRC_UTM) as dem:
        assert dem.grid.transform == north_up(500_000, 4_000_000)
    with pytest.raises(UsageError, match=r"--src-crs 'nonsense' is no coordinate"):
        open_dem(path, ReadOptions(src_crs="nonsense"))
    with pytest.raises(UsageError, match="leave --src-crs away"):
        open_dem(path, ReadOptions(crs="local", src_crs="EPSG:32611"))
    with pytest.raises(UsageError, match="--crs local"):
        open_dem(path, ReadOptions(src_crs="local"))


@pytest.mark.parametrize(
    "options", [ReadOptions(), ReadOptions(crs="EPSG:32611"), ReadOptions(crs="local"), SRC_UTM]
)
@pytest.mark.parametrize("crs", [None, "EPSG:4326"])
def test_rasters_placed_by_points_or_a_model_are_sent_to_gdalwarp(
    tmp_path: Path, crs: str | None, options: ReadOptions
) -> None:
    from rasterio.control import GroundControlPoint
    from rasterio.rpc import RPC

    points = [
        GroundControlPoint(r, c, -117 + c / 1e3, 36 - r / 1e3) for r in (0, 20) for c in (0, 30)
    ]
    path = write(tmp_path / "gcps.tif", hills(20, 30), crs="EPSG:4326", transform=None, gcps=points)
    with pytest.raises(UsageError, match="ground control points; rectify it with gdalwarp"):
        open_dem(path, options)
    model: dict[str, Any] = {
        f"{name}_{end}": 1.0
        for name in ("height", "lat", "line", "long", "samp")
        for end in ("off", "scale")
    }
    parts = {
        f"{axis}_{part}_coeff": [1.0] + [0.0] * 19
        for axis in ("line", "samp")
        for part in ("num", "den")
    }
    path = write(
        tmp_path / "rpc.tif", hills(20, 30), crs=crs, transform=None, rpcs=RPC(**model, **parts)
    )
    with pytest.raises(UsageError, match=r"\(RPC\); rectify it with gdalwarp"):
        open_dem(path, options)


def test_geolocation_array(tmp_path: Path) -> None:
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    path = write(tmp_path / "a.tif", hills(20, 30), crs=None, transform=None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        file = rasterio.open(path, "r+")
    with file:
        file.update_tags(
            ns="GEOLOCATION", X_DATASET="x.tif", Y_DATASET="y.tif", X_BAND="1", Y_BAND="1"
        )
    with pytest.raises(UsageError, match="geolocation array; rectify"):
        open_dem(path)


@pytest.mark.parametrize(
    ("crs", "transform", "target", "words"),
    [
        # the middle on the antimeridian
        ("EPSG:4326", north_up(179.99, 10.01, 1e-3), "EPSG:3857", "cut of EPSG:3857"),
        ("EPSG:32660", placed("EPSG:32660", 179.999, 45.0), "EPSG:3857", "cut of EPSG:3857"),
        # 180° from its meridian
        ("EPSG:4326", north_up(62.99, 0.01, 1e-3), "EPSG:32611", "on the ground|cut of"),
        # a lobe ends
        (
            "EPSG:4326",
            north_up(-40.01, 10.0, 1e-3),
            "+proj=igh +datum=WGS84",
            "cut of|on the ground",
        ),
        # the antipode
        ("EPSG:4326", north_up(179.99, 10.0, 1e-3), "+proj=laea +lat_0=-10", "cannot be brought"),
        ("EPSG:4326", north_up(10, 50, 0.1), "EPSG:3857", "leave --crs away"),  # scale varies
        ("EPSG:4326", north_up(10, 60, 1e-3), "EPSG:6933", "leave --crs away"),  # equal area
        # Mars
        (
            "EPSG:32633",
            north_up(500_000, 5_500_000),
            "ESRI:103885",
            "cannot be brought|on the ground",
        ),
    ],
)
def test_targets_that_tear_or_stretch_an_area_are_refused(
    tmp_path: Path, crs: str, transform: tuple[float, ...], target: str, words: str
) -> None:
    path = write(tmp_path / "a.tif", hills(20, 20), crs=crs, transform=transform)
    with pytest.raises(UsageError, match=words) as error:
        open_dem(path, ReadOptions(crs=target))
    assert str(error.value).startswith(f"{path}: ")
    with open_dem(path) as dem:  # and without --crs, it is read
        assert 0.5 < dem.grid.width * dem.grid.height / 400 < 4


def test_southern_zone_of_the_same_place_is_no_fault(tmp_path: Path) -> None:
    """UTM's southern false northing on northern ground is the same projection: cells are kept in
    size."""
    path = write(tmp_path / "a.tif", hills(20, 30), crs="EPSG:32611")
    with open_dem(path, ReadOptions(crs="EPSG:32711")) as dem:
        assert dem.grid.cell_x_m == pytest.approx(1.0, abs=1e-5)
        assert dem.grid.bounds.north == pytest.approx(14_000_000, abs=2)


def test_world_in_a_projection_is_refused_with_a_way_out(tmp_path: Path) -> None:
    world = 20037508.34
    transform = (2 * world / 60, 0, -world, 0, -2 * world / 40, world)
    path = write(tmp_path / "a.tif", hills(40, 60), crs="EPSG:3857", transform=transform)
    with pytest.raises(UsageError, match=r"too much .* cut it into parts, or .* --crs local"):
        open_dem(path)
    with pytest.raises(UsageError, match="leave --crs away"):
        open_dem(path, ReadOptions(crs="EPSG:3857"))
    with open_dem(path, ReadOptions(crs="local")) as dem:
        assert dem.grid.width == 60


def test_cells_of_a_modest_grid_do_not_become_billions(tmp_path: Path) -> None:
    """A file's far-off geotransform would stretch the target grid without end."""
    path = write(
        tmp_path / "a.tif",
        hills(2, 20_000),
        crs="EPSG:32611",
        transform=(1, 1e-3, 5e5, 1, -1e-3, 4e6),
    )
    with pytest.raises(
        UsageError, match=r"its 20000 × 2 cells would become .*; check its CRS and geotransform"
    ):
        open_dem(path)


@pytest.mark.parametrize(
    ("code", "transform"),
    [("EPSG:2053", (-1, 0, -80000, 0, 1, 3000000)), ("EPSG:5513", (1, 0, 1100000, 0, -1, 600000))],
)
def test_axes_that_point_west_or_south_are_turned(
    tmp_path: Path, code: str, transform: tuple[float, ...]
) -> None:
    """Heights that grow with the true easting, as PROJ places the samples, rise eastward on the
    grid that is read."""
    from rasterio.warp import transform as reproject

    j, i = np.meshgrid(np.arange(120) + 0.5, np.arange(100) + 0.5)
    x = transform[0] * j + transform[2]
    y = transform[4] * i + transform[5]
    longitude, _ = reproject(code, "EPSG:4326", x.ravel(), y.ravel())
    heights = 100 + 1e5 * (np.reshape(longitude, x.shape) - np.mean(longitude))
    path = write(tmp_path / "a.tif", heights.astype(np.float32), crs=code, transform=transform)
    with open_dem(path) as dem:
        meters, valid = dem.read(0, 0, dem.grid.height, dem.grid.width)
        middle = meters[dem.grid.height // 2][valid[dem.grid.height // 2]]
        assert len(middle) > 50
        assert (np.diff(middle) > 0).all()
        assert any("do not point east and north" in said for said in dem.grid.assumptions)
    with pytest.raises(UsageError, match="axes"):
        open_dem(
            write(tmp_path / "b.tif", heights.astype(np.float32), crs="EPSG:32633"),
            ReadOptions(crs=code),
        )
