"""Costs of a layer in the panels: counted once, off the main thread, and the same as `ntile
evaluate` says."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from neural.container.reader import Reader, open_reader
from neural.errors import ContainerError
from neural.measure.sizes import body_bytes
from viewer.model import text
from viewer.model.settings import LayerChoice
from viewer.scene import costs
from viewer.scene.costs import COUNTING, UNKNOWN, Cost, Costs

PLANES = 0
REFERENCE = 1  # layers of the hills


@pytest.fixture
def reader(hills_file: Path):
    with open_reader(hills_file) as opened:
        yield opened


def counted(reader: Reader, choice: LayerChoice) -> Cost:
    """The cost once it is known."""
    known = Costs()
    known.of(reader, choice)
    known._counted[reader][choice.index, choice.keep_bits].exception(timeout=60)
    found = known.of(reader, choice)
    known.close()
    return found


def test_what_is_stored_is_counted_exactly(reader: Reader) -> None:
    sizes = reader.sizes()
    samples = reader.grid.width * reader.grid.height
    share = sum(sizes["tiles"][REFERENCE]) / sum(map(sum, sizes["tiles"]))
    size = sum(sizes["payload_bytes"][REFERENCE]) + share * sizes["directory_bytes"]
    rate = 8 * sizes["payload_bytes"][REFERENCE][-1] / samples
    assert counted(reader, LayerChoice(REFERENCE)) == (f"{rate:.3f}", text.data_size(size))


def test_fewer_bits_are_marked_and_as_small_as_an_encoding_with_them(reader: Reader) -> None:
    layer = reader.layers[PLANES]
    samples = reader.grid.width * reader.grid.height
    stored = counted(reader, LayerChoice(PLANES))
    fewer = counted(reader, LayerChoice(PLANES, 3))
    saved = (body_bytes(layer, 8) - body_bytes(layer, 3)) * reader.sizes()["tiles"][PLANES][-1]
    (about, rate) = fewer.rate.split()
    (same, size) = fewer.size.split()[:2]
    assert about == same == "≈"
    assert float(rate) == pytest.approx(float(stored.rate) - 8 * saved / samples, abs=1.1e-3)
    assert float(size) < 0.6 * float(stored.size.split()[0])


def test_nothing_waits_for_a_count_and_each_is_made_once(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    may_go_on = threading.Event()

    def slow(reader: Reader, index: int, keep_bits: int | None) -> Cost:
        asked.append((index, keep_bits, threading.current_thread()))
        may_go_on.wait(60)
        return Cost(f"{index}", f"{keep_bits}")

    monkeypatch.setattr(costs, "count", slow)
    known = Costs()
    choices = [LayerChoice(PLANES, 4), LayerChoice(REFERENCE)]
    assert [known.of(reader, choice) for choice in choices * 2] == [COUNTING] * 4
    may_go_on.set()
    for counting in known._counted[reader].values():
        counting.result(timeout=60)
    assert [known.of(reader, choice) for choice in choices * 2] == [("0", "4"), ("1", "None")] * 2
    assert [each[:2] for each in asked] == [(PLANES, 4), (REFERENCE, None)]
    assert threading.main_thread() not in {thread for _, _, thread in asked}
    known.close()


def test_a_layer_that_cannot_be_read_costs_a_dash(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*arguments: object) -> dict[str, float]:
        raise ContainerError("a tile is damaged")

    monkeypatch.setattr(costs, "rates", damaged)
    assert counted(reader, LayerChoice(PLANES, 4)) == UNKNOWN == ("–", "–")
