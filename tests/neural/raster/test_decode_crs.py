"""Metadata of a decoded raster, as GDAL reads it: CRS with its vertical part, unit, missing
samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from neural.cli import group
from neural.decode import plan
from neural.errors import UsageError
from neural.grid import Grid
from neural.raster.dem import open_dem
from neural.raster.reading import ReadOptions
from tests.support.rasters import hills, north_up, write

ENCODE = ("--method", "reference", "--reference", "0.05")


def ntile(*args: object) -> str:
    done = CliRunner().invoke(group, [str(arg) for arg in args])
    assert done.exit_code == 0, done.output
    return done.output


def back(dem: Path, *options: str, decode: tuple[str, ...] = ()) -> Path:
    """Encode and decode a raster; the decoded one stands alone in its folder, without GDAL's side
    files."""
    out = dem.with_suffix(".ntile")
    out.unlink(missing_ok=True)
    ntile("encode", dem, out, *ENCODE, *options)
    folder = dem.parent / "back"
    folder.mkdir(exist_ok=True)
    ntile("decode", out, folder / "a.tif", *decode)
    assert [path.name for path in folder.iterdir()] == ["a.tif"]
    return folder / "a.tif"


def vertical(crs: Any) -> str:
    """Name of the vertical CRS in GDAL's own WKT 1, and the factor of its unit."""
    _, _, text = crs.to_wkt(version="WKT1_GDAL").partition("VERT_CS[")
    unit = text.partition("UNIT[")[2].split(",")
    return f"{text.split(',')[0].strip(chr(34))} {float(unit[1].rstrip(']')):g}" if text else "none"


@pytest.mark.parametrize(
    ("crs", "transform", "name"),
    [
        ("EPSG:7415", north_up(155_000, 463_000), "NAP height"),
        ("EPSG:7405", north_up(400_000, 300_000), "ODN height"),
        ("EPSG:5972", north_up(500_000, 6_500_000), "NN2000 height"),
        ("EPSG:32611+5703", north_up(500_000, 4_000_000), "NAVD88 height"),
        ("EPSG:2056+5728", north_up(2_600_000, 1_200_000), "LN02 height"),
        ("EPSG:32611", north_up(500_000, 4_000_000), "unknown"),
    ],
)
def test_a_crs_comes_back_equal(
    tmp_path: Path, crs: str, transform: tuple[float, ...], name: str
) -> None:
    import rasterio

    dem = write(tmp_path / "a.tif", hills(40, 50), crs=crs, transform=transform)
    with rasterio.open(dem) as source, rasterio.open(back(dem)) as decoded:
        assert decoded.crs == source.crs
        assert decoded.crs.to_epsg() == source.crs.to_epsg()
        assert vertical(decoded.crs) == vertical(source.crs)
        assert decoded.units == ("m",)
        assert decoded.transform == source.transform
    assert f"vertical datum: {name}\n" in ntile("info", dem.with_suffix(".ntile"))


@pytest.mark.parametrize(
    ("crs", "transform", "factor"),
    [
        ("EPSG:32611+6360", north_up(500_000, 4_000_000), 1200 / 3937),  # NAVD88, US survey feet
        ("EPSG:2229+6360", north_up(6_500_000, 1_900_000, 3.0), 1200 / 3937),
        ("EPSG:6558+8228", north_up(7_600_000, 600_000, 3.0), 0.3048),
    ],
)
def test_feet_become_meters_above_the_same_datum(
    tmp_path: Path, crs: str, transform: tuple[float, ...], factor: float
) -> None:
    import rasterio

    samples = hills(40, 50)
    dem = write(tmp_path / "a.tif", samples, crs=crs, transform=transform)
    with rasterio.open(back(dem)) as decoded:
        assert decoded.crs.is_projected
        assert vertical(decoded.crs) == "NAVD88 height 1"
        assert decoded.units == ("m",)
        heights = decoded.read(1, masked=True)
    assert float(heights.mean()) == pytest.approx(factor * float(samples.mean()), abs=0.1)
    assert "vertical datum: NAVD88 height\n" in ntile("info", dem.with_suffix(".ntile"))


def test_a_reprojected_raster_keeps_its_vertical_datum(tmp_path: Path) -> None:
    import rasterio

    transform = north_up(4.99, 52.01, 1e-5)
    dem = write(tmp_path / "a.tif", hills(60, 70), crs="EPSG:4326+5709", transform=transform)
    with rasterio.open(back(dem)) as decoded:
        assert vertical(decoded.crs) == "NAP height 1"
        assert "Normaal Amsterdams Peil" in decoded.crs.to_wkt()
        assert "UTM zone 31N" in decoded.crs.to_wkt()
    with rasterio.open(back(dem, "--crs", "EPSG:28992")) as decoded:
        assert decoded.crs.to_epsg() == 7415


