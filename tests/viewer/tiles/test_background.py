"""The window's thread asks and never waits: worker helpers, and picks on tiles that have to be read
again."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from tests.support.scene_tools import SIZE, whole_area
from viewer.pictures import offscreen
from viewer.tiles.background import Background, Latest

PATIENCE_S = 30.0


def wait(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_background_answers_once_it_can_and_forgets_failures():
    work = Background("test")
    gate = threading.Event()
    runs = []

    def slow():
        gate.wait(PATIENCE_S)
        runs.append(1)
        return "done"

    assert work.get("a", slow) is None
    assert work.get("a", slow) is None
    gate.set()
    answers = []
    wait(lambda: answers.append(work.get("a", slow)) or answers[-1] == "done")
    assert runs == [1]
    assert work.get("b", lambda: 1 / 0) is None
    wait(lambda: work._asked["b"].done())
    assert work.get("b", lambda: 1 / 0) is None
    work.close()


def test_only_the_newest_question_is_answered():
    latest = Latest("test")
    gate = threading.Event()
    done = []

    def question(name):
        def work(outdated):
            gate.wait(PATIENCE_S)
            done.append((name, outdated()))
            return name

        return work

    latest.ask(1, question("first"))
    wait(lambda: latest._waiting is None)  # it has begun
    latest.ask(2, question("second"))
    latest.ask(3, question("third"))
    latest.ask(3, question("third again"))
    assert latest.busy
    gate.set()
    wait(lambda: not latest.busy)
    assert done == [("first", True), ("third", False)]
    assert latest.answer == (3, "third", None)
    latest.ask(4, lambda outdated: 1 / 0)
    wait(lambda: not latest.busy)
    assert isinstance(latest.answer.error, ZeroDivisionError)
    latest.forget()
    assert latest.answer is None
    assert not latest.busy
    latest.close()


@pytest.fixture
def dropped(scene, mountain_file, monkeypatch):
    """A scene that must not wait, all of whose tiles were out of the picture; reading them again
    stops at a gate."""
    scene.settings.view.sse_px = 0.01
    scene.open(mountain_file)
    camera = whole_area(scene, pitch_deg=-40.0)
    offscreen.load(scene, camera, SIZE)
    exact = scene.pick(camera, 150, 90)
    store = scene.store
    source = scene.panes[0].current.source
    for key in store.cache:
        store.cache.value(key).surface = store.cache.value(key).gpu_surface = None
    gate = threading.Event()
    threads = []
    open_tile = source.decoder.open_tile

    def slow(tile):
        threads.append(threading.current_thread())
        assert gate.wait(PATIENCE_S)
        return open_tile(tile)

    monkeypatch.setattr(source.decoder, "open_tile", slow)
    scene.waits = False
    yield scene, camera, exact, gate, threads
    gate.set()


def test_picks_do_not_wait_for_a_slow_decoder(dropped):
    scene, camera, exact, gate, threads = dropped
    pick = scene.pick(camera, 150, 90)  # the gate is shut: waiting would end in a failed assertion
    assert pick.pending
    assert pick.tile == exact.tile
    # The lattice of 64 × 64 that the CPU keeps: off by the ripples between its points.
    assert (pick.easting, pick.northing) == pytest.approx((exact.easting, exact.northing), abs=25)
    assert pick.z_m == pytest.approx(exact.z_m, abs=12)
    height = scene.surface_z(pick.easting, pick.northing)
    assert height == pytest.approx(pick.z_m, abs=1.0)
    scene.update(camera, SIZE)  # frames go on
    gate.set()
    wait(lambda: not scene.pick(camera, 150, 90).pending)
    after = scene.pick(camera, 150, 90)
    assert after.z_m == exact.z_m
    assert after.slope_deg == exact.slope_deg
    assert threads
    assert threading.main_thread() not in threads


def test_coarse_heights_of_places_are_near_the_drawn_surface(scene, mountain_file):
    scene.settings.view.exaggeration = 2.0
    scene.open(mountain_file)
    camera = whole_area(scene)
    offscreen.load(scene, camera, SIZE)
    bounds = scene.reader.grid.bounds
    easting, northing = np.random.default_rng(5).uniform(bounds[:2], bounds[2:], (50, 2)).T
    coarse = scene.ground.coarse_z(easting, northing)
    exact = [scene.surface_z(e, n) for e, n in zip(easting, northing, strict=True)]
    both = [(c, e) for c, e in zip(coarse, exact, strict=True) if e is not None]
    assert len(both) > 40
    assert max(abs(c - e) for c, e in both) < 40
    assert np.isnan(scene.ground.coarse_z(np.array([bounds.west - 1]), northing[:1])).all()
