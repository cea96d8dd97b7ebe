"""Default camera of a scene."""

from __future__ import annotations

from viewer.model.camera import Camera
from viewer.scene.scene import Scene

HEADING_DEG = 0.0
PITCH_DEG = -38.0
"""Default view direction, with the full extent in the picture."""


def whole_area(scene: Scene, size_px: tuple[int, int]) -> Camera:
    """Return the default camera: the full extent, seen from the south."""
    camera = Camera(fov_deg=scene.settings.view.fov_deg)
    camera.frame(
        scene.bounds, size_px[0] / size_px[1], heading_deg=HEADING_DEG, pitch_deg=PITCH_DEG
    )
    return camera
