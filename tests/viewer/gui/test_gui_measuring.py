"""Measuring in the window: lines drawn with the mouse, their numbers, the profile and its cursor,
files written."""

from __future__ import annotations

import csv
import io
import threading
import time

import numpy as np
import pytest

from tests.support import hills
from tests.support.gui_driver import SIZE, changed, desktop, imgui
from viewer import measuring
from viewer.app import App
from viewer.gui import theme
from viewer.measuring.lines import Projector
from viewer.measuring.lonlat import lonlat
from viewer.measuring.profiles import Profile
from viewer.model.settings import Measurement
from viewer.session.launch import Launch

WIDE = (820, 620)
TALL = (820, 800)  # the profile's plots have room
PATIENCE_S = 60.0


def place(driver, east_share, north_share):
    """A place in the area, and where it is in the window."""
    app = driver.app
    session = app.session
    bounds = hills.GRID.bounds
    easting = bounds.west + east_share * (bounds.east - bounds.west)
    northing = bounds.south + north_share * (bounds.north - bounds.south)
    (x, y), *_ = session.pointer.pixels(np.array([[easting, northing]]))
    left, top, *_ = app.viewport.area
    return (easting, northing), (left + x / app.viewport.ratio, top + y / app.viewport.ratio)


def click(driver, east_share, north_share, button=0):
    """Click on a place; returns it."""
    at, pixel = place(driver, east_share, north_share)
    driver.ctx.mouse_move_to_pos(pixel)
    driver.ctx.yield_(2)
    driver.ctx.mouse_click(button)
    driver.ctx.yield_(3)
    return at


def measured(driver):
    driver.wait(lambda: not driver.app.session.measuring.busy)
    driver.ctx.yield_(2)


def test_lines_polygons_and_points_are_drawn_and_measured(drive, area):
    def steps(driver):
        app = driver.app
        session = app.session
        ctx = driver.ctx
        driver.settle()
        driver.press("t")
        driver.settle()
        camera = session.camera.eye
        state = session.settings.measuring
        driver.press("m")
        driver.settle()
        assert state.tool == "distance"
        window = driver.window()
        ends = click(driver, 0.2, 0.3), click(driver, 0.4, 0.6)
        assert len(session.measuring.tool.draft) == 2
        assert session.settings.measuring.items == []
        driver.press("enter")
        measured(driver)
        (item,) = state.items
        assert item.kind == "distance"
        np.testing.assert_allclose(item.points, ends, atol=4.0)  # a pixel is about a meter
        result = session.measuring.result(item)
        (a, b) = np.array(item.points)
        assert result.common["horizontal_m"] == pytest.approx(float(np.hypot(*(b - a))))
        assert set(result.surfaces) == {"reference", "A", "B"}
        # slot B holds the reference layer
        assert result.surfaces["B"] == result.surfaces["reference"]
        assert changed(window, driver.window()) > 0.002  # the line and its label
        assert np.array_equal(session.camera.eye, camera)  # clicks do not move the camera

        before = [list(point) for point in item.points]
        _, pixel = place(driver, 0.4, 0.6)
        ctx.mouse_move_to_pos(pixel)
        ctx.mouse_drag_with_delta((60, 10))
        measured(driver)
        assert item.points[0] == before[0]
        assert item.points[1][0] > before[1][0] + 20
        assert np.array_equal(session.camera.eye, camera)  # the corner was dragged, not the ground
        longer = session.measuring.result(item).common["horizontal_m"]
        assert longer > result.common["horizontal_m"] + 10

        ctx.item_click("//Measure/Area")
        ctx.yield_(2)
        for corner in ((0.15, 0.1), (0.5, 0.1), (0.5, 0.25)):
            click(driver, *corner)
        ctx.mouse_double_click(0)  # on the last corner: it ends the polygon and adds nothing
        measured(driver)
        polygon = session.measuring.result(state.items[1])
        assert len(polygon.points) == 3
        assert polygon.common["planimetric_m2"] == pytest.approx(
            0.5 * 0.35 * 600 * 0.15 * 440, rel=0.05
        )
        assert polygon.surfaces["A"]["surface_m2"] > polygon.common["planimetric_m2"]
        assert session.glide is None  # a double-click flies nowhere while it draws

        ctx.item_click("//Measure/Point")
        ctx.yield_(2)
        at = click(driver, 0.3, 0.8)
        measured(driver)
        point = session.measuring.result(state.items[2])
        assert point.common["easting_m"] == pytest.approx(at[0], abs=4)
        assert point.common["longitude_deg"] == pytest.approx(7.84 + 0.0, abs=0.02)

        driver.press("escape")
        assert state.tool == "none"
        ctx.item_click("//Measure/Copy")
        ctx.yield_(2)
        rows = list(csv.DictReader(io.StringIO(imgui.get_clipboard_text())))
        assert {row["kind"] for row in rows} == {"distance", "area", "point"}
        ctx.item_click("//Measure/1/×")
        ctx.yield_(2)
        assert [item.kind for item in state.items] == ["distance", "point"]
        ctx.item_click("//Measure/Clear")
        ctx.yield_(2)
        assert state.items == []

    drive(Launch(path=str(area), size=WIDE), steps)


