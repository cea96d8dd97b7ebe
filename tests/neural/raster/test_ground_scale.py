"""CRSs whose meters are no meters on the ground: slopes, lengths, areas and pictures are those of
the ground.

What is right follows from the ellipsoid's radii of curvature and the projections' own formulas.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neural.container.reader import open_reader
from neural.encode import EncodeOptions, encode
from neural.errors import UsageError
from neural.evaluate import evaluate
from neural.grid import Grid
from neural.raster.dem import open_dem
from neural.raster.distortion import ground_scale, lattice, place
from neural.raster.reading import ReadOptions
from neural.surface.tile_surface import SurfaceDecoder
from tests.support import areas
from tests.support.rasters import north_up, write
from tests.support.scene_tools import SIZE, image, whole_area
from viewer import measuring
from viewer.model.camera import Camera
from viewer.pictures import decorations, offscreen

RADIUS_M = 6378137.0
SQUARED = 0.0066943799901413165  # WGS 84: equatorial radius, first eccentricity squared
RASTER = EncodeOptions(methods=(), reference_m=0.005)


def radii(latitude: float) -> tuple[float, float]:
    """Radii of curvature along the meridian and across it."""
    across = RADIUS_M / math.sqrt(1 - SQUARED * math.sin(math.radians(latitude)) ** 2)
    return across * (1 - SQUARED) / (1 - SQUARED * math.sin(math.radians(latitude)) ** 2), across


def corner(crs: str, longitude: float, latitude: float) -> tuple[float, float]:
    from rasterio.warp import transform

    (x,), (y,) = transform("EPSG:4326", crs, [longitude], [latitude])
    return x, y


@pytest.mark.parametrize("latitude", [0.0, 35.0, -60.0, 75.0])
def test_scales_of_projections_with_known_formulas(latitude: float) -> None:
    from rasterio.crs import CRS

    along, across = radii(latitude)
    parallel_m = across * math.cos(math.radians(latitude))
    mercator = parallel_m / RADIUS_M
    scales = {
        "EPSG:3395": (mercator, mercator),
        "EPSG:3857": (mercator, along * math.cos(math.radians(latitude)) / RADIUS_M),
        "EPSG:32632": (1 / 0.9996, 1 / 0.9996),  # on its central meridian
    }
    for code, expected in scales.items():
        x, y = corner(code, 9.0, latitude)
        columns, rows = lattice(10, 10)
        found = ground_scale(
            CRS.from_string(code), *place(north_up(x, y), columns.ravel(), rows.ravel())
        )
        assert found is not None
        assert (found.low, found.high) == pytest.approx((min(expected), max(expected)), rel=1e-5), (
            code
        )


def plane_45(crs: str, transform: tuple[float, ...], rows: int, columns: int) -> np.ndarray:
    """Heights that rise eastward by as much as the ground is long, at the raster's middle
    parallel."""
    from rasterio.warp import transform as reproject

    x = transform[2] + transform[0] * (np.arange(columns) + 0.5)
    y = np.full(columns, transform[5] + transform[4] * rows / 2)
    longitude, latitude = (np.array(a) for a in reproject(crs, "EPSG:4326", x, y))
    parallel_m = radii(latitude[0])[1] * math.cos(math.radians(latitude[0]))
    east_m = np.radians(longitude - longitude[0]) * parallel_m
    return np.tile(100 + east_m, (rows, 1)).astype(np.float32)


@pytest.mark.parametrize(
    ("crs", "latitude", "kept"),
    [
        ("EPSG:3857", 60.0, True),
        ("EPSG:3395", -60.0, True),
        ("EPSG:3979", 62.0, True),
        ("EPSG:6933", 60.0, False),
    ],
)
def test_a_plane_of_45_degrees_measures_so(
    tmp_path: Path, crs: str, latitude: float, kept: bool
) -> None:
    from rasterio.warp import transform as reproject

    transform = north_up(*corner(crs, -95.0, latitude), 4.0)
    dem = write(
        tmp_path / "a.tif", plane_45(crs, transform, 256, 256), crs=crs, transform=transform
    )
    modes = {"default": ReadOptions(), "elsewhere": ReadOptions(crs="EPSG:32615")}
    if kept:
        modes["asked"] = ReadOptions(crs=crs)
    else:
        with pytest.raises(UsageError, match="leave --crs away"):
            open_dem(dem, ReadOptions(crs=crs))
    for name, reading in modes.items():
        out = tmp_path / f"{name}.ntile"
        encode(dem, out, replace(RASTER, reading=reading))
        with open_reader(out) as reader:
            grid = reader.grid
        same = grid.transform == transform
        assert same == (kept and name != "elsewhere")
        assert any("on the ground" in note for note in grid.assumptions) == (name != "elsewhere")
        ends = [(transform[2] + 4 * column, transform[5] - 4 * 128) for column in (28, 228)]
        x, y = reproject(crs, grid.crs_wkt, *zip(*ends, strict=True))
        points = list(zip(x, y, strict=True))
        point = measuring.measure(out, "point", points[:1])
        assert point.surfaces["A"]["slope_deg"] == pytest.approx(45.0, abs=0.15), name
        line = measuring.measure(out, "distance", points)
        rise = line.surfaces["A"]["height_difference_m"]
        # as the plane was made
        assert line.common["horizontal_m"] == pytest.approx(rise, rel=3e-3), name
        assert line.surfaces["A"]["straight_m"] == pytest.approx(math.sqrt(2) * rise, rel=3e-3)
        profile = measuring.profile(out, points)
        assert profile.distance_m[-1] == pytest.approx(rise, rel=3e-3)
        assert np.diff(profile.distance_m).max() <= profile.cell_m * (1 + 1e-9)


def test_areas_and_their_surfaces(tmp_path: Path) -> None:
    transform = north_up(*corner("EPSG:3395", 10.0, 60.0), 4.0)
    dem = write(
        tmp_path / "a.tif",
        plane_45("EPSG:3395", transform, 256, 256),
        crs="EPSG:3395",
        transform=transform,
    )
    out = tmp_path / "a.ntile"
    encode(dem, out, RASTER)
    west = transform[2]
    north = transform[5]
    square = [(west + a, north - b) for a, b in ((200, 200), (800, 200), (800, 800), (200, 800))]
    latitude = 60 - math.degrees(500 / RADIUS_M / 2)
    side_m = 600 * radii(latitude)[1] * math.cos(math.radians(latitude)) / RADIUS_M
    for reference in (None, dem):
        found = measuring.measure(out, "area", square, reference=reference)
        assert found.common["planimetric_m2"] == pytest.approx(side_m**2, rel=2e-3)
        assert found.common["perimeter_m"] == pytest.approx(4 * side_m, rel=1e-3)
        for name in ("A", "reference"):
            assert found.surfaces[name]["surface_m2"] == pytest.approx(
                math.sqrt(2) * side_m**2, rel=5e-3
            )
            assert found.surfaces[name]["known_share"] == pytest.approx(1.0)


@pytest.mark.parametrize("methods", [(), ("lapped_siren",)])
def test_errors_of_slopes_are_those_on_the_ground(tmp_path: Path, methods: tuple[str, ...]) -> None:
    """The decoder finds the encoder's cells again, and both sides of a comparison have the same
    slopes."""
    transform = north_up(*corner("EPSG:3857", 10.0, 60.0), 4.0)
    samples = plane_45("EPSG:3857", transform, 300, 300)
    samples += 5 * np.sin(np.arange(300) / 9).astype(np.float32)[:, None]
    dem = write(tmp_path / "a.tif", samples, crs="EPSG:3857", transform=transform)
    out = tmp_path / "a.ntile"
    encode(
        dem,
        out,
        EncodeOptions(
            methods=methods, reference_m=None if methods else 0.005, step_m=0.1 if methods else None
        ),
    )
    with (
        open_reader(out) as reader,
        open_dem(dem, ReadOptions(crs=reader.grid.crs_wkt), reader.grid) as reference,
    ):
        assert reader.grid.ground_scale == pytest.approx(0.5009, abs=5e-4)
        assert reader.grid.cell_x_m == pytest.approx(4 * 0.5009, abs=2e-3)
        found = evaluate(reader, reader.layers[0], reference)
        decoder = SurfaceDecoder(reader, reader.layers[0])
        surface = decoder.open_tile(
            next(tile for tile in reader.tiles(reader.layers[0]) if tile.z == 1)
        )
    assert found["samples"] == 300 * 300
    assert float(found["rmse_m"]) < 0.1
    assert float(found["gradient_rmse"]) < 0.1  # 0.5 where one side counted CRS meters
    assert surface is not None
    assert surface.side_m == pytest.approx((256 * 4 * 0.5009,) * 2, rel=1e-3)


def test_pictures_are_those_of_the_same_ground_in_true_meters(
    tmp_path: Path, scene, target
) -> None:
    """The same ground with CRS meters of half a meter: everything drawn and measured in it comes
    out the same."""
    half = Grid("", (4.0, 0.0, 0.0, 0.0, -4.0, 0.0), 512, 512, ground_scale=0.5)
    true = Grid("", (2.0, 0.0, 0.0, 0.0, -2.0, 0.0), 512, 512)
    seen = {}
    for grid in (half, true):
        scene.open(
            areas.write(
                tmp_path / f"{grid.cell:g}.ntile", grid, lambda x, y: areas.ridges(2 * x, 2 * y)
            )
        )
        camera = whole_area(scene, heading_deg=30.0, pitch_deg=-25.0)
        settings = scene.settings
        settings.view.sse_px = 4.0
        parts = []
        for overlay, exaggeration in (("none", 1.0), ("slope", 2.0), ("profile_curvature", 1.0)):
            settings.overlay.name = overlay
            settings.view.exaggeration = exaggeration
            settings.shading.shadows = settings.contours.enabled = overlay == "none"
            offscreen.load(scene, camera, SIZE)
            parts.append(image(scene, target, camera))
            parts.append(
                np.array([[tile.z, tile.x, tile.y] for tile in sorted(scene.pane.selection.draw)])
            )
        picked = scene.pick(camera, 160, 120)
        numbers = [picked.z_m, picked.slope_deg, decorations.meters_per_px(scene, camera, SIZE)]
        seen[grid.ground_scale] = parts, numbers
    for one, other in zip(seen[0.5][0], seen[1.0][0], strict=True):
        assert one.shape == other.shape
        assert (np.abs(one - other).reshape(len(one), -1) > 6).mean() < 0.01
    assert seen[0.5][1] == pytest.approx(seen[1.0][1], rel=1e-3)


def test_true_aspect_of_a_drawn_plane(tmp_path: Path, scene) -> None:
    """Rays that meet a plane of 45° on the ground meet it in drawn space at 45°, exaggeration times
    as steep."""
    grid = Grid("", (4.0, 0.0, 0.0, 0.0, -4.0, 0.0), 256, 256, ground_scale=0.5)
    scene.open(areas.write(tmp_path / "a.ntile", grid, lambda east, south: 100 + east))
    for exaggeration in (1.0, 3.0):
        scene.settings.view.exaggeration = exaggeration
        camera = whole_area(scene)
        offscreen.load(scene, camera, SIZE)
        one, other = (scene.pick(camera, x, 100) for x in (140, 180))
        rise = scene.drawn_z(other.z_m) - scene.drawn_z(one.z_m)
        assert rise / (other.easting - one.easting) == pytest.approx(exaggeration, rel=1e-3)
        assert one.slope_deg == pytest.approx(45.0, abs=0.1)


def test_grids_without_a_scale_are_as_before() -> None:
    plain = Grid("", north_up(0, 0, 2.0), 10, 10)  # type: ignore[arg-type]
    assert "ground_scale" not in plain.to_json()
    assert Grid.from_json(plain.to_json()) == plain
    scaled = replace(plain, ground_scale=0.5)
    assert Grid.from_json(json.loads(json.dumps(scaled.to_json()))) == scaled
    assert (scaled.cell_x_m, scaled.cell_y_m, scaled.cell) == (1.0, 1.0, 2.0)
    for wrong in (0.0, -1.0, math.nan, math.inf, "x"):
        with pytest.raises(ValueError, match=r"scale|could not convert"):
            Grid.from_json(plain.to_json() | {"ground_scale": wrong})


def test_wide_geographic_areas_get_a_projection_true_to_half_a_percent(tmp_path: Path) -> None:
    """12° × 9° at 45° N: UTM would be off by up to 1 % at its sides."""
    samples = np.zeros((90, 120), np.float32)
    path = write(tmp_path / "a.tif", samples, crs="EPSG:4326", transform=north_up(-10, 50, 0.1))
    with open_dem(path) as dem:
        grid = dem.grid
    assert not any("on the ground" in note for note in grid.assumptions)
    from rasterio.warp import transform

    for longitude, latitude in ((-10, 50), (-4, 45.5), (2, 41), (2, 50), (-10, 41)):
        x, y = transform(
            "EPSG:4326", grid.crs_wkt, [longitude - 0.01, longitude + 0.01], [latitude] * 2
        )
        on_ground = math.radians(0.02) * radii(latitude)[1] * math.cos(math.radians(latitude))
        assert math.hypot(x[1] - x[0], y[1] - y[0]) == pytest.approx(on_ground, rel=0.0051)


def test_decoded_raster_keeps_the_cells_and_resolution_is_in_crs_meters(tmp_path: Path) -> None:
    import rasterio

    from neural.decode import decode, plan

    transform = north_up(*corner("EPSG:3857", 10.0, 60.0), 4.0)
    dem = write(
        tmp_path / "a.tif",
        plane_45("EPSG:3857", transform, 64, 64),
        crs="EPSG:3857",
        transform=transform,
    )
    encode(dem, tmp_path / "a.ntile", RASTER)
    with open_reader(tmp_path / "a.ntile") as reader:
        for resolution, cells in ((None, 64), (8.0, 32)):
            decoder = SurfaceDecoder(reader, reader.layers[0])
            decode(decoder, tmp_path / "b.tif", plan(reader.grid, None, resolution))
            with rasterio.open(tmp_path / "b.tif") as file:
                assert file.crs.to_epsg() == 3857
                assert (file.width, file.height) == (cells, cells)
                assert file.transform[0] == pytest.approx(256 / cells)


def test_camera_distances_choose_levels_on_the_ground() -> None:
    from viewer.model.readings import BoundingBox
    from viewer.tiles.lod import Frustum

    view = Frustum.of(Camera(0.0, 0.0, 200.0), SIZE, 2.0, 0.0, 0.5)
    assert view.distance_m(BoundingBox(600, 0, 700, 10, 0, 100)) == pytest.approx(300.0)
    assert view.distance_m(BoundingBox(-5, -5, 5, 5, 0, 40)) == pytest.approx(60.0)
