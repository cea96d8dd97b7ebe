"""Short animated camera moves, easing in and out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from viewer.model.camera import Camera

SECONDS = 0.45
"""Duration of a move, seconds."""


@dataclass
class Glide:
    """Camera move; `place(share)` returns the camera after a share, 0 to 1, of the way."""

    place: Callable[[float], Camera]
    started: float = field(default_factory=time.monotonic)

    def now(self) -> tuple[Camera, bool]:
        """Return the present camera, and True once it has arrived."""
        share = min(1.0, (time.monotonic() - self.started) / SECONDS)
        return self.place(share * share * (3 - 2 * share)), share >= 1.0


def between(start: Camera, end: Camera) -> Glide:
    """Return a straight move from one camera to another, turning the shorter way."""
    start = replace(start)
    end = replace(end)
    turn = _shorter(end.heading_deg - start.heading_deg)

    def place(share: float) -> Camera:
        camera = replace(end)
        camera.eye = start.eye + share * (end.eye - start.eye)
        camera.heading_deg = (start.heading_deg + share * turn) % 360
        camera.pitch_deg = start.pitch_deg + share * (end.pitch_deg - start.pitch_deg)
        return camera

    return Glide(place)


def around(start: Camera, pivot: np.ndarray, heading_deg: float, pitch_deg: float) -> Glide:
    """Return an orbit about a world point to a heading and pitch, degrees."""
    start = replace(start)
    turn = _shorter(heading_deg - start.heading_deg)

    def place(share: float) -> Camera:
        camera = replace(start)
        camera.orbit(share * turn, share * (pitch_deg - start.pitch_deg), pivot)
        return camera

    return Glide(place)


def towards(start: Camera, point: np.ndarray, factor: float) -> Glide:
    """Return a move to `factor` of the distance from a world point, turning to look at it."""
    end = replace(start)
    end.eye = np.asarray(point, float) - start.axes[2] * factor * float(
        np.linalg.norm(start.eye - point)
    )
    return between(start, end)


def _shorter(turn_deg: float) -> float:
    return (turn_deg + 180) % 360 - 180
