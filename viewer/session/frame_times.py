"""CPU times of the window's latest frames."""

from __future__ import annotations

import time
from collections import deque

import numpy as np

SECONDS = 6.0
"""Time span of the graph, seconds."""


class FrameTimes:
    """CPU time of each frame, milliseconds: from its first callback to its last, without the wait
    for the display."""

    def __init__(self) -> None:
        self.frames = 0
        """Frames since the start."""
        self._begun = 0.0
        self._pictures = 0
        self._kept: deque[tuple[float, float, bool]] = deque(maxlen=2000)

    def begin(self) -> None:
        """Begin a frame."""
        self._begun = time.perf_counter()

    def end(self, pictures: int) -> None:
        """End the frame; `pictures` counts the scene's pictures drawn so far."""
        now = time.perf_counter()
        self.frames += 1
        self._kept.append((now, 1e3 * (now - self._begun), pictures > self._pictures))
        self._pictures = pictures

    def latest(self, seconds: float = SECONDS) -> tuple[np.ndarray, np.ndarray]:
        """Return ages (seconds, negative, ascending) and times (ms) of the frames with a new
        picture."""
        now = time.perf_counter()
        kept = [(end - now, ms) for end, ms, drawn in self._kept if drawn and now - end <= seconds]
        values = np.array(kept, np.float64).reshape(-1, 2)
        return values[:, 0].copy(), values[:, 1].copy()

    def percentiles(self, seconds: float = SECONDS) -> tuple[float, float]:
        """Return median and 99th percentile of these times, milliseconds; zeros without any."""
        _, ms = self.latest(seconds)
        return (
            (float(np.percentile(ms, 50)), float(np.percentile(ms, 99))) if len(ms) else (0.0, 0.0)
        )
