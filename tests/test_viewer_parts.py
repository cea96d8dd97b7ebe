"""The viewer's small parts that need no window: numbers as text, messages, camera moves, the choice of a layer."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from neural.errors import UsageError
from viewer import layers, messages, motion, text
from viewer.camera import Camera
from viewer.settings import LayerChoice


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0416, "0.042 m"),
        (-0.0004, "0.000 m"),
        (-12.345, "−12.35 m"),
        (1804.43, "1804.4 m"),
        (None, "–"),
        (math.nan, "–"),
    ],
)
def test_metres(value, shown):
    assert text.metres(value) == shown


def test_numbers_carry_sign_and_unit():
    assert text.metres(0.5, signed=True) == "+0.500 m"
    assert text.metres(-0.5, signed=True) == "−0.500 m"
    assert text.coordinate(5_213_047.254) == "5\u2009213\u2009047.25"
    assert text.count(524_288) == "524\u2009288"
    assert [text.data_size(size) for size in (0, 999, 1234, 512e6, 2.5e12)] == [
        "0 B",
        "999 B",
        "1.2 kB",
        "512 MB",
        "2500 GB",
    ]


def test_crs_names():
    assert text.crs_name("") == "local grid"
    assert text.crs_name('PROJCRS["ETRS89 / UTM zone 32N",CS[Cartesian,2],ID["EPSG",25832]]') == (
        "ETRS89 / UTM zone 32N (EPSG:25832)"
    )
    # The code of a part is not the code of the whole.
    assert text.crs_name('PROJCRS["mine",BASEGEOGCRS["WGS 84",ID["EPSG",4326]],CS[Cartesian,2]]') == "mine"


@pytest.mark.parametrize(("low", "high"), [(412.3, 2873.9), (-2.0, 2.0), (-0.001, 0.001), (0.0, 1e-6), (-5e4, 12.0)])
def test_ticks_are_round_inside_and_told_apart(low, high):
    values = text.ticks(low, high)
    assert 3 <= len(values) <= 7
    slack = 1e-9 * (high - low)
    assert all(low - slack <= value <= high + slack for value in values)
    step = values[1] - values[0]
    assert np.allclose(np.diff(values), step)
    labels = [text.tick_label(value, step) for value in values]
    assert len(set(labels)) == len(labels)
    assert np.allclose([float(label.replace("−", "-")) for label in labels], values, atol=1e-6 * step)


def test_an_empty_range_has_no_ticks():
    assert text.ticks(3.0, 3.0) == []


def test_messages_repeat_fade_and_go(monkeypatch):
    now = 100.0
    monkeypatch.setattr(messages.time, "monotonic", lambda: now)
    said = messages.Messages()
    said.info("Opened a.ntile.")
    said.error("b.ntile is damaged.")
    said.error("b.ntile is damaged.")
    assert [(m.level, m.count) for m in said.entries] == [("info", 1), ("error", 2)]
    assert [m.level for m in said.toasts()] == ["info", "error"]
    now += messages.TOAST_SECONDS["info"] + 0.1
    assert [m.level for m in said.toasts()] == ["error"]
    said.entries[-1].dismissed = True
    assert said.toasts() == []
    said.error("b.ntile is damaged.")  # it happened again, so it shows again
    assert len(said.toasts()) == 1
    with pytest.raises(ValueError, match="level"):
        said.add("fatal", "no such level")
    for number in range(2 * messages.KEPT):
        said.info(f"message {number}")
    assert len(said.entries) == messages.KEPT


def test_moves_begin_and_end_where_they_should():
    start = Camera(easting=0, northing=0, z=1000, heading_deg=350, pitch_deg=-30)
    end = replace(start, easting=500, z=200, heading_deg=20, pitch_deg=-60)
    move = motion.between(start, end)
    assert move.place(0.0) == start
    assert move.place(1.0) == end
    assert move.place(0.5).heading_deg == pytest.approx(5)  # the shorter way, through north

    pivot = np.array([100.0, 900.0, 300.0])
    turn = motion.around(start, pivot, 0.0, -89.9)
    size = (800, 600)
    for share in (0.0, 0.3, 1.0):
        assert turn.place(share).project(pivot, size) == pytest.approx(start.project(pivot, size), abs=1e-6)
    assert turn.place(1.0).heading_deg % 360 == pytest.approx(0)
    assert turn.place(1.0).pitch_deg == pytest.approx(-89.9)

    nearer = motion.towards(start, pivot, 0.4).place(1.0)
    assert nearer.project(pivot, size) == pytest.approx((400, 300), abs=1e-6)
    distance = np.linalg.norm(start.eye - pivot)
    assert np.linalg.norm(nearer.eye - pivot) == pytest.approx(0.4 * distance)


def test_a_move_arrives_in_time(monkeypatch):
    now = 0.0
    monkeypatch.setattr(motion.time, "monotonic", lambda: now)
    move = motion.Glide(lambda share: Camera(easting=share), now)
    assert move.now() == (Camera(easting=0.0), False)
    now += motion.SECONDS / 2
    assert move.now() == (Camera(easting=0.5), False)
    now += motion.SECONDS
    assert move.now() == (Camera(easting=1.0), True)


@pytest.fixture
def scene():
    """As much of a scene as the choice of a layer looks at: a reference first, then a layer of 8 bits."""
    listed = [SimpleNamespace(index=0, method="reference"), SimpleNamespace(index=1, method="huvr_siren")]
    reader = SimpleNamespace(path="a.ntile", layers=listed)
    return SimpleNamespace(reader=reader, bit_choices=lambda index: ((32,), (8, 6, 4, 2))[index])


def test_the_first_layer_that_is_no_reference_is_shown(scene):
    choice = LayerChoice()
    layers.choose(scene, choice)
    assert (choice.index, choice.keep_bits, layers.shown_bits(scene, choice)) == (1, None, 8)
    layers.choose(scene, choice, "huvr_siren", 4)
    assert (choice.index, choice.keep_bits) == (1, 4)
    layers.choose(scene, choice, "reference")
    assert (choice.index, choice.keep_bits) == (0, None)
    with pytest.raises(UsageError, match="reference, huvr_siren"):
        layers.choose(scene, choice, "plaid")
    with pytest.raises(UsageError, match="2, 4, 6, 8 bits, not with 5"):
        layers.choose(scene, choice, "huvr_siren", 5)


def test_bits_step_between_their_ends(scene):
    choice = LayerChoice(index=1)
    seen = []
    for step in (+1, +1, +1, +1, -1, -1, -1, -1):
        layers.step_bits(scene, choice, step)
        seen.append(choice.keep_bits)
    assert seen == [6, 4, 2, 2, 4, 6, None, None]
    choice.keep_bits = 4
    layers.show(scene, choice, 0)  # the other layer has no such bits
    assert (choice.index, choice.keep_bits) == (0, None)
