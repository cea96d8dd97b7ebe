"""Every measured quantity, on surfaces whose truth is a formula and on a real file against the
decode itself."""

from __future__ import annotations

import csv
import io
import json
import math
from itertools import pairwise

import numpy as np
import pytest

from assets import sample_files
from neural.container.reader import open_reader
from neural.errors import UsageError
from neural.surface.tile_surface import SurfaceDecoder
from tests.support import analytic, hills
from viewer import measuring
from viewer.measuring import geometry, profiles, quantities
from viewer.measuring.lonlat import lonlat
from viewer.measuring.tables import to_csv

A = (5100.0, 7500.0)
B = (5220.0, 7590.0)  # 150 m apart: 120 east, 90 north
SLOTS = {"methods": ("reference", "reference")}


@pytest.fixture(scope="module")
def formulas(tmp_path_factory):
    """Layers: plane (also the reference and slots A and B), paraboloid, sine."""
    out = tmp_path_factory.mktemp("measuring") / "formulas.ntile"
    return analytic.write(out, [analytic.plane, analytic.paraboloid, analytic.sine], holed=True)


@pytest.fixture(scope="module")
def surfaces(formulas):
    """The three as slots of their own names."""
    from neural.surface.sampling import SurfaceSampler
    from viewer.measuring.terrain import Terrain
    from viewer.tiles.reference import LayerReference

    with open_reader(formulas) as reader:
        plane, bowl, ridges = (SurfaceSampler.of(reader, layer) for layer in reader.layers)
        yield {
            "plane": Terrain(reader.grid, {"A": plane}),
            "bowl": Terrain(reader.grid, {"A": bowl}),
            "ridges": Terrain(reader.grid, {"A": ridges}),
            "all": Terrain(
                reader.grid, {"A": bowl, "B": ridges}, LayerReference(reader, reader.layers[0])
            ),
        }


def test_bearings_and_lengths():
    points = np.array([[0.0, 0.0], [0.0, 10.0], [10.0, 10.0], [10.0, 0.0], [0.0, 0.0]])
    assert [geometry.bearing_deg(a, b) for a, b in pairwise(points)] == [0.0, 90.0, 180.0, 270.0]
    assert geometry.bearing_deg(points[0], [3.0, -3.0]) == pytest.approx(135.0)
    assert geometry.bearing_deg(points[0], [-1e-3, 1.0]) == pytest.approx(359.9427, abs=1e-4)
    assert math.isnan(geometry.bearing_deg(points[0], points[4]))
    assert geometry.perimeter_m(points[:4]) == 40.0
    assert geometry.area_m2(points[:4]) == geometry.area_m2(points[:4][::-1]) == 100.0


def test_places_along_a_line_are_even_and_hold_its_corners():
    corners = np.array([[0.0, 0.0], [30.0, 40.0], [30.0, 41.0]])
    line = geometry.along(corners, 3.0, 1000)
    assert line.distance_m[0] == 0
    assert line.distance_m[-1] == pytest.approx(51.0)
    assert (np.diff(line.distance_m) > 0).all()
    assert np.diff(line.distance_m).max() <= line.spacing_m * (1 + 1e-12) <= 3.0
    assert len(line.distance_m) == 17 + 1 + 1  # ⌈50 / 3⌉ pieces, ⌈1 / 3⌉, and the end
    places = np.stack([line.easting, line.northing], axis=1).tolist()
    assert all(corner in places for corner in corners.tolist())
    np.testing.assert_allclose(
        np.hypot(np.diff(line.easting), np.diff(line.northing)), np.diff(line.distance_m)
    )
    assert len(geometry.along(corners, 1e-3, 100).distance_m) <= 102
    assert geometry.nearest(line, 31.0, 40.0) == 17
    assert geometry.as_points([[0, 0], [0, 0], [1, 0], [0, 0]]).tolist() == [[0, 0], [1, 0], [0, 0]]


