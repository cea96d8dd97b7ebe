"""Every panel without a window: what it writes for a view, and what its buttons ask for."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.support import acorn_area, hills
from tests.support.panel_text import Recorder, Screen, imgui, press
from viewer import panels
from viewer.gui.view import WindowView
from viewer.model.overlays import OVERLAYS
from viewer.model.readings import FrameStats
from viewer.model.settings import Measurement, Settings
from viewer.panels import host as hosting
from viewer.panels.log import Log
from viewer.panels.network import network_rows
from viewer.panels.profile import ProfilePlots
from viewer.panels.views import BookmarkList
from viewer.scene.results import Result, ResultErrors
from viewer.session.frame_times import FrameTimes
from viewer.session.messages import Messages
from viewer.session.open_request import OpenRequest
from viewer.session.session import Session


@pytest.fixture
def screen(tmp_path):
    screen = Screen(tmp_path)
    yield screen
    screen.close()


@pytest.fixture
def asked():
    return Recorder()


@pytest.fixture
def session(ctx, area):
    session = Session()
    session.attach(ctx)
    session.open(OpenRequest(str(area)))
    yield session
    session.close()


@pytest.fixture
def view(session, asked):
    """A document's view without a window."""
    return SimpleNamespace(
        settings=session.settings,
        messages=session.messages,
        scene=session.document.scene,
        file_name="hills.ntile",
        rmse_m={"A": 0.25, "B": None},
        cost=session.cost,
        errors=None,
        pick=None,
        measuring=session.measuring,
        measurement=session.measuring.result,
        film=session.film,
        bookmarks=session.bookmarks,
        results=session.results,
        dialogs=asked,
        run=asked.run,
    )


def test_statistics(screen):
    stats = FrameStats(tiles_drawn=7, finest_level=4, tiles_failed=2, triangles=12345)
    view = SimpleNamespace(stats=stats, frame_ms=1.26, renderer="GPU of a test")
    written = screen.text(panels.statistics.draw, view)
    assert "Drawn | 7, finest level 4" in written
    assert "Failed | 2" in written
    assert "Scene | 1.3 ms" in written
    assert "Renderer | GPU of a test" in written
    assert "Failed" not in str(panels.statistics.tile_rows(FrameStats()))
    assert "Blocks" not in written
    view.stats = FrameStats(shared_bytes=3_000_000)
    assert "Blocks | 3.0 MB" in screen.text(panels.statistics.draw, view)


def test_shading_fits_its_range_to_the_layer(screen):
    settings = Settings()
    view = SimpleNamespace(settings=settings, elevation_range=(12.0, 34.0), has_outliers=True)
    assert "Full" in screen.text(panels.shading.draw, view)
    view.has_outliers = False
    written = screen.text(panels.shading.draw, view)
    assert "Full" not in written
    assert (settings.shading.elevation_min_m, settings.shading.elevation_max_m) == (12.0, 34.0)
    assert "12.0 m" not in written
    settings.shading.elevation_auto = False
    assert "{ 12.0 m } { 34.0 m }" in screen.text(panels.shading.draw, view)
    settings.shading.edl = True
    assert "Strength" in screen.text(panels.shading.draw, view)


def test_layers_and_quantization(screen, view, asked, monkeypatch):
    written = screen.text(panels.layers.draw, view)
    assert "Planes" in written
    assert "Reference" in written
    assert "0.250 m" in written  # RMSE of slot A
    assert "Layer in slot A" in written
    assert "CRS" in written
    written = screen.text(panels.quantization.draw, view)
    assert "[ 3 ]" in written
    assert "RMSE 0.250 m" in written
    assert asked.commands == []
    press(monkeypatch, "Measure errors")
    screen.text(panels.quantization.draw, view)
    assert view.settings.overlay.name == "error"


def test_a_layers_network(screen, ctx, plains_file, view):
    assert "Network" not in screen.text(panels.layers.draw, view)
    session = Session()
    session.attach(ctx)
    session.open(OpenRequest(str(plains_file)))
    view.scene = session.document.scene
    view.settings = session.settings
    written = screen.text(panels.layers.draw, view)
    scales = np.bincount(acorn_area.partition()[:, 0].astype(int))
    assert "512 m | 27" in written or "512 m | 28" in written  # without a constant one
    assert f"128 m | {scales[5]}" in written
    assert f"of {acorn_area.BLOCKS}" in written
    assert "Parameters | 34\u2009000" in written
    assert "Bits | 32 per weight" in written
    assert "2\u2009000 steps, 75 s" in written
    layer = session.document.scene.reader.layers[0]
    rows = network_rows(replace(layer, stats={"training_steps": 300}))
    assert [value for name, value, _ in rows if name == "Trained"] == ["300 steps"]
    session.settings.overlay.name = "blocks"
    written = screen.text(panels.overlay.draw, view)
    assert "Opacity" in written
    assert "Range" not in written
    session.settings.overlay.name = "block_error"
    assert "Range" in screen.text(panels.overlay.draw, view)
    session.close()


