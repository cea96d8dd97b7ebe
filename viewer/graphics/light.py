"""Sun, haze and view rays of one picture as shader uniforms."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from viewer.model.camera import Camera
from viewer.model.readings import BoundingBox
from viewer.model.settings import ShadingSettings

HAZE_DEPTH = 4.0
"""Optical depth of fog 1 along the area's diagonal, at its lowest height."""

HAZE_HEIGHT = 0.12
"""Scale height of the haze (1/e), as a share of the area's diagonal."""


class Light(NamedTuple):
    """Values for lib/sun.glsl and lib/air.glsl."""

    sun: tuple[float, float, float]  # unit vector towards the sun, drawn space
    sight: np.ndarray  # float64 [3, 3]: see Camera.pyramid
    size_px: tuple[int, int]  # of the picture
    # extinction 1/m at the lowest height, scale height m, eye above the lowest m
    air: tuple[float, float, float]

    @classmethod
    def of(
        cls,
        shading: ShadingSettings,
        camera: Camera,
        size_px: tuple[int, int],
        area: BoundingBox | None = None,
    ) -> Light:
        """Return the light of a picture; `area` are the drawn bounds of all files, without it there
        is no fog."""
        air = (0.0, 1.0, 0.0)
        if area is not None and shading.fog > 0:
            diagonal = math.hypot(area.east - area.west, area.north - area.south)
            air = shading.fog * HAZE_DEPTH / diagonal, HAZE_HEIGHT * diagonal, camera.z - area.low
        sun = direction(shading.sun_azimuth_deg, shading.sun_altitude_deg)
        return cls(sun, np.stack(camera.pyramid(size_px)), size_px, air)

    def uniforms(self) -> dict[str, object]:
        """Return names and values for `gl.set_uniforms`."""
        right, up, forward = (tuple(row) for row in self.sight.tolist())
        return {
            "sun": self.sun,
            "right": right,
            "up": up,
            "forward": forward,
            "size_px": self.size_px,
            "air": self.air,
        }


def direction(azimuth_deg: float, altitude_deg: float) -> tuple[float, float, float]:
    """Return the unit vector (east, north, up) towards the sun."""
    azimuth = math.radians(azimuth_deg)
    altitude = math.radians(altitude_deg)
    return (
        math.sin(azimuth) * math.cos(altitude),
        math.cos(azimuth) * math.cos(altitude),
        math.sin(altitude),
    )