def test_polygons_cover_cells_exactly():
    rng = np.random.default_rng(8)
    for _ in range(20):
        angle = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 12)))
        radius = rng.uniform(0.5, 4.9, len(angle))
        points = np.stack([6 + radius * np.cos(angle), 5 + radius * np.sin(angle)], axis=1)
        covered = geometry.coverage(points, 12, 10)
        # a star seen from its middle
        if np.diff(np.append(angle, angle[0] + 2 * np.pi)).max() < np.pi:
            assert covered.sum() == pytest.approx(geometry.area_m2(points), abs=1e-9)
    square = np.array([[1.25, 1.5], [3.5, 1.5], [3.5, 4.0], [1.25, 4.0]])
    expected = np.outer([0, 0.5, 1, 1, 0], [0, 0.75, 1, 0.5, 0])
    np.testing.assert_allclose(geometry.coverage(square, 5, 5), expected, atol=1e-12)
    triangle = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
    np.testing.assert_allclose(geometry.coverage(triangle, 2, 2), [[1, 0.5], [0.5, 0]], atol=1e-12)
    assert not geometry.crosses_itself(triangle)
    assert geometry.crosses_itself(np.array([[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0]]))


def test_a_line_on_a_plane(surfaces):
    found = quantities.measure(surfaces["plane"], "distance", [A, B])
    rise = 0.3 * 120 + 0.4 * 90  # 72 m on 150 m
    got = found.surfaces["A"]
    assert found.common["horizontal_m"] == pytest.approx(150.0)
    assert found.common["bearing_deg"] == pytest.approx(math.degrees(math.atan2(120, 90)))
    assert got["height_difference_m"] == pytest.approx(rise, abs=4e-4)
    assert got["gradient_percent"] == pytest.approx(48.0, abs=3e-4)
    assert got["straight_m"] == pytest.approx(math.hypot(150, rise), abs=3e-4)
    # Errors of a tenth of a millimeter between samples 1 m apart lengthen the line by their squares
    # only.
    assert got["surface_m"] == pytest.approx(math.hypot(150, rise), abs=1e-3)
    assert (got["climb_m"], got["descent_m"]) == (pytest.approx(rise, abs=1e-3), 0.0)
    assert got["known_share"] == pytest.approx(1.0)
    back = quantities.measure(surfaces["plane"], "distance", [B, A])
    assert back.common["bearing_deg"] == pytest.approx(found.common["bearing_deg"] + 180)
    assert back.surfaces["A"]["gradient_percent"] == pytest.approx(-48.0, abs=3e-4)


def test_lines_over_curves_have_their_arcs_length(surfaces):
    # Across the ridges, whole periods: ∫ √(1 + (dz/dx)²) by quadrature a thousand times finer.
    x = np.linspace(0, 400, 400_001)
    slope = 10 * 2 * np.pi / 200 * np.cos(2 * np.pi * x / 200)
    exact = float(np.trapezoid(np.hypot(1, slope), x))
    got = quantities.measure(
        surfaces["ridges"], "distance", [(5100.0, 7450.0), (5500.0, 7450.0)]
    ).surfaces["A"]
    assert got["surface_m"] == pytest.approx(exact, abs=0.01)
    assert got["straight_m"] == pytest.approx(400.0, abs=1e-3)
    assert (got["climb_m"], got["descent_m"]) == (
        pytest.approx(40.0, abs=0.02),
        pytest.approx(40.0, abs=0.02),
    )
    # Along the bowl's axis: z = x² / 4000 from 0 to 200 m has a closed form.
    k = 2 * 200 / 4000
    exact = 1000 * (k * math.sqrt(1 + k * k) + math.asinh(k))
    got = quantities.measure(
        surfaces["bowl"], "distance", [(5300.0, 7650.0), (5100.0, 7650.0)]
    ).surfaces["A"]
    assert got["surface_m"] == pytest.approx(exact, abs=2e-3)
    assert got["height_difference_m"] == pytest.approx(10.0, abs=1e-3)


