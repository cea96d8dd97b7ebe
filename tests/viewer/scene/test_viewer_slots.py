"""The slots A and B of a scene: swaps without waiting, decoders loaded off the main thread, damaged
decoders."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

import neural.surface.tile_surface
from neural.container.reader import open_reader
from neural.errors import ModelError, NtileError
from neural.surface.tile_surface import SurfaceDecoder
from tests.support import hills
from tests.support.common import TileFixture
from tests.support.scene_tools import SIZE, image, is_background, open_file, whole_area
from viewer.model import layers
from viewer.model.settings import LayerChoice
from viewer.pictures import offscreen
from viewer.scene import labels, pane
from viewer.session import open_scene
from viewer.session.launch import Launch

FIXTURES = hills.one_fixture_per_method()


@pytest.fixture(scope="module")
def layered_file(tmp_path_factory):
    """A layer of every learned method, and the reference."""
    return hills.write(tmp_path_factory.mktemp("slots") / "layered.ntile", FIXTURES)


def no_number(fixture: TileFixture) -> TileFixture:
    """The fixture with a NaN in its decoder."""
    name, value = next(iter(fixture.weights.items()))
    value = value.copy()
    value.flat[0] = np.nan
    return replace(fixture, weights=fixture.weights | {name: value})


def of_another(fixture: TileFixture) -> TileFixture:
    """The fixture with weights that its method does not know."""
    return replace(fixture, weights={"strange": np.zeros(3, np.float32)})


def test_a_swap_back_shows_at_once_what_is_still_loaded(scene, target, layered_file):
    open_file(scene, layered_file)
    camera = whole_area(scene)
    pictures = {}
    for slot in ("A", "B"):
        scene.settings.active = slot
        offscreen.load(scene, camera, SIZE)
        pictures[slot] = image(scene, target, camera)
        assert labels.active_label(scene) == (
            slot,
            layers.label(scene.reader.layers["AB".index(slot)], scene.current_choice),
        )
    assert np.abs(pictures["A"] - pictures["B"]).max() > 8
    read = scene.stats.read_bytes
    for _ in range(3):
        layers.swap(scene.settings)
        scene.update(camera, SIZE)
        assert scene.ready
        np.testing.assert_array_equal(image(scene, target, camera), pictures[scene.settings.active])
    assert scene.stats.read_bytes == read


def test_changes_of_slot_layer_and_bits_leave_no_hole(scene, target, magenta, layered_file):
    scene.settings.view.exaggeration = 1e-3  # so that a change of heights does not move the rim
    open_file(scene, layered_file)
    camera = whole_area(scene)
    offscreen.load(scene, camera, SIZE)
    before = image(scene, target, camera)
    covered = ~is_background(before)
    for number, layer in enumerate(scene.reader.layers):
        for bits in layers.bit_choices(layer)[: 1 if number else 3]:
            layers.swap(scene.settings)
            layers.put(layer, scene.settings.layer)
            layers.keep_bits(layer, scene.settings.layer, bits)
            for _ in range(1000):
                scene.update(camera, SIZE)
                now = image(scene, target, camera)
                assert (~is_background(now) == covered).mean() > 0.995
                if scene.ready:
                    break
                assert scene.changing
                # the old picture, whole, until the new one is
                np.testing.assert_array_equal(now, before)
                scene.wait(1.0)
            assert scene.current_choice == scene.settings.layer
            before = now


def test_at_rest_the_old_picture_stays_and_in_motion_not_for_ever(scene, monkeypatch, layered_file):
    monkeypatch.setattr(pane, "MAX_SWITCH_DELAY_S", 0.0)
    open_file(scene, layered_file)
    scene.settings.view.upload_budget_ms = 0.0
    scene.settings.view.sse_px = 0.01
    camera = whole_area(scene)
    offscreen.load(scene, camera, SIZE)

    def until_shown(move: float) -> int:
        """Tiles still missing when the picture changes."""
        layers.swap(scene.settings)
        for _ in range(200):
            camera.easting += move
            scene.update(camera, SIZE)
            if not scene.changing:
                return scene.stats.tiles_missing
            scene.wait(0.1)
        raise AssertionError("the picture never changed")

    assert until_shown(0.0) == 0
    layers.put(scene.reader.layers[-1], scene.settings.slots["A"])
    assert until_shown(0.01) > 0


def test_errors_of_both_slots_are_known_while_the_view_stays(scene, layered_file):
    open_file(scene, layered_file)
    camera = whole_area(scene)
    (a, b) = scene.settings.slots.values()
    offscreen.load(scene, camera, SIZE)
    assert scene.rmse_in_view(a) is None  # nothing has been measured
    scene.settings.overlay.name = "error"
    measured = []
    for _ in range(2):
        offscreen.load(scene, camera, SIZE)
        measured.append(scene.error_stats.rmse_m)
        layers.swap(scene.settings)
    assert [scene.rmse_in_view(a), scene.rmse_in_view(b)] == pytest.approx(measured)
    assert measured[0] != measured[1]
    scene.settings.view.sse_px = 0.01
    offscreen.load(scene, camera, SIZE)
    assert scene.rmse_in_view(a) is not None
    assert scene.rmse_in_view(b) is None  # at other levels than those it was measured at


def test_decoders_are_loaded_once_and_by_workers(scene, layered_file, monkeypatch):
    loads = []
    load = neural.surface.tile_surface.load_decoder

    def noted(data, method, origin, keep_bits):
        loads.append((method, threading.current_thread()))
        return load(data, method, origin, keep_bits)

    monkeypatch.setattr(neural.surface.tile_surface, "load_decoder", noted)
    open_file(scene, layered_file)
    camera = whole_area(scene)
    for layer in scene.reader.layers[:2]:
        for bits in layers.bit_choices(layer)[:3]:
            layers.put(layer, scene.settings.layer)
            layers.keep_bits(layer, scene.settings.layer, bits)
            offscreen.load(scene, camera, SIZE)
    assert [thread is threading.main_thread() for _, thread in loads] == [False, False]


@pytest.mark.parametrize("spoil", [no_number, of_another])
def test_a_damaged_decoder_is_said_once_and_the_other_layers_go_on(scene, target, tmp_path, spoil):
    path = hills.write(tmp_path / "spoilt.ntile", [spoil(FIXTURES[0])])
    open_file(scene, path)
    camera = whole_area(scene)
    offscreen.load(scene, camera, SIZE)
    before = image(scene, target, camera)
    layer = scene.reader.layers[1]
    assert scene.problem(1) is None
    said = []
    for bits in layers.bit_choices(layer):
        layers.put(layer, scene.settings.layer)
        layers.keep_bits(layer, scene.settings.layer, bits)
        for _ in range(100):
            scene.update(camera, SIZE)
            said += scene.messages
            scene.messages.clear()
            if scene.problem(1) is not None and scene.ready:
                break
            scene.wait(0.1)
        assert scene.ready
        np.testing.assert_array_equal(image(scene, target, camera), before)
        assert labels.active_label(scene)[0] == ""  # neither slot holds what is on screen
    assert len(said) == 1
    assert "spoilt.ntile" in said[0]
    assert scene.problem(1) == said[0]
    layers.put(scene.reader.layers[-1], scene.settings.layer)
    offscreen.load(scene, camera, SIZE)
    assert scene.current_choice == LayerChoice(2)
    with open_reader(path) as reader, pytest.raises(ModelError):
        SurfaceDecoder(reader, reader.layers[1])


def test_a_file_whose_first_layer_is_damaged_opens_with_the_next(scene, tmp_path):
    path = hills.write(tmp_path / "spoilt.ntile", [no_number(FIXTURES[0])])
    scene.open(path, None, 1)
    scene.settings.slots["A"].index = 1
    camera = whole_area(scene)
    for _ in range(3):
        scene.update(camera, SIZE)
    assert len(scene.messages) == 1
    assert "NaN" in scene.messages[0]
    assert scene.current_choice == LayerChoice(2)


@pytest.mark.usefixtures("_session_context")
def test_a_picture_of_a_damaged_layer_is_refused(tmp_path):
    fixture = next(
        (each for each in FIXTURES if each.method.name != hills.METHOD.name), FIXTURES[0]
    )
    path = hills.write(tmp_path / "spoilt.ntile", [no_number(fixture)])
    assert open_scene.render(Launch(str(path), size=SIZE)).any()  # the first whole layer
    launch = Launch(str(path), size=SIZE, methods=(fixture.method.name,))
    with pytest.raises(NtileError, match=r"spoilt\.ntile.*NaN"):
        open_scene.render(launch)