@pytest.mark.parametrize("crs", ["EPSG:4979", "EPSG:4937"])
def test_heights_above_the_ellipsoid(tmp_path: Path, crs: str) -> None:
    """Also of the decoded raster when it is encoded again."""
    dem = write(tmp_path / "a.tif", hills(40, 50), crs=crs, transform=north_up(9.0, 47.0, 1e-4))
    decoded = back(dem)
    assert "vertical datum: ellipsoidal\n" in ntile("info", dem.with_suffix(".ntile"))
    with open_dem(dem) as first, open_dem(decoded) as again:
        assert again.grid.vertical_datum == first.grid.vertical_datum == "ellipsoidal"
        assert again.grid.transform == first.grid.transform
    assert "ellipsoidal" in ntile("info", "--json", dem.with_suffix(".ntile"))


def test_vertical_datums_are_never_mixed(tmp_path: Path) -> None:
    transform = north_up(155_000, 463_000)
    dem = write(tmp_path / "a.tif", hills(20, 30), crs="EPSG:7415", transform=transform)
    with pytest.raises(
        UsageError, match=r"heights are NAP height, those of --crs .* NAVD88 height"
    ):
        open_dem(dem, ReadOptions(crs="EPSG:32631+5703"))
    # the same plane: cells are kept, and the datum
    with open_dem(dem, ReadOptions(crs="EPSG:28992")) as same:
        assert same.grid.transform == transform
        assert same.grid.vertical_datum == "NAP height"
    plain = write(tmp_path / "b.tif", hills(20, 30), crs="EPSG:28992", transform=transform)
    with open_dem(plain, ReadOptions(crs="EPSG:7415")) as named:
        assert named.grid.transform == transform
        assert named.grid.vertical_datum == "NAP height"
        assert any("NAP height is taken, as given" in note for note in named.grid.assumptions)
    feet = ReadOptions(crs="EPSG:28992+6360")
    # the file's unit is not that of --crs, which says what it shall have
    with open_dem(plain, feet) as named:
        np.testing.assert_array_equal(named.read(0, 0, 20, 30)[0], hills(20, 30))
        assert named.grid.vertical_datum == "NAVD88 height"


def test_files_above_other_datums_have_the_same_coordinates() -> None:
    from rasterio.crs import CRS

    from neural.raster.crs import same_crs

    def text(code: str) -> str:
        return str(CRS.from_string(code).to_wkt(version="WKT2_2019"))

    assert same_crs(text("EPSG:7415"), text("EPSG:28992"))
    assert same_crs(text("EPSG:32611+5703"), text("EPSG:32611+5773"))
    assert not same_crs(text("EPSG:32611+5703"), text("EPSG:32610+5703"))


@pytest.mark.parametrize("low", [-11_000.0, -10_010.0, -9999.0, -9000.0, -1000.0, 0.0])
def test_no_height_is_taken_for_missing(tmp_path: Path, low: float) -> None:
    """Heights of every kind around −9999 m come back, and what was missing is missing, in overviews
    as well."""
    import rasterio

    side = 640
    samples = (
        np.round(low + np.linspace(0, 1200, side * side)).reshape(side, side).astype(np.float32)
    )
    missing = np.zeros((side, side), bool)
    missing[:100, :120] = missing[300::7, 300::5] = True
    stored = np.where(missing, np.float32(-32768), samples)
    decoded = back(write(tmp_path / "a.tif", stored, nodata=-32768))
    with rasterio.open(decoded) as file:
        heights = file.read(1, masked=True)
        levels = len(file.overviews(1))
        assert (file.nodata == -9999) == (low >= -1000)
    np.testing.assert_array_equal(np.ma.getmaskarray(heights), missing)
    assert np.abs(heights.filled(0) - samples)[~missing].max() <= 0.051
    assert levels
    for level in range(levels):
        with rasterio.open(decoded, overview_level=level) as file:
            small = file.read(1, masked=True)
        known = small.compressed()
        assert known.min() >= low - 0.1
        assert known.max() <= low + 1200.1
        assert np.ma.getmaskarray(small)[: 80 >> (level + 1), : 100 >> (level + 1)].all()


def test_sizes_follow_the_cells_whose_centers_lie_in_the_area() -> None:
    grid = Grid("", (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), 650, 700)
    for resolution_m in (0.7, 2.0, 3.0, 4.0, 8.0, 100.0, 900.0):
        target = plan(grid, None, resolution_m)
        for count, extent in ((target.width, 650), (target.height, 700)):
            assert (count - 0.5) * resolution_m < extent
            assert (count + 0.5) * resolution_m >= extent - 1e-6
    for resolution_m, reason in (
        (1400.1, "too coarse"),
        (1e9, "too coarse"),
        (1e-8, "no side may have more"),
    ):
        with pytest.raises(UsageError, match=reason):
            plan(grid, None, resolution_m)