def test_polygons_on_a_plane_have_the_area_of_its_cosine(surfaces):
    for corners in (
        [(5010.3, 7410.7), (5290.1, 7433.9), (5350.0, 7555.5), (5121.7, 7580.2)],
        [(5200.0, 7420.0), (5201.1, 7420.2), (5200.4, 7421.3)],  # within a cell or two
        # not convex, over a tile border
        [(5500.0, 7450.0), (5520.0, 7600.0), (5530.0, 7460.0), (5700.0, 7440.0)],
    ):
        found = quantities.measure(surfaces["plane"], "area", corners)
        plan = found.common["planimetric_m2"]
        assert plan == pytest.approx(geometry.area_m2(np.array(corners)))
        got = found.surfaces["A"]
        assert got["surface_m2"] == pytest.approx(plan * math.sqrt(1.25), rel=1e-5)
        assert got["known_share"] == pytest.approx(1.0)
        assert found.note == ""
    assert got["lowest_m"] < got["mean_m"] < got["highest_m"]


def test_areas_and_means_of_curves(surfaces):
    corners = [(5200.0, 7500.0), (5400.0, 7500.0), (5400.0, 7600.0), (5200.0, 7600.0)]
    x, y = np.meshgrid(
        np.linspace(5200, 5400, 2001)[:-1] + 0.05, np.linspace(7500, 7600, 1001)[:-1] + 0.05
    )
    east = (x - 5300) / 2000
    north = (y - 7650) / 1000
    got = quantities.measure(surfaces["bowl"], "area", corners).surfaces["A"]
    assert got["surface_m2"] == pytest.approx(
        20_000 * np.sqrt(1 + east**2 + north**2).mean(), rel=2e-5
    )
    assert got["mean_m"] == pytest.approx(analytic.paraboloid(x, y).mean(), abs=1e-3)
    slope = 10 * 2 * np.pi / 200 * np.cos(2 * np.pi * (x - 5000) / 200)
    got = quantities.measure(surfaces["ridges"], "area", corners).surfaces["A"]
    assert got["surface_m2"] == pytest.approx(20_000 * np.hypot(1, slope).mean(), rel=5e-5)
    assert (got["lowest_m"], got["highest_m"]) == (
        pytest.approx(40, abs=0.01),
        pytest.approx(60, abs=0.01),
    )


def test_points_have_slope_aspect_and_curvature(surfaces):
    got = quantities.measure(surfaces["plane"], "point", [A]).surfaces["A"]
    assert got["height_m"] == pytest.approx(analytic.plane(*A), abs=2e-4)
    assert got["slope_deg"] == pytest.approx(math.degrees(math.atan(0.5)), abs=0.03)
    # faces downhill
    assert got["aspect_deg"] == pytest.approx(180 + math.degrees(math.atan2(0.3, 0.4)), abs=0.1)
    # East of the bowl's middle: descent runs west, where it is 2/4000 bent; across it 4/4000. Both
    # are hollow.
    got = quantities.measure(surfaces["bowl"], "point", [(5500.0, 7650.0)]).surfaces["A"]
    assert got["aspect_deg"] == pytest.approx(270.0, abs=0.5)
    assert got["profile_curvature_per_m"] == pytest.approx(-(1 / 2000) / 1.01**1.5, abs=1.5e-4)
    assert got["plan_curvature_per_m"] == pytest.approx(-(1 / 1000) / 1.01**0.5, abs=1.5e-4)


def test_where_nothing_is_known_it_is_said(surfaces):
    e, n, radius = analytic.HOLE
    through = quantities.measure(surfaces["plane"], "distance", [(e - 100, n), (e + 100, n)])
    assert math.isnan(through.surfaces["A"]["surface_m"])
    assert through.surfaces["A"]["known_share"] == pytest.approx(1 - 2 * radius / 200, abs=0.02)
    assert through.surfaces["A"]["height_difference_m"] == pytest.approx(60.0, abs=1e-3)
    assert "no data" in through.note
    around = [(e - 100, n - 100), (e + 100, n - 100), (e + 100, n + 100), (e - 100, n + 100)]
    holed = quantities.measure(surfaces["plane"], "area", around)
    assert holed.surfaces["A"]["known_share"] == pytest.approx(
        1 - math.pi * radius**2 / 40_000, abs=2e-3
    )
    assert "no data" in holed.note
    inside = quantities.measure(surfaces["plane"], "point", [(e, n)])
    assert math.isnan(inside.surfaces["A"]["height_m"])
    assert (
        json.loads(json.dumps(inside.to_json(), allow_nan=False))["surfaces"]["A"]["height_m"]
        is None
    )
    crossed = quantities.measure(
        surfaces["plane"], "area", [(5100, 7500), (5200, 7600), (5200, 7500), (5100, 7600)]
    )
    assert math.isnan(crossed.common["planimetric_m2"])
    assert "crosses itself" in crossed.note
    with pytest.raises(ValueError, match="area takes 3"):
        quantities.measure(surfaces["plane"], "area", [A, B, B])