def test_escape_and_backspace_take_back(drive, area):
    def steps(driver):
        app = driver.app
        session = app.session
        state = driver.app.session.settings.measuring
        driver.settle()
        driver.press("m")
        driver.settle()
        for share in (0.3, 0.4, 0.5):
            click(driver, share, 0.2)
        driver.press("backspace")
        assert len(session.measuring.tool.draft) == 2
        driver.press("escape")
        assert (session.measuring.tool.draft, state.tool) == ([], "distance")
        click(driver, 0.3, 0.2)
        driver.press("enter")  # one corner is no line
        assert state.items == []
        driver.press("escape")
        assert state.tool == "none"
        driver.press("p")
        driver.settle()
        click(driver, 0.2, 0.2)
        click(driver, 0.3, 0.3)
        assert len(state.profile) == 2
        driver.press("escape")
        assert (state.profile, state.tool) == ([], "profile")
        driver.press("p")
        assert state.tool == "none"
        driver.press("m")
        assert state.tool == "distance"  # the kind used last

    drive(Launch(path=str(area), size=WIDE), steps)


def test_a_profile_is_shown_with_a_cursor_both_ways_and_saved(drive, area, tmp_path):
    def steps(driver):
        app = driver.app
        session = app.session
        ctx = driver.ctx
        driver.settle()
        driver.press("p")
        driver.settle()
        assert session.settings.measuring.tool == "profile"
        panel = imgui.internal.find_window_by_name("Profile")
        assert panel.active
        empty = driver.window()
        click(driver, 0.1, 0.2)
        click(driver, 0.5, 0.25)
        assert len(session.settings.measuring.profile) == 2  # already shown while it is drawn
        click(driver, 0.95, 0.2)
        driver.press("enter")
        measured(driver)
        made = session.measuring.profile
        assert isinstance(made, Profile)
        assert made.done == 1
        assert len(made.points) == 3
        assert made.distance_m[-1] == pytest.approx(np.hypot([240, 270], [22, 22]).sum(), rel=0.03)
        assert made.statistics()["A − reference"]["rmse_m"] > 0.1
        assert changed(empty, driver.window()) > 0.05

        # On the terrain: the mouse near the line shows its place in the plot.
        assert session.measuring.cursor_m is None or session.measuring.plot_cursor_m is None
        _, pixel = place(driver, 0.5, 0.25)
        ctx.mouse_move_to_pos(pixel)
        driver.wait(lambda: session.measuring.cursor_m is not None)
        middle = float(np.hypot(*np.diff(made.points[:2], axis=0)[0]))
        driver.wait(lambda: abs(session.measuring.cursor_m - middle) < 15)
        _, away = place(driver, 0.5, 0.9)
        ctx.mouse_move_to_pos(away)
        driver.wait(lambda: session.measuring.cursor_m is None)
        # In the plot: the place is marked on the terrain.
        picture = driver.window()
        for share in (0.3, 0.7):
            ctx.mouse_move_to_pos(
                (panel.pos.x + share * panel.size.x, panel.pos.y + 0.5 * panel.size.y)
            )
            driver.wait(lambda: session.measuring.plot_cursor_m is not None)
            ctx.yield_(3)
            assert session.measuring.cursor_m == session.measuring.plot_cursor_m
            # the axis begins further right
            assert share - 0.15 < session.measuring.cursor_m / made.distance_m[-1] < share
        left, top, width, height = (round(side) for side in app.viewport.area)
        marked = driver.window()[top : top + height, left : left + width]
        assert changed(picture[top : top + height, left : left + width], marked) > 0.0005

        app.view.dialogs.folder = tmp_path
        for name in ("profile.csv", "profile.png"):
            ctx.item_click(f"//Profile/{name[-3:].upper()}…")
            ctx.yield_(3)
            ctx.item_click(f"//{app.view.dialogs.title}/Save")
            ctx.yield_(3)
            assert session.messages.entries[-1].text == f"Saved {name}."
        assert (tmp_path / "profile.csv").read_text() == made.to_csv()
        assert (tmp_path / "profile.png").stat().st_size > 10_000
        ctx.item_click("//Profile/Clear")
        ctx.yield_(3)
        assert session.measuring.profile is None

    drive(Launch(path=str(area), size=TALL), steps)


