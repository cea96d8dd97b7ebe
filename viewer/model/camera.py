"""The eye: a position in file CRS meters (float64), a heading and a pitch.

World axes are x east, y north, z up. Matrices are for points relative to the eye, so float32 never
sees a large coordinate; they act on row vectors (`p @ M`), which is GLSL's `M * p` when their bytes
are sent as they are.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields

import numpy as np

from neural.system import arguments
from viewer.model.readings import BoundingBox

CLEARANCE_M = 1.0
"""Minimum height of the eye above the terrain, meters."""

MAX_PITCH_DEG = 89.9
"""Straight down and straight up have no heading; the camera stops just before."""


@dataclass
class Camera:
    """Position and direction of view; there is no roll."""

    easting: float = 0.0
    northing: float = 0.0
    z: float = 1000.0  # meters in drawn space, that is after vertical exaggeration
    heading_deg: float = 0.0  # direction of view, clockwise from north
    pitch_deg: float = -35.0  # above (+) or below (−) the horizon
    fov_deg: float = 45.0  # vertical field of view

    @property
    def eye(self) -> np.ndarray:
        """Position, float64 [3]."""
        return np.array([self.easting, self.northing, self.z])

    @eye.setter
    def eye(self, value: np.ndarray) -> None:
        self.easting, self.northing, self.z = (float(x) for x in value)

    @property
    def axes(self) -> np.ndarray:
        """Unit vectors to the right, up and forward, rows of float64 [3, 3]."""
        heading = math.radians(self.heading_deg)
        pitch = math.radians(self.pitch_deg)
        sin_h = math.sin(heading)
        cos_h = math.cos(heading)
        sin_p = math.sin(pitch)
        cos_p = math.cos(pitch)
        return np.array(
            [
                [cos_h, -sin_h, 0.0],
                [-sin_h * sin_p, -cos_h * sin_p, cos_p],
                [sin_h * cos_p, cos_h * cos_p, sin_p],
            ]
        )

    def view_from_world(self) -> np.ndarray:
        """Return the matrix from eye-relative world axes to view axes (x right, y up, z backward),
        float64 [4, 4]."""
        right, up, forward = self.axes
        matrix = np.eye(4)
        matrix[:3, :3] = np.stack([right, up, -forward], axis=1)
        return matrix

    @property
    def window(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top of the visible part of the view, −1 to 1; all of it here. A
        picture drawn in pieces overrides this."""
        return -1.0, 1.0, -1.0, 1.0

    def whole(self, size_px: tuple[int, int]) -> tuple[int, int]:
        """Return the size in pixels of the whole view's picture, of which `size_px` shows `window`;
        the same here."""
        return size_px

    def pixel(self, size_px: tuple[int, int]) -> float:
        """Return the size of a pixel at distance 1 ahead."""
        return 2 * math.tan(math.radians(self.fov_deg) / 2) / self.whole(size_px)[1]

    def pyramid(self, size_px: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return vectors right, up and forward: forward + x·right + y·up passes through (x, y) of a
        picture, each −1 to 1."""
        width, height = self.whole(size_px)
        left, right, bottom, top = self.window
        tangent = math.tan(math.radians(self.fov_deg) / 2)
        across, upward, forward = self.axes
        across = across * tangent * width / height
        upward = upward * tangent
        middle = forward + (left + right) / 2 * across + (bottom + top) / 2 * upward
        return across * (right - left) / 2, upward * (top - bottom) / 2, middle

    def clip_from_view(self, aspect: float, near: float, far: float) -> np.ndarray:
        """Return the perspective projection (gluPerspective's) for a picture `aspect` times as wide
        as high, float64 [4, 4]."""
        scale = 1 / math.tan(math.radians(self.fov_deg) / 2)
        depth = near - far
        matrix = np.zeros((4, 4))
        matrix[[0, 1], [0, 1]] = scale / aspect, scale
        matrix[2:, 2:] = [[(far + near) / depth, -1], [2 * far * near / depth, 0]]
        return matrix

    def clip_from_world(self, aspect: float, near: float, far: float) -> np.ndarray:
        """Return the matrix from eye-relative world to clip space, float64 [4, 4]."""
        matrix: np.ndarray = self.view_from_world() @ self.clip_from_view(aspect, near, far)
        return matrix

    def ray(self, x_px: float, y_px: float, size_px: tuple[int, int]) -> np.ndarray:
        """Return the unit direction through a pixel, x right and y down from the top left corner,
        float64 [3]."""
        width, height = size_px
        right, up, forward = self.axes
        tangent = math.tan(math.radians(self.fov_deg) / 2)
        x = (2 * x_px / width - 1) * tangent * width / height
        y = (1 - 2 * y_px / height) * tangent
        direction: np.ndarray = forward + x * right + y * up
        direction /= np.linalg.norm(direction)
        return direction

    def project(self, point: np.ndarray, size_px: tuple[int, int]) -> tuple[float, float] | None:
        """Return the pixel of a world point (inverse of `ray`), or None behind the eye."""
        width, height = size_px
        x, y, depth = self.axes @ (np.asarray(point, float) - self.eye)
        if depth <= 0:
            return None
        scale = height / (2 * math.tan(math.radians(self.fov_deg) / 2) * depth)
        return width / 2 + x * scale, height / 2 - y * scale

    def look(self, heading_deg: float, pitch_deg: float) -> None:
        """Rotate the view by two angles in degrees about the eye. Raises UsageError for others."""
        heading_deg = arguments.number("heading_deg", heading_deg)
        pitch_deg = arguments.number("pitch_deg", pitch_deg)
        self.heading_deg = (self.heading_deg + heading_deg) % 360
        self.pitch_deg = float(np.clip(self.pitch_deg + pitch_deg, -MAX_PITCH_DEG, MAX_PITCH_DEG))

    def orbit(self, heading_deg: float, pitch_deg: float, pivot: np.ndarray) -> None:
        """Rotate about a world point, which keeps its place in the picture."""
        relative = self.axes @ (self.eye - np.asarray(pivot, float))
        self.look(heading_deg, pitch_deg)
        self.eye = np.asarray(pivot, float) + relative @ self.axes

    def pan(self, grabbed: np.ndarray, x_px: float, y_px: float, size_px: tuple[int, int]) -> None:
        """Move sideways so that the world point `grabbed` lies under the pixel.

        The eye keeps its height. Near and above the horizon, where that would throw it far away, it
        stays.
        """
        direction = self.ray(x_px, y_px, size_px)
        drop = self.z - grabbed[2]
        if direction[2] * drop > -0.02 * abs(drop):
            return
        hit = self.eye + direction * (drop / -direction[2])
        self.easting += float(grabbed[0] - hit[0])
        self.northing += float(grabbed[1] - hit[1])

    def zoom(self, point: np.ndarray, factor: float) -> None:
        """Scale the distance to a world point, which keeps its place in the picture; it never gets
        below 1 m."""
        offset = self.eye - np.asarray(point, float)
        distance = float(np.linalg.norm(offset))
        if distance > 0:
            self.eye = np.asarray(point, float) + offset * max(
                factor, min(1.0, CLEARANCE_M / distance)
            )

    def fly(
        self, seconds: float, forward: float, right: float, up: float, speed_m_s: float
    ) -> None:
        """Move along the view's own axes (`up` is the world's) at the given speed; the three are
        −1, 0 or 1."""
        axes = self.axes
        move = forward * axes[2] + right * axes[0] + np.array([0.0, 0.0, up])
        length = float(np.linalg.norm(move))
        if length > 0:
            self.eye = self.eye + move * (speed_m_s * seconds / length)

    def stay_above(self, surface_z: float | None) -> None:
        """Lift the eye to `CLEARANCE_M` above the drawn surface below it (None: there is none)."""
        if surface_z is not None:
            self.z = max(self.z, surface_z + CLEARANCE_M)

    def frame(
        self,
        bounds: BoundingBox,
        aspect: float,
        *,
        heading_deg: float | None = None,
        pitch_deg: float | None = None,
    ) -> None:
        """Move back until a box fills the picture, keeping or setting the direction of view."""
        if heading_deg is not None:
            self.heading_deg = heading_deg
        if pitch_deg is not None:
            self.pitch_deg = float(np.clip(pitch_deg, -MAX_PITCH_DEG, MAX_PITCH_DEG))
        west, south, east, north, low, high = bounds
        corners = np.array(
            [[x, y, z] for x in (west, east) for y in (south, north) for z in (low, high)]
        )
        center = corners.mean(axis=0)
        right, up, forward = ((corners - center) @ self.axes.T).T  # [8] each
        # leaves a margin of 3 % on each side
        tangent = 0.94 * math.tan(math.radians(self.fov_deg) / 2)
        tangent_x = tangent * aspect
        # The picture's sides touch the box where right ± tangent·depth is extreme; center it
        # between them.
        shift_x = (np.max(right - tangent_x * forward) + np.min(right + tangent_x * forward)) / 2
        shift_y = (np.max(up - tangent * forward) + np.min(up + tangent * forward)) / 2
        distance = max(
            np.max(np.abs(right - shift_x) / tangent_x - forward),
            np.max(np.abs(up - shift_y) / tangent - forward),
            CLEARANCE_M - np.min(forward),
        )
        self.eye = center + np.array([shift_x, shift_y, -distance]) @ self.axes

    def to_json(self) -> dict[str, float]:
        """Return plain JSON values; `from_json` rebuilds the camera."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, float]) -> Camera:
        """Return the camera of `to_json`'s values. Raises ValueError for unknown names."""
        unknown = set(values) - {f.name for f in fields(cls)}
        if unknown:
            raise ValueError(f"a camera has no {', '.join(sorted(unknown))}")
        return cls(**{name: float(value) for name, value in values.items()})


def looking_at(eye: np.ndarray, target: np.ndarray, fov_deg: float) -> Camera:
    """Return a camera at `eye` that looks at `target`, both in CRS meters."""
    east, north, up = np.asarray(target, float) - eye
    heading = math.degrees(math.atan2(east, north)) % 360
    pitch = math.degrees(math.atan2(up, math.hypot(east, north)))
    return Camera(float(eye[0]), float(eye[1]), float(eye[2]), heading, pitch, fov_deg)