SQUARE = [(5100.0, 7500.0), (5220.0, 7500.0), (5220.0, 7650.0), (5100.0, 7650.0)]


@pytest.mark.parametrize(
    "corners",
    [
        [*SQUARE, SQUARE[0]],
        [SQUARE[0], *SQUARE[::-1]],
        [*SQUARE, SQUARE[0], SQUARE[0]],
        [SQUARE[0], SQUARE[0], SQUARE[1], SQUARE[1], *SQUARE[2:]],
        [*SQUARE[2:], *SQUARE[:3]],
        [*SQUARE[:2], (5220.0, 7600.0), *SQUARE[2:], SQUARE[0]],  # a corner on a straight side
    ],
)
def test_closed_rings_and_points_given_twice_have_the_area_of_the_ring(surfaces, corners):
    plain = quantities.measure(surfaces["plane"], "area", SQUARE)
    closed = quantities.measure(surfaces["plane"], "area", corners)
    assert closed.common["planimetric_m2"] == pytest.approx(18_000)
    assert closed.common["perimeter_m"] == pytest.approx(540)
    assert closed.surfaces["A"] == pytest.approx(plain.surfaces["A"])
    assert (closed.note, closed.points[0] == closed.points[-1]) == ("", False)


@pytest.mark.parametrize(
    "corners",
    [
        [(5100.0, 7500.0), (5150.0, 7550.0), (5200.0, 7600.0)],
        [(5100.1, 7500.1), (5100.3, 7500.7), (5100.2, 7500.4), (5100.1, 7500.1)],
        [(5100.0, 7500.0), (5300.0, 7500.0), (5200.0, 7500.0), (5250.0, 7500.0)],
    ],
)
def test_points_on_one_line_enclose_nothing_and_say_so(surfaces, corners):
    flat = quantities.measure(surfaces["plane"], "area", corners)
    assert flat.common["planimetric_m2"] == 0
    assert flat.note == "The points lie on one line, so the area is 0."
    rows = list(csv.DictReader(io.StringIO(to_csv([flat]))))
    assert rows[0]["value"] == "0.0"
    assert (rows[-1]["quantity"], rows[-1]["value"]) == ("note", flat.note)
    almost = [*corners[:2], (corners[1][0] + 0.01, corners[1][1] - 0.02)]
    assert quantities.measure(surfaces["plane"], "area", almost).note != flat.note


def test_a_closed_ring_that_crosses_itself_still_says_so(surfaces):
    bow = [SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3], SQUARE[0]]
    crossed = quantities.measure(surfaces["plane"], "area", bow)
    assert math.isnan(crossed.common["planimetric_m2"])
    assert "crosses itself" in crossed.note


