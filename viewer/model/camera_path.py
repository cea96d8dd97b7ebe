"""Camera path: keyframes in time, and the interpolated view between them. Pure: no GL, no files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from viewer.model.camera import Camera
from viewer.model.curves import Track

KEYED = ("exaggeration", "sun_azimuth_deg", "sun_altitude_deg")
"""Settings of a keyframe besides the camera, interpolated between the keyframes that name them."""


@dataclass(frozen=True)
class Keyframe:
    """A view at a time. `easing` (see `curves.EASINGS`) is that of the segment which begins
    here."""

    time_s: float
    camera: Camera
    easing: str = "smooth"
    exaggeration: float | None = None
    sun_azimuth_deg: float | None = None
    sun_altitude_deg: float | None = None


@dataclass(frozen=True)
class Pose:
    """Interpolated view at one time, and the values of KEYED that the path sets."""

    camera: Camera
    keyed: dict[str, float] = field(default_factory=dict)  # by name of KEYED


@dataclass
class CameraPath:
    """Keyframes in order of time, in one coordinate system.

    Positions and angles are C1 in time through every keyframe unless two `linear` segments meet.
    Headings turn the shorter way; heights, pitches and fields of view stay between those of their
    two keyframes.
    """

    keyframes: list[Keyframe]
    crs: str = ""
    """Coordinate system of the positions: WKT or an EPSG code; empty for local coordinates."""
    fps: float = 30.0  # frames per second
    loop: bool = False
    """True if the last keyframe is the first again, so that the film can be repeated without a
    jump."""

    @property
    def duration_s(self) -> float:
        """Time from the first keyframe to the last."""
        return self.keyframes[-1].time_s - self.keyframes[0].time_s if self.keyframes else 0.0

    def frame_count(self, fps: float | None = None) -> int:
        """Return the number of frames at a rate; the last keyframe has one of its own unless it
        repeats the first."""
        count = int(self.duration_s * (fps or self.fps) + 1e-6)
        return max(1, count) if self.loop else count + 1

    def frame_times(self, fps: float | None = None) -> list[float]:
        """Return the times of all frames, seconds from the first keyframe."""
        rate = fps or self.fps
        return [k / rate for k in range(self.frame_count(rate))]

    def sampler(self) -> PathSampler:
        """Return a sampler of the present path; later changes of the path do not reach it."""
        return PathSampler(self)


class PathSampler:
    """Interpolator of a path. Raises ValueError for a path without keyframes."""

    def __init__(self, path: CameraPath) -> None:
        frames = path.keyframes
        if not frames:
            raise ValueError("a path needs a keyframe")
        self._start_s = frames[0].time_s
        times = [frame.time_s - self._start_s for frame in frames]
        easings = [frame.easing for frame in frames]
        self.duration_s = times[-1]
        self.loop = path.loop and len(frames) > 1
        cameras = [frame.camera for frame in frames]

        def track(values: Sequence[object], monotone: bool = True) -> Track:
            return Track(
                times, np.array(values, np.float64), easings, monotone=monotone, closed=self.loop
            )

        self._plan = track(
            [(camera.easting, camera.northing) for camera in cameras], monotone=False
        )
        self._heading = track(unwrapped([camera.heading_deg for camera in cameras]))
        self._rest = track([(camera.z, camera.pitch_deg, camera.fov_deg) for camera in cameras])
        self._keyed: dict[str, Track] = {}
        for name in KEYED:
            keyed = [
                (time, getattr(frame, name)) for time, frame in zip(times, frames, strict=True)
            ]
            keyed = [(time, value) for time, value in keyed if value is not None]
            if keyed:
                values = [value for _, value in keyed]
                if name == "sun_azimuth_deg":
                    values = unwrapped(values)
                self._keyed[name] = Track(
                    [time for time, _ in keyed], np.array(values), monotone=True
                )

    def pose_at(self, time_s: float) -> Pose:
        """Return the view at a time, seconds from the first keyframe; a loop repeats, others clamp
        at their ends."""
        if self.loop and self.duration_s > 0 and not 0 <= time_s <= self.duration_s:
            time_s = time_s % self.duration_s
        east, north = self._plan.value_at(time_s)
        z, pitch, fov = self._rest.value_at(time_s)
        heading = float(self._heading.value_at(time_s)[0]) % 360
        keyed = {name: float(track.value_at(time_s)[0]) for name, track in self._keyed.items()}
        if "sun_azimuth_deg" in keyed:
            keyed["sun_azimuth_deg"] %= 360
        return Pose(
            Camera(float(east), float(north), float(z), heading, float(pitch), float(fov)), keyed
        )


def unwrapped(degrees: Sequence[float]) -> list[float]:
    """Return continuous angles in degrees: each differs from the one before by the shorter turn, at
    most 180°."""
    out = [float(degrees[0])]
    for angle in degrees[1:]:
        out.append(out[-1] + math.remainder(angle - out[-1], 360.0))
    return out


def retimed(path: CameraPath, duration_s: float) -> CameraPath:
    """Return the same path scaled to another duration in seconds."""
    factor = duration_s / path.duration_s if path.duration_s > 0 else 1.0
    frames = [replace(frame, time_s=frame.time_s * factor) for frame in path.keyframes]
    return replace(path, keyframes=frames)