def test_overlay(screen, view):
    assert "Keys 4 to 7 and O" in screen.text(panels.overlay.draw, view)
    view.settings.overlay.name = "error"
    written = screen.text(panels.overlay.draw, view)
    assert "Slot B" in written
    assert "Tolerance" in written
    view.settings.overlay.name = "blocks"
    assert "not made of blocks" in screen.text(panels.overlay.draw, view)
    view.settings.overlay.name = "slope"
    written = screen.text(panels.overlay.draw, view)
    assert "Opacity" in written
    assert "Tolerance" not in written


def test_measure(screen, view, asked, monkeypatch):
    assert "No measurements yet" in screen.text(panels.measure.draw, view)
    bounds = hills.GRID.bounds
    place = [bounds.west + 30, bounds.south + 40]
    view.settings.measuring.items.append(Measurement("point", [place]))
    written = screen.text(panels.measure.draw, view)
    assert "1  Point" in written
    press(monkeypatch, "Area", "Profile", "Save CSV…")
    screen.text(panels.measure.draw, view, frames=1)
    assert asked.commands == [("measure.start_tool", "area"), ("measure.start_profile",)]
    assert asked.asked == [("Save measurements", ".csv")]


def test_profile(screen, view, asked, tmp_path, monkeypatch):
    panel = ProfilePlots()
    assert "Press P" in screen.text(panel.draw, view)
    bounds = hills.GRID.bounds
    line = [[bounds.west + 20, bounds.south + 20], [bounds.east - 20, bounds.south + 40]]
    view.settings.measuring.profile = line
    waiting = view.measuring
    while waiting.profile is None or waiting.profile.done < 1:
        waiting.update()
    written = screen.text(panel.draw, view)
    assert "a sample every" in written
    assert "RMSE" in written
    press(monkeypatch, "Draw", "CSV…")
    screen.text(panel.draw, view, frames=1)
    assert asked.commands == [("measure.start_profile",)]
    assert asked.asked == [("Save profile", ".csv")]
    asked.chosen(str(tmp_path / "out.csv"))
    assert (tmp_path / "out.csv").read_text(encoding="utf-8").count("\n") > 10
    assert view.messages.entries[-1].text == "Saved out.csv."
    asked.chosen(str(tmp_path / "none" / "out.csv"))
    assert view.messages.entries[-1].level == "error"


def test_film(screen, view, session, asked, monkeypatch):
    assert "Press K to add the view" in screen.text(panels.film.draw, view)
    session.film.add_keyframe()
    session.camera.heading_deg += 40
    session.film.add_keyframe()
    session.film.selected = 1
    written = screen.text(panels.film.draw, view)
    assert "of 3.00 s" in written
    assert "[ 2 ]" in written
    press(monkeypatch, "Update", "Delete", "Tour", "Orbit", "Clear", "Film…", "Image…", "1")
    screen.text(panels.film.draw, view, frames=1)
    assert [call[0] for call in asked.commands] == [
        "film.update_keyframe",
        "film.delete_keyframe",
        "film.make_tour",
        "film.make_orbit",
        "film.clear",
        "film.select_keyframe",
        "film.render",
        "file.export_image_as",
    ]
    press(monkeypatch, "Open…", "Save…")
    asked.commands.clear()
    screen.text(panels.film.draw, view, frames=1)
    assert asked.asked == [("Open camera path", ".json"), ("Save camera path", ".json")]
    asked.chosen("out.json")
    assert asked.commands == [("film.save_path", "out.json")]


def test_a_running_film_shows_its_progress_and_can_be_cancelled(screen, view, asked, monkeypatch):
    job = SimpleNamespace(done=3, total=12, out="tour.mp4", close=lambda: None)
    monkeypatch.setattr(view.film.jobs, "job", job)
    assert "3 of 12" in screen.text(panels.film.draw, view)
    press(monkeypatch, "Cancel")
    screen.text(panels.film.draw, view, frames=1)
    assert asked.commands == [("film.cancel_rendering",)]


