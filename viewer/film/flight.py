"""Camera path over terrain: the same path, lifted smoothly wherever it is too near to the
ground."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from viewer.model.camera_path import CameraPath, Pose
from viewer.model.curves import Track

STEP_S = 0.05
"""Time step of the comparison of path and terrain, seconds."""

RAMP_S = 1.5
"""Time of the rise before and the descent after a place that is too low, seconds."""

Ceiling = Callable[[float, float, float | None], float | None]
"""Highest drawn terrain around an easting and northing, with the path's vertical exaggeration
(None: the default); None without terrain."""


class Flight:
    """Path at least `clearance_m` above the terrain at all times.

    The lift is the largest within RAMP_S of each moment, averaged over that time by a Hann window:
    always sufficient, and smooth. Clear paths stay as they are, bit for bit.
    """

    def __init__(
        self, path: CameraPath, ceiling: Ceiling | None = None, clearance_m: float = 2.0
    ) -> None:
        self._sampler = path.sampler()
        self.duration_s = self._sampler.duration_s
        self.loop = self._sampler.loop
        self._lift: Track | None = None
        if ceiling is not None:
            self._lift = self._lifts(ceiling, clearance_m)

    def pose_at(self, time_s: float) -> Pose:
        """Return the view at a time, seconds from the first keyframe."""
        pose = self._sampler.pose_at(time_s)
        if self._lift is not None:
            if self.loop and self.duration_s > 0:
                time_s %= self.duration_s
            pose = replace(
                pose,
                camera=replace(
                    pose.camera, z=pose.camera.z + float(self._lift.value_at(time_s)[0])
                ),
            )
        return pose

    @property
    def lifted_m(self) -> float:
        """Largest lift of the path, meters; 0 for a clear path."""
        return 0.0 if self._lift is None else float(self._lift.values.max())

    def _lifts(self, ceiling: Ceiling, clearance_m: float) -> Track | None:
        count = max(2, round(self.duration_s / STEP_S) + 1)
        times = np.linspace(0.0, self.duration_s, count)
        needed = np.zeros(count)
        for k, time_s in enumerate(times):
            pose = self._sampler.pose_at(float(time_s))
            camera = pose.camera
            top = ceiling(camera.easting, camera.northing, pose.keyed.get("exaggeration"))
            if top is not None:
                needed[k] = max(0.0, top + clearance_m - camera.z)
        if not needed.any():
            return None
        if self.duration_s == 0:
            return Track([0.0], needed[:1], monotone=True)
        half = max(1, round(RAMP_S / STEP_S))
        if self.loop:
            needed[0] = needed[-1] = max(needed[0], needed[-1])
            padded = needed[np.arange(-2 * half, count + 2 * half) % (count - 1)]
        else:
            padded = np.pad(needed, 2 * half, mode="edge")
        highest = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1).max(axis=1)
        window = np.hanning(2 * half + 3)[1:-1]
        smooth = np.convolve(highest, window / window.sum(), mode="valid")
        return Track(times, smooth, monotone=True, closed=self.loop)
