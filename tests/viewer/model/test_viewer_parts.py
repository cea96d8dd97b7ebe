"""The viewer's small parts that need no window: numbers as text, messages, camera moves, the choice
of a layer."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from neural.errors import UsageError
from neural.methods import METHODS
from viewer.model import layers, text
from viewer.model.camera import Camera
from viewer.model.settings import LayerChoice, Settings
from viewer.session import glide, messages


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
def test_meters(value, shown):
    assert text.meters(value) == shown


def test_numbers_carry_sign_and_unit():
    assert text.meters(0.5, signed=True) == "+0.500 m"
    assert text.meters(-0.5, signed=True) == "−0.500 m"
    assert text.coordinate(5_213_047.254) == "5\u2009213\u2009047.25"
    assert text.count(524_288) == "524\u2009288"
    assert [text.side(side) for side in (320, 62.5, 12_800)] == ["320 m", "62.5 m", "12.8 km"]
    assert [text.duration(seconds) for seconds in (75, 599, 2530, 11_100)] == [
        "75 s",
        "599 s",
        "42 min",
        "3 h 5 min",
    ]
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
    assert (
        text.crs_name('PROJCRS["mine",BASEGEOGCRS["WGS 84",ID["EPSG",4326]],CS[Cartesian,2]]')
        == "mine"
    )


@pytest.mark.parametrize(
    ("low", "high"), [(412.3, 2873.9), (-2.0, 2.0), (-0.001, 0.001), (0.0, 1e-6), (-5e4, 12.0)]
)
def test_ticks_are_round_inside_and_told_apart(low, high):
    values = text.ticks(low, high)
    assert 3 <= len(values) <= 7
    slack = 1e-9 * (high - low)
    assert all(low - slack <= value <= high + slack for value in values)
    step = values[1] - values[0]
    assert np.allclose(np.diff(values), step)
    labels = [text.tick_label(value, step) for value in values]
    assert len(set(labels)) == len(labels)
    assert np.allclose(
        [float(label.replace("−", "-")) for label in labels], values, atol=1e-6 * step
    )


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
    move = glide.between(start, end)
    assert move.place(0.0) == start
    assert move.place(1.0) == end
    assert move.place(0.5).heading_deg == pytest.approx(5)  # the shorter way, through north

    pivot = np.array([100.0, 900.0, 300.0])
    turn = glide.around(start, pivot, 0.0, -89.9)
    size = (800, 600)
    for share in (0.0, 0.3, 1.0):
        assert turn.place(share).project(pivot, size) == pytest.approx(
            start.project(pivot, size), abs=1e-6
        )
    assert turn.place(1.0).heading_deg % 360 == pytest.approx(0)
    assert turn.place(1.0).pitch_deg == pytest.approx(-89.9)

    nearer = glide.towards(start, pivot, 0.4).place(1.0)
    assert nearer.project(pivot, size) == pytest.approx((400, 300), abs=1e-6)
    distance = np.linalg.norm(start.eye - pivot)
    assert np.linalg.norm(nearer.eye - pivot) == pytest.approx(0.4 * distance)


def test_a_move_arrives_in_time(monkeypatch):
    now = 0.0
    monkeypatch.setattr(glide.time, "monotonic", lambda: now)
    move = glide.Glide(lambda share: Camera(easting=share), now)
    assert move.now() == (Camera(easting=0.0), False)
    now += glide.SECONDS / 2
    assert move.now() == (Camera(easting=0.5), False)
    now += glide.SECONDS
    assert move.now() == (Camera(easting=1.0), True)


def layer(
    index: int, method: str, bits: int, tolerance_m: float | None = None, title: str = ""
) -> SimpleNamespace:
    is_reference = method == "reference"
    return SimpleNamespace(
        index=index,
        method=method,
        bits=bits,
        tolerance_m=tolerance_m,
        title=title,
        is_reference=is_reference,
    )


LEARNED, *OTHERS = sorted(name for name in METHODS if len(METHODS[name].bit_choices) > 1)
STORED = METHODS[LEARNED].bit_choices[-3]  # so that two fewer bits can be kept
CHOICES = METHODS[LEARNED].bit_choices[-3:]


@pytest.fixture
def reader():
    """As much of a file as the choice of layers looks at: a reference first, then learned
    layers."""
    other = (OTHERS or [LEARNED])[0]
    listed = [layer(0, "reference", 32, 0.01), layer(1, LEARNED, STORED), layer(2, other, STORED)]
    return SimpleNamespace(path="a.ntile", layers=listed)


def test_the_slots_begin_with_the_first_two_learned_layers(reader):
    assert layers.choose(reader) == {"A": LayerChoice(1), "B": LayerChoice(2)}
    reader.layers = reader.layers[:2]
    assert layers.choose(reader) == {"A": LayerChoice(1), "B": LayerChoice(0)}
    assert layers.choose(reader, ["reference"]) == {"A": LayerChoice(0), "B": LayerChoice(1)}
    reader.layers = reader.layers[:1]
    assert layers.choose(reader) == {"A": LayerChoice(0), "B": LayerChoice(0)}


def test_methods_and_bits_asked_for_go_to_a_and_then_to_b(reader):
    few, fewer = CHOICES[1:]
    assert layers.choose(reader, [LEARNED, "reference"]) == {
        "A": LayerChoice(1),
        "B": LayerChoice(0),
    }
    assert layers.choose(reader, ["reference", LEARNED])["B"] == LayerChoice(1)
    assert layers.choose(reader, bits=[few]) == {"A": LayerChoice(1, few), "B": LayerChoice(2)}
    # A second number of bits without a second method compares one layer with itself.
    assert layers.choose(reader, [LEARNED], [STORED, few]) == {
        "A": LayerChoice(1),
        "B": LayerChoice(1, few),
    }
    both = layers.choose(reader, [LEARNED, LEARNED], [few, fewer])
    assert both == {"A": LayerChoice(1, few), "B": LayerChoice(1, fewer)}


def test_of_a_methods_layers_the_one_that_has_the_bits_is_taken(reader):
    reader.layers = [layer(0, LEARNED, CHOICES[2]), layer(1, LEARNED, STORED)]
    assert layers.choose(reader, [LEARNED])["A"] == LayerChoice(0)
    assert layers.choose(reader, [LEARNED], [STORED])["A"] == LayerChoice(1)


def test_what_the_file_lacks_is_said_with_what_it_has(reader):
    with pytest.raises(
        UsageError,
        match=rf"a\.ntile: no layer is of method 'plaid'; choose from reference, {LEARNED}",
    ):
        layers.choose(reader, ["plaid"])
    there = f"{', '.join(map(str, sorted(CHOICES)[:2]))} or {STORED}"
    with pytest.raises(UsageError, match=f"{LEARNED}' can be shown with {there} bits, not with 31"):
        layers.choose(reader, [LEARNED], [31])
    with pytest.raises(UsageError, match="'reference' can be shown with 32 bits, not with 4"):
        layers.choose(reader, [LEARNED, "reference"], [STORED, 4])
    with pytest.raises(UsageError, match="two slots"):
        layers.choose(reader, ["reference"] * 3)
    with pytest.raises(UsageError, match="--bits twice at most"):
        layers.choose(reader, bits=[8, 8, 8])


def test_bits_step_between_their_ends(reader):
    exact, learned, _ = reader.layers
    choice = LayerChoice(index=1)
    seen = []
    for step in (+1, +1, +1, -1, -1, -1):
        layers.step_bits(learned, choice, step)
        seen.append(choice.keep_bits)
    assert seen == [CHOICES[1], CHOICES[2], CHOICES[2], CHOICES[1], None, None]
    choice.keep_bits = CHOICES[1]
    layers.put(exact, choice)  # the other layer has no such bits
    assert choice == LayerChoice(0, None)


def test_slots_swap_and_keep_what_they_hold():
    settings = Settings(slots={"A": LayerChoice(1, 4), "B": LayerChoice(0)})
    layers.swap(settings)
    assert (settings.active, settings.layer) == ("B", LayerChoice(0))
    layers.swap(settings)
    assert (settings.active, settings.layer) == ("A", LayerChoice(1, 4))


def test_names_of_layers_are_never_the_same(reader):
    titles = ["Hills", "Hills", "Hills", "", "Other"]
    bits = [8, 8, 4, 8, 8]
    reader.layers = [
        layer(k, LEARNED, b, title=t) for k, (t, b) in enumerate(zip(titles, bits, strict=True))
    ]
    assert layers.names(reader) == [
        "Hills, 8 bits #1",
        "Hills, 8 bits #2",
        "Hills, 4 bits",
        LEARNED,
        "Other",
    ]
    assert (
        layers.label(layer(0, LEARNED, STORED, title="Hills"), LayerChoice(0))
        == f"Hills, {STORED} bits"
    )
    assert layers.label(layer(0, LEARNED, 8), LayerChoice(0, 4)) == f"{LEARNED}, 4 of 8 bits"
    assert layers.label(layer(0, "reference", 32, 0.01), LayerChoice(0)) == "reference"


def test_bits_of_a_coded_layer_are_dropped_ones():
    coded = layer(0, "lapped_siren", 8, title="Lapped")
    assert [layers.label(coded, LayerChoice(0, bits)) for bits in (None, 7, 5)] == [
        "Lapped",
        "Lapped, 1 bit dropped",
        "Lapped, 3 bits dropped",
    ]
    assert layers.bits_explained(coded).startswith("8 is as stored;")
    assert [layers.choice_explained(coded, bits) for bits in (8, 7, 5)] == [
        "as stored",
        "1 bit dropped: steps 2 times as wide",
        "3 bits dropped: steps 8 times as wide",
    ]
    plain = layer(0, "huvr_siren", 8)
    assert layers.bits_explained(plain) == "Bits per stored value."
    assert [layers.choice_explained(plain, bits) for bits in (8, 5)] == [
        "8 bits, as stored",
        "re-quantize to 5 bits",
    ]
    twice = SimpleNamespace(layers=[coded, coded, layer(2, "huvr_siren", 8, title="Other")])
    assert layers.names(twice) == ["Lapped #1", "Lapped #2", "Other"]
