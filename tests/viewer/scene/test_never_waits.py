"""The thread that draws waits for nobody: readers that stand still hold up neither frames, nor
picks, nor closing."""

import threading
import time
from pathlib import Path

import pytest

from neural.container import reader as container
from neural.container.reader import FileSource, Reader
from neural.errors import ContainerError
from neural.tiles import Tile
from tests.support.scene_tools import SIZE, image, open_file, whole_area
from viewer.model import layers
from viewer.pictures import offscreen
from viewer.session.launch import Launch
from viewer.session.open_request import OpenRequest
from viewer.session.opening import Loading, compare_file
from viewer.tiles.pending_file import PendingFile
from viewer.tiles.streaming import Done


class Held(FileSource):
    """A file whose reads wait for `gate`, on whatever thread but the one that draws: there they are
    a failure."""

    def __init__(self, path):
        super().__init__(path)
        self.gate = threading.Event()
        self.gate.set()
        self.blamed = []

    def get_bytes(self, offset, length):
        if not self.gate.is_set():
            if threading.current_thread() is threading.main_thread():
                self.blamed.append(offset)
                raise OSError("the drawing thread reads")
            self.gate.wait(60.0)
        return super().get_bytes(offset, length)


@pytest.fixture
def held(monkeypatch):
    """Every file opened from now on is a `Held`; they are listed."""
    made = []

    def open_source(path):
        made.append(Held(path))
        return made[-1]

    monkeypatch.setattr(container, "FileSource", open_source)
    yield made
    for source in made:
        source.gate.set()


def test_frames_and_picks_go_on_while_reads_stand_still(scene, target, held, mountain_file):
    scene.open(mountain_file)
    scene.waits = False
    camera = whole_area(scene, pitch_deg=-60.0)
    scene.settings.view.sse_px = 16.0
    offscreen.load(scene, camera, SIZE)
    first = image(scene, target, camera)
    held[0].gate.clear()
    scene.settings.view.sse_px = 0.01  # everything is missing now
    for number in range(30):
        camera.heading_deg = 3.0 * number
        stats = scene.update(camera, SIZE)
        assert stats.tiles_drawn > 0
        assert stats.tiles_missing > 0
        scene.draw(target, camera)
        scene.pick(camera, 160, 100)
        scene.surface_z(camera.easting, camera.northing)
        scene.settings.overlay.name = ("none", "error", "slope")[number % 3]
        _ = scene.error_stats
    assert held[0].blamed == []
    camera.heading_deg = 0.0
    scene.settings.view.sse_px = 16.0
    scene.settings.overlay.name = "none"
    held[0].gate.set()
    offscreen.load(scene, camera, SIZE)
    assert (image(scene, target, camera) == first).mean() > 0.99


def test_layers_and_bits_change_while_reads_stand_still(scene, target, held, hills_file):
    open_file(scene, hills_file)
    scene.waits = False
    camera = whole_area(scene)
    offscreen.load(scene, camera, SIZE)
    before = scene.current_choice
    held[0].gate.clear()
    for bits in (8, 4, 3, 2):
        layers.keep_bits(scene.reader.layers[0], scene.settings.layer, bits)
        scene.update(camera, SIZE)
        scene.draw(target, camera)
    layers.put(scene.reader.layers[1], scene.settings.layer)
    scene.settings.compare.split = True
    scene.update(camera, SIZE)
    scene.draw(target, camera)
    assert scene.changing
    assert scene.current_choice == before  # the picture stays
    assert held[0].blamed == []
    held[0].gate.set()
    offscreen.load(scene, camera, SIZE)
    assert scene.current_choice == scene.settings.layer


def test_a_file_is_closed_while_its_reads_stand_still(
    scene, target, held, mountain_file, hills_file
):
    scene.open(mountain_file)
    scene.waits = False
    camera = whole_area(scene)
    scene.settings.view.sse_px = 0.01
    held[0].gate.clear()
    scene.update(camera, SIZE)
    scene.store.streamer.wait(0.05)
    scene.open(hills_file)  # a join would wait for the workers in vain
    scene.update(camera, SIZE)
    scene.draw(target, camera)
    assert not held[0]._file.closed  # a worker is still in it
    held[0].gate.set()
    deadline = time.monotonic() + 60.0
    while not held[0]._file.closed:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_compared_file_is_removed_while_its_reads_stand_still(
    scene, held, mountain_file, tmp_path
):
    copy = tmp_path / "copy.ntile"
    copy.write_bytes(mountain_file.read_bytes())
    scene.open(mountain_file)
    scene.waits = False
    compare_file(scene, copy)
    camera = whole_area(scene)
    scene.settings.view.sse_px = 0.01
    scene.settings.active = "B"
    held[1].gate.clear()
    scene.update(camera, SIZE)
    gone = scene.files[1].serial
    scene.remove(1)
    held[1].gate.set()
    offscreen.load(scene, camera, SIZE)
    assert {key.source.file for key in scene.store.cache} == {scene.files[0].serial} != {gone}
    assert scene.messages == []  # what came of the closed file is no news


