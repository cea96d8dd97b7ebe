"""Looking into the machinery: times by pass, frame times, counters, a single tile, the panel that
shows them."""

import json
import time

import numpy as np
import pytest

from neural.container.reader import open_reader
from neural.tiles import Tile
from tests.support.scene_tools import SIZE, image, is_background, whole_area
from viewer.graphics.timers import LATER, Timers
from viewer.model.single_tile import belongs, tile_of
from viewer.pictures import offscreen
from viewer.session import report
from viewer.session.frame_times import FrameTimes
from viewer.session.launch import Launch


def slow(ctx, steps):
    """A full-screen pass whose cost grows with `steps`."""
    program = ctx.program(
        vertex_shader="#version 410 core\nvoid main() { vec2 p = vec2(gl_VertexID << 1 & 2, "
        "gl_VertexID & 2);"
        " gl_Position = vec4(2.0 * p - 1.0, 0.0, 1.0); }",
        fragment_shader="#version 410 core\nuniform int n; out vec4 color; void main() { float "
        "s = 0.0;"
        " for (int i = 0; i < n; ++i) s += sin(float(i) * gl_FragCoord.x); color = vec4(s); }",
    )
    program["n"].value = steps
    triangle = ctx.vertex_array(program, [])
    return lambda: triangle.render(vertices=3)


def test_gpu_time_is_read_later_and_tells_passes_apart(ctx, target):
    target.use()
    timers = Timers(ctx)
    long = slow(ctx, 400)
    short = slow(ctx, 2)
    timers.enabled = True
    for picture in range(LATER + 2):
        with timers.time("long"):
            long()
            with timers.time("inside"):
                short()
        with timers.time("short"):
            short()
        with timers.cpu("thinking"):
            time.sleep(0.002)
        timers.finish_picture()
        assert bool(timers.gpu_ms) == (picture >= LATER)  # never sooner: nothing waits for the GPU
    # what lies within another pass is part of it
    assert timers.read_all().keys() == {"long", "short"}
    assert timers.gpu_ms["long"] > 4 * timers.gpu_ms["short"] > 0
    assert list(timers.cpu_ms) == ["inside", "long", "short", "thinking"]
    assert timers.cpu_ms["thinking"] >= 2.0


def test_no_query_runs_unless_asked(ctx, monkeypatch):
    timers = Timers(ctx)
    monkeypatch.setattr(Timers, "_query", pytest.fail)
    monkeypatch.setattr(ctx, "finish", pytest.fail, raising=False)
    with timers.time("pass"):
        pass
    timers.finish_picture()
    assert (timers.gpu_ms, list(timers.cpu_ms)) == ({}, ["pass"])


