"""Short camera moves: from where it is to where it was sent, easing in and out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from viewer.model.camera import Camera

SECONDS = 0.45
"""How long a move takes."""


@dataclass
class Glide:
    """A move under way; `place(share)` gives the camera after that share, 0 to 1, of the way."""

    place: Callable[[float], Camera]
    started: float = field(default_factory=time.monotonic)

    def now(self) -> tuple[Camera, bool]:
        """The camera at this moment, and whether it has arrived."""
        share = min(1.0, (time.monotonic() - self.started) / SECONDS)
        return self.place(share * share * (3 - 2 * share)), share >= 1.0


def between(start: Camera, end: Camera) -> Glide:
    """Straight from one camera to another, turning the shorter way."""
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
    """About a world point until the camera has that heading and pitch."""
    start = replace(start)
    turn = _shorter(heading_deg - start.heading_deg)

    def place(share: float) -> Camera:
        camera = replace(start)
        camera.orbit(share * turn, share * (pitch_deg - start.pitch_deg), pivot)
        return camera

    return Glide(place)


def towards(start: Camera, point: np.ndarray, factor: float) -> Glide:
    """Nearer to a world point, the distance scaled by `factor`, turning to look at it."""
    end = replace(start)
    end.eye = np.asarray(point, float) - start.axes[2] * factor * float(
        np.linalg.norm(start.eye - point)
    )
    return between(start, end)


def _shorter(turn_deg: float) -> float:
    return (turn_deg + 180) % 360 - 180
