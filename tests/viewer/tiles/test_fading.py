"""Tiles that are loaded late come in gradually, by a clock that only windows have."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tests.support.scene_tools import SIZE, image, whole_area
from viewer.pictures import offscreen
from viewer.tiles.fading import Fading


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(Fading.__init__, "__defaults__", (clock,))
    return clock


def test_late_tiles_begin_as_their_parent_and_end_as_themselves(
    scene, target, mountain_file, clock
):
    scene.settings.shading.mode = "hillshade"
    scene.fade_s = 0.4
    scene.open(mountain_file)
    camera = whole_area(scene, pitch_deg=-40.0)
    view = scene.settings.view
    view.sse_px = 1e6
    offscreen.load(scene, camera, SIZE)
    coarse = image(scene, target, camera)
    # The one step of levels from the root to its children, with no morph of its own.
    view.sse_px = float(scene.pane.selection.px.max()) / 1.6
    pictures = []
    ready = []
    morphs = []
    while len(scene.pane.selection.draw) == 1:
        scene.wait(1.0)
        scene.update(camera, SIZE)
    assert {tile.z for tile in scene.pane.selection.draw} == {1}
    assert scene.pane.selection.morph.max() == 0.0
    for clock.now in (100.0, 100.1, 100.2, 100.3, 100.39, 100.41):
        before = scene.picture
        scene.update(camera, SIZE)
        pictures.append(image(scene, target, camera))
        ready.append(scene.ready)
        morphs.append(float(scene.pane.fading.morph.max()))
        assert scene.picture != before or clock.now == 100.0 or scene.ready
    assert ready == [False] * 5 + [True]
    assert morphs == pytest.approx([1.0, 27 / 32, 0.5, 5 / 32, 0.0018, 0.0], abs=1e-3)
    # nothing is seen of the swap
    assert (np.abs(pictures[0] - coarse).max(axis=-1) > 4).mean() < 1e-3
    steps = [np.abs(a - b).mean() for a, b in pairwise(pictures)]
    assert max(steps) < 0.6 * np.abs(pictures[-1] - coarse).mean()
    scene.fade_s = 0.0
    scene.update(camera, SIZE)
    np.testing.assert_array_equal(image(scene, target, camera), pictures[-1])


def test_without_a_time_nothing_fades(scene, mountain_file, clock):
    scene.settings.view.upload_budget_ms = 0.0
    scene.open(mountain_file)
    camera = whole_area(scene)
    for _ in range(200):
        scene.update(camera, SIZE)
        assert not scene.pane.fading.active
        assert scene.pane.fading.morph is scene.pane.selection.morph
        if scene.ready:
            break
        scene.wait(1.0)
    assert scene.ready


def test_another_layer_is_there_at_once(scene, hills_file, clock):
    scene.fade_s = 10.0
    scene.open(hills_file)
    camera = whole_area(scene)
    scene.settings.layer.index = 1
    for _ in range(200):
        scene.update(camera, SIZE)
        clock.now += 11.0
        if scene.ready:
            break
        scene.wait(1.0)
    scene.settings.layer.index = 0
    while scene.changing or scene.current_choice.index != 0:
        scene.update(camera, SIZE)
        scene.wait(0.2)
    assert not scene.pane.fading.active