def test_percentiles_are_of_frames_with_a_new_picture(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    frames = FrameTimes()
    for number in range(1, 101):
        frames.begin()
        now[0] += number / 1000
        frames.end(number // 2)  # a new picture in every second frame, those of 2, 4 … 100 ms
    assert frames.frames == 100
    p50, p99 = frames.percentiles(60.0)
    assert p50 == pytest.approx(51.0)
    assert p99 == pytest.approx(np.percentile(np.arange(2, 101, 2), 99))
    ages, ms = frames.latest(0.2)
    np.testing.assert_allclose(ms, [98, 100])
    np.testing.assert_allclose(ages, [-0.199, 0.0], atol=1e-9)


def test_the_report_counts_what_happened(scene, target, mountain_file):
    scene.settings.debug.timing = True
    scene.open(mountain_file)
    camera = whole_area(scene)
    scene.settings.view.sse_px = 0.01
    offscreen.load(scene, camera, SIZE)
    for _ in range(LATER + 1):
        image(scene, target, camera)
    found = json.loads(json.dumps(report.collect(scene)))
    assert (found["tiles"]["drawn"], found["tiles"]["cached"], found["tiles"]["evicted"]) == (
        12,
        17,
        0,
    )
    assert found["queues"] == {"waiting": 0, "running": 0, "finished": 0}
    assert [each["tiles"] for each in found["decode"]] == [17]
    assert found["decode"][0]["us_per_tile"] > 100
    with open_reader(mountain_file) as reader:
        payloads = sum(map(sum, reader.sizes()["payload_bytes"]))
        opening = reader.traffic.requests, reader.traffic.bytes
    assert found["bytes"]["payloads_read"] == payloads
    assert found["requests"]["count"] == opening[0] + 17
    assert found["requests"]["bytes"] == opening[1] + payloads
    assert {"terrain", "background", "finish"} <= found["gpu_ms"].keys()
    assert {"update", "arrange", "terrain"} <= found["cpu_ms"].keys()
    assert all(ms > 0 for ms in found["gpu_ms"].values())

    # a page of 16 tiles; the root, its children and those drawn are 17
    scene.settings.view.cache_mb = 16.0
    scene.settings.view.sse_px = 64.0
    scene.update(camera, SIZE)
    assert report.collect(scene)["tiles"]["evicted"] > 0


def test_linked_decoders_say_what_they_keep():
    from assets import sample_files
    from neural.surface.tile_surface import SurfaceDecoder

    with open_reader(sample_files()[0]) as reader:
        decoder = SurfaceDecoder(reader, reader.layer("lapped_siren"))
        assert decoder.cached_bytes == 0
        decoder.open_tile(Tile(0, 0, 0))
        # The root's details in three bands and four byte counts each, its mask, one window and its
        # own.
        assert decoder.cached_bytes > 3 * 128 * 128 * (4 + 8 + 2) + 256 * 256 + 300 * 300 * 9


@pytest.mark.parametrize(
    ("text", "tile"), [("2/1/3", Tile(2, 1, 3)), ("", None), ("2/1", None), ("a/1/2", None)]
)
def test_names_of_tiles(text, tile):
    assert tile_of(text) == tile


def test_a_single_tile_is_drawn_alone(scene, target, magenta, mountain_file):
    only = Tile(1, 0, 0)
    assert [
        belongs(tile, only) for tile in (only, Tile(2, 1, 1), Tile(2, 2, 1), Tile(0, 0, 0))
    ] == [1, 1, 0, 1]
    scene.settings.view.sse_px = 0.01
    scene.open(mountain_file)
    camera = whole_area(scene)
    offscreen.load(scene, camera, SIZE)
    everything = ~is_background(image(scene, target, camera))
    scene.settings.debug.tile = "2/0/0"
    alone = ~is_background(image(scene, target, camera))
    west, south, east, north = scene.reader.grid.tile_bounds(Tile(2, 0, 0))
    rows, columns = np.nonzero(alone)
    left, top = camera.project(np.array([west, north, 1000.0]), SIZE)
    right, bottom = camera.project(np.array([east, south, 1000.0]), SIZE)
    # heights of ± 300 m, seen from above
    assert abs(columns.min() - left) < 12 > abs(columns.max() - right)
    assert abs(rows.min() - top) < 12 > abs(rows.max() - bottom)
    assert 0.05 < alone.sum() / everything.sum() < 0.15  # one of 12, some of them cut by the rim


def test_the_panel_opens_with_its_key(drive, area):
    copied = []

    def steps(driver):
        from tests.support.gui_driver import imgui

        app = driver.app

        session = app.session
        ctx = driver.ctx
        driver.settle()
        assert not imgui.internal.find_window_by_name("Debug")
        driver.at(0.5, 0.5)
        driver.press("ctrl+shift+d")
        ctx.yield_(2)
        assert app.view.debugging.is_open
        assert session.settings.debug.timing
        for _ in range(LATER + 2):
            session.camera.heading_deg += 1.0
            ctx.yield_()
        driver.settle()
        found = app.view.debugging.report()
        assert found["gpu_ms"]["terrain"] > 0
        assert found["frames"]["p99_ms"] >= found["frames"]["p50_ms"] > 0
        ctx.item_click("//Debug/Copy report")
        ctx.yield_(2)
        copied.append(json.loads(imgui.get_clipboard_text()))
        driver.at(0.5, 0.5)
        driver.press("shift+f")
        assert tile_of(session.settings.debug.tile) == session.pick.tile
        driver.press("shift+f")
        assert session.settings.debug.tile == ""
        driver.press("ctrl+shift+d")
        ctx.yield_()
        assert not session.settings.debug.timing
        assert not imgui.internal.find_window_by_name("Debug").active

    drive(Launch(path=str(area), size=(900, 900)), steps)
    assert copied[0]["tiles"]["drawn"] > 0
    assert copied[0]["decode"]