def test_profiles_hold_every_surface_and_their_differences(surfaces):
    corners = [A, (5400.0, 7550.0), (5700.0, 7450.0)]
    found = profiles.profile(surfaces["all"], corners)
    assert list(found.heights_m) == ["reference", "A", "B"]
    e = found.easting
    n = found.northing
    np.testing.assert_allclose(found.heights_m["reference"], analytic.plane(e, n), atol=2e-4)
    # At a tile's border the surface goes on straight for half a cell: a millimeter of the bowl is
    # lost there.
    np.testing.assert_allclose(found.heights_m["A"], analytic.paraboloid(e, n), atol=2e-3)
    np.testing.assert_allclose(found.heights_m["B"], analytic.sine(e, n), atol=3e-3)
    assert list(found.residuals_m) == ["A − reference", "B − reference", "A − B"]
    residual = analytic.paraboloid(e, n) - analytic.plane(e, n)
    got = found.statistics()["A − reference"]
    assert got["rmse_m"] == pytest.approx(np.sqrt((residual**2).mean()), abs=1e-3)
    assert got["max_error_m"] == pytest.approx(np.abs(residual).max(), abs=1e-3)
    assert got["bias_m"] == pytest.approx(residual.mean(), abs=1e-3)
    assert found.finest
    assert found.spacing_m <= analytic.CELL_M
    stages = list(profiles.growing(surfaces["all"], corners))
    assert len(stages) == 3  # one per tile crossed
    assert 0 < stages[0].done < stages[1].done < stages[2].done == 1
    assert np.isnan(stages[0].heights_m["A"][-1])
    assert len(profiles.profile(surfaces["all"], corners, at_most=50).distance_m) <= 52


def test_profiles_as_tables(formulas):
    bounds = analytic.GRID.bounds
    found = measuring.profile(formulas, [(bounds.west - 20, 7500.0), (5100.0, 7500.0)])
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert list(rows[0]) == [
        *("distance_m", "easting_m", "northing_m", "reference_m", "A_m", "B_m"),
        *("A_minus_reference_m", "B_minus_reference_m", "A_minus_B_m"),
    ]
    assert len(rows) == len(found.distance_m) == 61
    assert (rows[0]["A_m"], rows[0]["A_minus_reference_m"]) == ("", "")  # outside
    last = {name: float(value) for name, value in rows[-1].items()}
    assert last["A_m"] == pytest.approx(analytic.plane(5100.0, 7500.0), abs=2e-4)
    assert last["B_m"] == pytest.approx(analytic.paraboloid(5100.0, 7500.0), abs=1e-3)
    assert last["A_minus_B_m"] == pytest.approx(last["A_m"] - last["B_m"], abs=1e-4)
    assert found.to_json()["residuals"]["A_minus_reference"]["max_error_m"] == 0.0


def test_wrong_points_are_said_in_a_sentence(formulas):
    for points, words in (
        ([(1.0, 2.0), (3.0, 4.0)], "outside the area; its eastings are 5000 to 5800"),
        ([(1.0, 2.0, 3.0)], "pairs of easting and northing"),
        ([], "pairs of easting and northing"),
        ([(float("nan"), 2.0)], "pairs of easting and northing"),
        ([A], "2 different points"),
    ):
        with pytest.raises(UsageError, match=words):
            measuring.profile(formulas, points)
    with pytest.raises(UsageError, match="point, distance, area"):
        measuring.measure(formulas, "volume", [A])


def test_a_real_file_against_its_own_decode(tmp_path):
    """Samples at cell centers are what `decode` writes; the profile's statistics are theirs."""
    path = sample_files()[0]
    with open_reader(path) as reader:
        grid = reader.grid
        row = grid.height // 2
        columns = np.arange(200, 320)  # across a tile border
        heights = {}
        for name, layer in (("A", reader.layers[1]), ("reference", reader.layers[-1])):
            meters, valid = SurfaceDecoder(reader, layer).read(
                row, int(columns[0]), 1, len(columns)
            )
            heights[name] = np.where(valid, meters, np.nan)[0]
    easting = grid.transform[2] + grid.cell_x_m * (columns[[0, -1]] + 0.5)
    northing = grid.transform[5] - grid.cell_y_m * (row + 0.5)
    found = measuring.profile(
        path, [(easting[0], northing), (easting[1], northing)], methods=("huvr_siren", "huvr")
    )
    assert len(found.distance_m) == len(columns)
    np.testing.assert_allclose(found.heights_m["reference"], heights["reference"], atol=1e-5)
    np.testing.assert_allclose(found.heights_m["A"], heights["A"], atol=2e-3)
    error = heights["A"] - heights["reference"]
    assert found.statistics()["A − reference"]["rmse_m"] == pytest.approx(
        np.sqrt((error**2).mean()), abs=1e-3
    )