def test_frames_go_on_while_a_slow_decoder_measures(drive, area):
    """The decoder stops at a gate: profile, measurement and readout wait for it, the window does
    not."""
    gate = threading.Event()
    threads = set()

    def steps(driver):
        app = driver.app
        session = app.session
        driver.settle()
        there, _ = session.measuring.terrain(session.scene)
        for sampler in there.slots.values():
            evaluate = sampler.decoder.open_tile

            def slow(tile, evaluate=evaluate):
                threads.add(threading.current_thread().name)
                assert gate.wait(PATIENCE_S)
                return evaluate(tile)

            sampler.decoder.open_tile = slow
            sampler._tiles.clear()
        bounds = hills.GRID.bounds
        session.settings.measuring.profile = [
            [bounds.west + 20, bounds.south + 20],
            [bounds.east - 20, bounds.north - 60],
        ]
        corners = [[bounds.west + 20, bounds.south + 20], [bounds.east - 20, bounds.south + 30]]
        corners.append([bounds.east - 20, bounds.north])
        session.settings.measuring.items.append(Measurement("area", corners))
        driver.ctx.yield_(3)  # the profile's panel opens
        frames = imgui.get_frame_count()
        driver.at_once(0.5, 0.5)
        deadline = time.monotonic() + PATIENCE_S
        while len(threads) < 3 and time.monotonic() < deadline:
            driver.ctx.yield_()
        driver.ctx.yield_(20)
        assert imgui.get_frame_count() >= frames + 20
        assert session.measuring.busy
        assert session.measuring.profile is None
        assert session.measuring.result(session.settings.measuring.items[0]) is None
        assert session.pick is not None
        assert session.pick.reference_m is None
        gate.set()
        measured(driver)
        assert session.measuring.profile.done == 1
        assert (
            session.measuring.result(session.settings.measuring.items[0]).surfaces["A"][
                "surface_m2"
            ]
            > 0
        )
        driver.wait(lambda: session.pick.reference_m is not None)

    try:
        drive(Launch(path=str(area), size=SIZE), steps)
    finally:
        gate.set()
    assert threads == {"readout", "measurer", "profiler"}


def test_what_the_command_line_asks_for_is_there_from_the_start(drive, area):
    bounds = hills.GRID.bounds
    line = ((bounds.west + 20, bounds.south + 20), (bounds.east - 20, bounds.south + 40))

    def steps(driver):
        app = driver.app
        session = app.session
        driver.settle()
        measured(driver)
        assert session.measuring.profile.done == 1
        assert session.measuring.result(session.settings.measuring.items[0]).kind == "distance"
        assert imgui.internal.find_window_by_name("Profile").active

    drive(Launch(path=str(area), size=SIZE, profile=line, measure=("distance", line)), steps)