def test_bookmarks(screen, asked, monkeypatch):
    panel = BookmarkList()
    view = SimpleNamespace(bookmarks=SimpleNamespace(names=[]), run=asked.run)
    assert "No bookmarks yet" in screen.text(panel.draw, view)
    view.bookmarks.names = ["North wall", "Summit"]
    assert "North wall" in screen.text(panel.draw, view)
    panel.renaming = panel.typed = "Summit"
    screen.text(panel.draw, view)
    assert panel.renaming == "Summit"
    panel.typed = "Peak"
    monkeypatch.setattr(imgui, "input_text", lambda label, text, flags: (True, text))
    screen.text(panel.draw, view, frames=1)
    assert asked.commands == [("bookmark.rename", "Summit", "Peak")]
    view.bookmarks.names = ["North wall", "Peak"]  # the command has run
    screen.text(panel.draw, view)
    assert panel.renaming is None


def test_log(screen, asked, tmp_path, monkeypatch):
    panel = Log()
    messages = Messages()
    view = SimpleNamespace(messages=messages, dialogs=asked, run=asked.run)
    messages.info("Opened a.ntile.")
    messages.error("b.ntile: damaged.")
    written = screen.text(panel.draw, view)
    assert "Opened a.ntile." in written
    assert "b.ntile: damaged." in written
    panel.level = "error"
    assert "Opened a.ntile." not in screen.text(panel.draw, view)
    press(monkeypatch, "Export…", "Clear")
    screen.text(panel.draw, view, frames=1)
    assert asked.commands == [("log.clear",)]
    asked.chosen(str(tmp_path / "log.txt"))
    assert (tmp_path / "log.txt").read_text(encoding="utf-8").count("\n") == 1
    assert messages.entries[-1].text.startswith("Saved ")


def test_results(screen, view, asked, monkeypatch):
    view.results.rows.clear()
    assert "becomes a row here" in screen.text(panels.results.draw, view)
    row = Result("a/hills.ntile", 0, "Planes", 8, None, "Reference", "raster")
    row.view = ResultErrors(10, 0.5, 0.4, 2.0, 0.9)
    view.results.rows.append(row)
    written = screen.text(panels.results.draw, view)
    assert "hills" in written
    assert "0.5000" in written
    view.results.whole = True
    assert "0.5000" not in screen.text(panels.results.draw, view)
    press(monkeypatch, "B", "JSON…", "Measure all", "Clear")
    screen.text(panels.results.draw, view, frames=1)
    assert asked.commands == [
        ("results.restore", row, "B"),
        ("results.measure_all",),
        ("results.clear",),
    ]
    assert asked.asked == [("Save results", ".json")]


def test_debug(screen, session, asked, monkeypatch):
    from viewer.session import report

    scene = session.document.scene
    frames = FrameTimes()
    view = SimpleNamespace(
        settings=Settings(),
        messages=Messages(),
        frames=frames,
        report=lambda: report.collect(scene, frames),
    )
    written = screen.text(panels.debug.draw, view)
    assert "Queues and requests" in written
    view.settings.debug.tile = "nonsense"
    assert "Write level/column/row" in screen.text(panels.debug.draw, view)
    view.report = dict
    assert screen.text(panels.debug.draw, view).strip() == ""


def test_the_host_says_once_that_no_file_is_open(screen):
    session = Session()
    try:
        window = SimpleNamespace(keyboard=None)
        host = panels.Host(WindowView(session, window))
        for panel in panels.PANELS:
            written = screen.text(lambda _, panel=panel: host.draw(panel), None)
            assert (hosting.NO_FILE[:20] in written) == panel.needs_document, panel.title
    finally:
        session.close()


def test_panels_have_titles_and_docks_of_their_own():
    titles = [panel.title for panel in panels.PANELS]
    assert len(set(titles)) == len(titles)
    docks = {"MainDockSpace", *(new for _, new, _, _ in panels.SPLITS)}
    assert {panel.dock for panel in panels.PANELS} <= docks
    assert {panel.title for panel in panels.PANELS if not panel.shown} == {"Profile", "Debug"}


def test_histogram_bands_cover_every_bin():
    centers = np.linspace(-1, 1, 21)
    for name, overlay in OVERLAYS.items():
        if not overlay.measures:
            continue
        settings = Settings().overlay
        settings.name = name
        bands = panels.overlay._bands(centers, settings, overlay)
        covered = [index for _, bins, *_ in bands for index in range(21)[bins]]
        assert covered == list(range(21))
