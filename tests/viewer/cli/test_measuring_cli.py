"""Profiles and measurements from the command line: tables, figures, sentences."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest
from click.testing import CliRunner

from tests.support import analytic
from viewer.__main__ import main
from viewer.measuring import profiles
from viewer.pictures import profile_figure
from viewer.pictures.lettering import TextPainter
from viewer.pictures.profile_figure import Frame

LINE = "5100,7500 5220,7590"


@pytest.fixture(scope="module")
def formulas(tmp_path_factory):
    out = tmp_path_factory.mktemp("cli") / "formulas.ntile"
    return analytic.write(out, [analytic.plane, analytic.paraboloid])


@pytest.fixture
def run(formulas):
    return lambda *options: CliRunner().invoke(
        main, [str(formulas), "--headless", *map(str, options)]
    )


def test_a_profile_as_table_figure_and_json(run, tmp_path):
    printed = run("--profile", LINE)
    assert printed.exit_code == 0
    rows = list(csv.DictReader(printed.stdout.splitlines()))
    assert len(rows) == 76  # 150 m in steps of 2 m
    assert float(rows[-1]["A_m"]) == pytest.approx(analytic.plane(5220.0, 7590.0), abs=2e-4)
    written = run("--profile", "5100, 7500; 5220, 7590", "--out", tmp_path / "profile.csv")
    assert (written.exit_code, written.stdout) == (0, "")
    assert (tmp_path / "profile.csv").read_text() == printed.stdout
    run("--profile", LINE, "--out", tmp_path / "profile.json")
    found = json.loads((tmp_path / "profile.json").read_text())
    assert found["length_m"] == pytest.approx(150.0)
    assert found["residuals"]["B_minus_reference"]["max_error_m"] > 1
    assert len(found["columns"]["A_minus_B_m"]) == 76
    assert (
        run("--profile", LINE, "--out", tmp_path / "profile.png", "--size", "640x400").exit_code
        == 0
    )
    assert (tmp_path / "profile.png").read_bytes()[16:24] == (640).to_bytes(4, "big") + (
        400
    ).to_bytes(4, "big")


def test_a_measurement_as_json_and_table(run, tmp_path):
    found = json.loads(run("--measure", "distance", LINE).stdout)
    assert found["surfaces"]["A"]["gradient_percent"] == pytest.approx(48.0, abs=1e-3)
    assert found["common"]["bearing_deg"] == pytest.approx(math.degrees(math.atan2(4, 3)))
    assert (
        run(
            "--measure", "area", "5100,7500 5200,7500 5200,7600", "--out", tmp_path / "area.csv"
        ).exit_code
        == 0
    )
    rows = list(csv.DictReader((tmp_path / "area.csv").read_text().splitlines()))
    values = {(row["surface"], row["quantity"]): row["value"] for row in rows}
    assert float(values["", "planimetric_m2"]) == 5000.0
    assert float(values["A", "surface_m2"]) == pytest.approx(5000 * math.sqrt(1.25), rel=1e-5)
    point = json.loads(run("--measure", "point", "5100,7500").stdout)
    assert point["common"]["longitude_deg"] is None  # a local grid
    assert point["common"]["tile"] == [1, 0, 0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--profile", "1,2 3"), "'3' is no point"),
        (("--profile", "1,2 nan,4"), "'nan,4' is no point"),
        (("--profile", " "), "there is no point"),
        (("--profile", "1,2 3,4"), "All points lie outside the area"),
        (("--profile", "5100,7500"), "2 different points"),
        (("--measure", "area", LINE), "3 different points"),
        (("--profile", LINE, "--out", "p.tif"), ".csv, .png, .json"),
        (("--measure", "point", LINE, "--out", "p.png"), ".csv, .json"),
        (("--profile", LINE, "--measure", "point", LINE), "not both"),
        (("--screenshot", "x.png", "--out", "p.csv"), "--out is for the numbers"),
    ],
)
def test_what_cannot_be_meant_is_said_in_a_sentence(run, options, words):
    result = run(*options)
    assert result.exit_code == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_an_absent_folder_is_said_before_work_begins(run, tmp_path):
    result = run("--profile", LINE, "--out", tmp_path / "missing" / "p.csv")
    assert (result.exit_code, "its folder does not exist" in result.stderr) == (3, True)


def test_curves_are_where_their_values_are():
    frame = Frame(10, 20, 210, 120, (0.0, 100.0), (0.0, 50.0))
    x = np.linspace(0, 100, 400)
    y = np.where((x > 40) & (x < 60), np.nan, 10 + 0.3 * x)
    cover = profile_figure.curve(frame, x, y, 1.5)
    assert cover.shape == (101, 201)
    rows = np.arange(101)[:, None]
    drawn = cover.sum(axis=0) > 0
    middle = (cover * rows).sum(axis=0)[drawn] / cover.sum(axis=0)[drawn]
    at = np.arange(201)[drawn] / 2
    np.testing.assert_allclose(middle, 100 - 2 * (10 + 0.3 * at), atol=0.6)
    assert not cover[:, 82:119].any()  # the gap
    thickness = cover.sum(axis=0)[10:70]
    np.testing.assert_allclose(thickness, 3.0, atol=0.8)


def test_a_figure_shows_every_curve_in_its_color():
    distance = np.linspace(0, 300, 301)
    heights = {"reference": 100 + distance / 10, "A": 101 + distance / 10, "B": 99 + distance / 12}
    places = np.array([[0.0, 0.0], [300.0, 0.0]])
    made = profiles.Profile(places, distance, distance, 0 * distance, heights, 1.0, 1.0)
    picture = profile_figure.draw(made, "title", {"A": "one", "B": "other"}, (900, 600))
    assert picture.shape == (600, 900, 3)
    for name in ("reference", "A", "B", "A − B"):
        assert (picture == profile_figure.COLORS[name]).all(axis=-1).sum() > 150, name
    TextPainter(12).close()  # the fonts were given back in order
    empty = profiles.Profile(
        places, distance, distance, distance, {"A": np.full(301, np.nan)}, 1.0, 1.0
    )
    assert profile_figure.draw(empty, "", {}, (400, 300)).shape == (300, 400, 3)