def test_a_raster_as_reference(tmp_path, formulas):
    """Bilinear between the raster's cells: exact for a plane, blocks of it read one by one."""
    import rasterio
    from rasterio.transform import Affine

    rows, columns = np.mgrid[0:900, 0:900] + 0.5
    heights = analytic.plane(4990 + columns, 8010 - rows) + 5.0
    heights[600:620, 300:320] = -9999.0
    raster = tmp_path / "truth.tif"
    size = {"width": 900, "height": 900, "count": 1, "dtype": "float64", "nodata": -9999.0}
    with rasterio.open(
        raster, "w", driver="GTiff", transform=Affine(1, 0, 4990, 0, -1, 8010), **size
    ) as file:
        file.write(heights, 1)
    places = np.random.default_rng(6).uniform((5005, 7405), (5795, 7995), (300, 2))
    found = measuring.sample(formulas, places, reference=raster)
    known = np.isfinite(found["reference"])
    hole = (np.abs(places[:, 0] - 5300) < 10) & (np.abs(places[:, 1] - 7400) < 10)
    assert known[~hole].mean() > 0.99
    np.testing.assert_allclose(
        found["reference"][known], analytic.plane(*places[known].T) + 5, atol=2e-3
    )
    area = measuring.measure(formulas, "area", [A, B, (5100.0, 7600.0)], reference=raster)
    plan = area.common["planimetric_m2"]
    assert area.surfaces["reference"]["surface_m2"] == pytest.approx(
        plan * math.sqrt(1.25), rel=1e-4
    )


def test_longitude_and_latitude():
    from rasterio.crs import CRS
    from rasterio.warp import transform

    for wkt, places in (
        (CRS.from_epsg(32611).to_wkt(), [(250_000.0, 3_900_000.0), (500_000.0, 0.0)]),
        (hills.WKT, [(600_000.0, 5_200_000.0)]),
        # Bern, the origin: 7.43863° E, 46.95108° N
        (CRS.from_epsg(2056).to_wkt(), [(2_600_000.0, 1_200_000.0)]),
    ):
        easting, northing = np.array(places).T
        longitude, latitude = lonlat(wkt, easting, northing)
        expected = transform(
            CRS.from_wkt(wkt), CRS.from_epsg(4326), easting.tolist(), northing.tolist()
        )
        np.testing.assert_allclose([longitude, latitude], expected, atol=1e-9)
    assert (longitude[0], latitude[0]) == (
        pytest.approx(7.43863, abs=2e-4),
        pytest.approx(46.95108, abs=2e-4),
    )
    assert np.isnan(lonlat("", 1.0, 2.0)).all()
    on_equator = lonlat(CRS.from_epsg(32611).to_wkt(), 500_000.0, 0.0)
    assert (float(on_equator[0]), float(on_equator[1])) == (
        pytest.approx(-117.0),
        pytest.approx(0.0, abs=1e-9),
    )


def test_what_is_measured_is_kept_in_projects(tmp_path):
    """Settings as plain values and back; what is no measurement is left out."""
    from dataclasses import asdict

    from viewer.model.settings import Measurement, Settings
    from viewer.storage import plain, project

    settings = Settings()
    settings.measuring.items = [
        Measurement("distance", [[1.0, 2.0], [3.0, 4.5]]),
        Measurement("point", [[5.0, 6.0]]),
    ]
    settings.measuring.profile = [[1.0, 2.0], [7.0, 8.0]]
    values = json.loads(json.dumps(asdict(settings)))
    back = Settings()
    assert plain.restore(back, values, project.rules()) == []
    assert back.measuring == settings.measuring
    values["measuring"] |= {"tool": "hammer", "profile": [["a", 2]]}
    back = Settings()
    assert plain.restore(back, values, project.rules()) == ["measuring.profile", "measuring.tool"]
    assert (back.measuring.tool, back.measuring.profile) == ("none", [])