def test_many_finished_tiles_are_taken_in_a_few_at_a_time(
    scene, target, mountain_file, monkeypatch
):
    scene.settings.view.sse_px = 64.0
    scene.open(mountain_file)
    store = scene.store
    taken = []
    source = scene.panes[0].current.source
    tiles = [tile for tile in scene.reader.tiles(0) if tile.z > 0]
    done = [((source, tile, None), source.load(tile)) for tile in tiles]
    store.request([])
    with store.streamer._condition:
        store.streamer._done.extend(
            Done(key, (loaded, None, None), None, 0.001) for key, loaded in done
        )
    insert = type(store)._insert

    def slowly(self, source, tile, loaded):
        taken.append(tile)
        clock[0] += 0.004  # seconds that a tile's upload takes
        insert(self, source, tile, loaded)

    clock = [100.0]
    monkeypatch.setattr(type(store), "_insert", slowly)
    monkeypatch.setattr("viewer.graphics.tile_store.time.perf_counter", lambda: clock[0])
    scene.settings.view.upload_budget_ms = 6.0
    counts = []
    while store.streamer.queues.finished:
        before = len(taken)
        store.take_in(scene.settings.view.upload_budget_ms)
        counts.append(len(taken) - before)
    assert set(counts) == {2}  # 4 ms, then 8 ms: over
    assert sorted(taken) == sorted(tiles)


def test_opening_checks_first_and_decodes_while_others_work(held, hills_file, tmp_path):
    loading = Loading(OpenRequest(str(hills_file), bits=(8, 4)))
    opening = loading.main
    slots = opening.check()
    assert (slots["A"].keep_bits, slots["B"].keep_bits) == (None, 4)
    assert not opening.done  # nobody has said yet who decodes
    loading.decode_backend.set_result("numpy")
    file = opening.result()
    assert list(file.roots) == [file.begins]
    assert file.roots[file.begins][0].ready.heights.shape == (257, 257)
    file.close()

    missing = Loading(OpenRequest(str(tmp_path / "none.ntile"))).main
    for ask in (missing.check, missing.result):
        with pytest.raises(ContainerError, match=r"none\.ntile"):
            ask()

    damaged = tmp_path / "damaged.ntile"
    data = bytearray(hills_file.read_bytes())
    with container.open_reader(hills_file) as reader:
        reader.payload_bytes(0, Tile(0, 0, 0))
        data[reader.header.data_offset : reader.header.data_offset + 40] = bytes(40)
    damaged.write_bytes(data)
    # the next layer is shown instead
    partly = Loading(OpenRequest(str(damaged)), "numpy").main.result()
    assert partly.begins.layer == 1
    assert "damaged" in next(iter(partly.problems.values()))
    partly.close()


def test_a_cancelled_opening_closes_its_file(held, hills_file):
    opening = Loading(OpenRequest(str(hills_file))).main
    opening.check()
    opening.cancel()
    opening._thread.join(60.0)
    assert held[0]._file.closed
    late = PendingFile(hills_file, None, layers.choose, decode_backend="numpy")
    late.result()
    late.cancel()
    assert held[1]._file.closed


def test_the_window_goes_on_while_a_file_is_opened(drive, area, held, tmp_path):
    slow = tmp_path / "slow.ntile"
    slow.write_bytes(area.read_bytes())

    def steps(driver):
        app = driver.app
        session = app.session
        driver.settle()
        release = threading.Event()
        held_open = Reader._open

        def waiting(self):
            if self.path.endswith("slow.ntile"):
                assert threading.current_thread() is not threading.main_thread()
                release.wait(60.0)
            held_open(self)

        Reader._open = waiting
        try:
            session.files.open(str(slow))
            frames = app.view.debugging.frames.frames
            driver.ctx.yield_(12)
            assert app.view.debugging.frames.frames >= frames + 10
            assert session.files.loading == "slow.ntile"
            assert session.document.path.name == area.name
            release.set()
            driver.wait(lambda: session.document.path.name == "slow.ntile")
        finally:
            Reader._open = held_open
        driver.settle()
        assert session.files.loading == ""
        session.files.open(str(tmp_path / "missing.ntile"))
        driver.wait(lambda: not session.files.busy)
        assert "missing.ntile" in session.messages.entries[-1].text
        assert session.document.path.name == "slow.ntile"

    drive(Launch(path=str(area), size=(700, 500)), steps)


def test_all_files_are_read_by_threads(drive, area, monkeypatch, tmp_path):
    beside = tmp_path / "beside.ntile"
    saved = tmp_path / "both.tvproj.json"
    beside.write_bytes(area.read_bytes())
    read = []
    really = Reader._open

    def opened(self):
        read.append((Path(self.path).name, threading.current_thread() is threading.main_thread()))
        really(self)

    def steps(driver):
        app = driver.app
        session = app.session

        def reads(action):
            read.clear()
            action()
            driver.wait(lambda: not session.files.busy)
            driver.settle()
            assert [
                message.text for message in session.messages.entries if message.level == "error"
            ] == []
            return sorted(read)

        driver.settle()
        monkeypatch.setattr(Reader, "_open", opened)
        both = sorted([(area.name, False), (beside.name, False)])
        assert reads(lambda: session.files.compare(str(beside))) == [(beside.name, False)]
        session.projects.write(str(saved))
        assert reads(lambda: session.files.open_project(str(saved))) == both
        assert len(session.scene.files) == 2
        session.settings.active = "B"
        driver.wait(lambda: any(row.path == str(beside) for row in session.results.rows))
        session.comparing.close_last()
        row = next(row for row in session.results.rows if row.path == str(beside))
        assert reads(lambda: session.results.restore(row, "B")) == [(beside.name, False)]
        assert session.settings.slots["B"].file == 1
        monkeypatch.setattr(Reader, "_open", really)

    drive(Launch(path=str(area), size=(700, 500)), steps)
