"""`terrain-viewer --results`: errors and sizes of the layers in a launch's slots."""

from __future__ import annotations

from viewer.scene.results import Result, measure
from viewer.session.launch import Launch
from viewer.session.opening import chosen_layers


def of_launch(launch: Launch) -> list[Result]:
    """Measure the layers in a launch's slots over the whole area; return a row for each, one where
    both hold the same. Raises NtileError."""
    request = launch.request
    rows = [
        measure(path, choice, request.reference, request.path, pins=request.pins)
        for path, choice in chosen_layers(request).values()
    ]
    return rows[:1] if rows[0].key == rows[1].key else rows
