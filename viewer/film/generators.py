"""Generated camera paths: an orbit, and a tour of the roughest parts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from viewer.film.heightfield import HeightField
from viewer.film.tour import tour
from viewer.model.camera import looking_at
from viewer.model.camera_path import CameraPath, Keyframe
from viewer.scene.scene import Scene

GENERATORS = ("tour", "orbit")
"""Values of `--flythrough`."""

ORBIT_S = 24.0
"""Default duration of an orbit, seconds."""

ORBIT_PITCH_DEG = -28.0
ORBIT_KEYFRAMES = 16


def generate(
    name: str,
    field: HeightField,
    *,
    crs: str = "",
    duration_s: float | None = None,
    fov_deg: float = 45.0,
    aspect: float = 16 / 9,
) -> CameraPath:
    """Return the path of a generator of GENERATORS, for an area's heights."""
    makers: dict[str, Callable[..., CameraPath]] = {"orbit": orbit, "tour": tour}
    path = makers[name](field, fov_deg=fov_deg, aspect=aspect, duration_s=duration_s)
    return replace(path, crs=crs)


def orbit(
    field: HeightField,
    *,
    center: tuple[float, float] | None = None,
    radius_m: float | None = None,
    duration_s: float | None = None,
    fov_deg: float = 45.0,
    aspect: float = 16 / 9,
) -> CameraPath:
    """Return an orbit around a center (None: that of the area), clockwise as seen from above.

    `radius_m` is the distance over ground; None keeps the whole area in the picture.
    """
    bounds = field.bounds
    if center is None:
        center = (bounds.west + bounds.east) / 2, (bounds.south + bounds.north) / 2
    duration_s = duration_s or ORBIT_S
    target = np.array([*center, field.height_m(*center)])
    pitch = math.radians(ORBIT_PITCH_DEG)
    if radius_m is None:
        # A sphere around the area fits into the narrower angle of view; it may be cut a little, as
        # terrain is flat.
        reach = 0.5 * math.hypot(bounds.east - bounds.west, bounds.north - bounds.south)
        half = math.radians(fov_deg) / 2
        half = min(math.atan(math.tan(half) * aspect), 1.35 * half)
        radius_m = reach / math.tan(half) * math.cos(pitch) * field.ground_scale
    radius = radius_m / field.ground_scale  # CRS meters
    z = target[2] - radius * math.tan(pitch)
    steps = ORBIT_KEYFRAMES
    frames = []
    for k in range(steps + 1):
        heading = 360.0 * k / steps
        towards = math.radians(heading)
        x = target[0] - radius * math.sin(towards)
        y = target[1] - radius * math.cos(towards)
        top = field.ceiling_m(x, y)
        height = z if top is None else max(z, top + 0.02 * radius)
        camera = looking_at(np.array([x, y, height]), target, fov_deg)
        frames.append(Keyframe(duration_s * k / steps, camera))
    frames[-1] = replace(frames[-1], camera=replace(frames[0].camera))
    return CameraPath(frames, loop=True)


def generated(
    scene: Scene, name: str, size_px: tuple[int, int], duration_s: float | None = None
) -> CameraPath:
    """Generate a path for the open file and a picture size. Raises NtileError."""
    reader = scene.main_reader
    view = scene.settings.view
    layer = min(scene.settings.layer.index, len(reader.layers) - 1)
    field = HeightField.read(
        reader, layer, exaggeration=view.exaggeration, span=scene.files[0].heights
    )
    return generate(
        name,
        field,
        crs=reader.grid.crs_wkt,
        duration_s=duration_s,
        fov_deg=view.fov_deg,
        aspect=size_px[0] / size_px[1],
    )
