"""`terrain-viewer --results`: errors and sizes of the layers in a launch's slots."""

from __future__ import annotations

from neural.container.reader import open_reader
from viewer.model import layers
from viewer.scene.results import Result, measure
from viewer.session.launch import Launch
from viewer.session.opening import for_first


def of_launch(launch: Launch) -> list[Result]:
    """The layers in a launch's slots, measured over the whole area; one row where both hold the
    same. NtileError."""
    assert launch.path is not None
    with open_reader(launch.path) as reader:
        slots = layers.choose(reader, *for_first(launch))
    chosen = [(launch.path, slots["A"]), (launch.path, slots["B"])]
    if launch.compare:
        with open_reader(launch.compare) as reader:
            chosen[1] = (
                launch.compare,
                layers.choose(reader, launch.methods[1:], launch.bits[1:])["A"],
            )
    rows = [measure(path, choice, launch.reference, launch.path) for path, choice in chosen]
    return rows[:1] if rows[0].key == rows[1].key else rows