def test_what_ground_hides_is_known(drive, area):
    """Seen from low down: places of a line that no ray from the eye reaches first are hidden, and
    drawn as dashes."""

    def steps(driver):
        app = driver.app
        session = app.session
        driver.settle()
        bounds = hills.GRID.bounds
        session.camera.easting = bounds.west + 30
        session.camera.northing = bounds.south - 260
        session.camera.z = 640.0
        session.camera.heading_deg = 35.0
        session.camera.pitch_deg = -8.0
        driver.settle()
        places = np.random.default_rng(7).uniform(bounds[:2], bounds[2:], (150, 2))
        pixels, seen = Projector(session.scene.ground, session.camera, app.viewport.size).places(
            places, look=True
        )
        width, height = app.viewport.size
        session.scene.waits = True
        agreed = []
        hidden = 0
        for place, (x, y), open_view in zip(places, pixels, seen, strict=True):
            if not (0 < x < width and 0 < y < height):
                continue
            pick = session.scene.pick(session.camera, x, y)
            if pick is None:
                continue
            short = np.hypot(*(place - session.camera.eye[:2])) - np.hypot(
                pick.easting - session.camera.easting,
                pick.northing - session.camera.northing,
            )
            hidden += short > 15
            if not 3 < abs(short) < 15:  # neither a hair behind a crest nor a grazing ray
                agreed.append(bool(open_view) == (short <= 3))
        session.scene.waits = False
        assert len(agreed) > 40
        assert hidden > 10
        assert np.mean(agreed) > 0.85

    drive(Launch(path=str(area), methods=("reference",), size=SIZE), steps)


def test_the_readout_knows_both_slots_and_the_reference(drive, area):
    def steps(driver):
        app = driver.app
        session = app.session
        driver.settle()
        driver.at(0.5, 0.5)
        pick = session.pick
        reading = session.measuring.readout.reading
        assert (reading.easting, reading.northing, reading.level) == (
            pick.easting,
            pick.northing,
            pick.tile.z,
        )
        assert reading.tile == pick.tile
        assert reading.level == hills.GRID.levels - 1
        expected = measuring.sample(area, [(pick.easting, pick.northing)])
        assert reading.heights_m == {
            name: pytest.approx(float(each[0])) for name, each in expected.items()
        }
        assert reading.heights_m["A"] == pytest.approx(pick.z_m, abs=1e-3)
        assert reading.differences_m["A − reference"] == pytest.approx(pick.error_m, abs=1e-3)
        assert reading.slope_deg["A"] == pytest.approx(pick.slope_deg, abs=0.01)
        place = lonlat(hills.WKT, pick.easting, pick.northing)
        assert (reading.longitude_deg, reading.latitude_deg) == (float(place[0]), float(place[1]))
        session.settings.slots["A"].keep_bits = 3
        driver.settle()
        driver.at(0.5, 0.5)
        fewer = session.measuring.readout.reading
        expected = measuring.sample(area, [(fewer.easting, fewer.northing)], bits=(3,))
        assert fewer.heights_m == {
            name: pytest.approx(float(each[0])) for name, each in expected.items()
        }
        stored = measuring.sample(area, [(fewer.easting, fewer.northing)])
        assert abs(fewer.heights_m["A"] - float(stored["A"][0])) > 0.01

    drive(Launch(path=str(area), size=SIZE), steps)


def test_a_picture_of_the_window_waits_for_the_profile(drive, area, tmp_path):
    """`--profile … --screenshot`: the curve of slot A is in the picture."""
    bounds = hills.GRID.bounds
    out = tmp_path / "window.png"
    line = ((bounds.west + 20, bounds.south + 20), (bounds.east - 20, bounds.south + 40))
    desktop()
    app = App(Launch(path=str(area), size=TALL, profile=line, screenshot=str(out)))
    pictures = []
    finish = app._finish_screenshot
    app._finish_screenshot = lambda picture: (pictures.append(picture), finish(picture))
    app.window.run()
    assert out.read_bytes().startswith(b"\x89PNG")
    (picture,) = pictures
    blue = np.array([int(theme.slot("A")[k : k + 2], 16) for k in (0, 2, 4)])
    assert (np.abs(picture.astype(int) - blue).max(axis=-1) < 24).sum() > 300
