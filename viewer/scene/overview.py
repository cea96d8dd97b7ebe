"""The camera of a scene when none is given."""

from __future__ import annotations

from viewer.model.camera import Camera
from viewer.scene.scene import Scene

HEADING_DEG = 0.0
PITCH_DEG = -38.0
"""Direction of view when none is given; the whole area is in the picture."""


def whole_area(scene: Scene, size_px: tuple[int, int]) -> Camera:
    """The camera when none is given: the whole area from the south."""
    camera = Camera(fov_deg=scene.settings.view.fov_deg)
    camera.frame(
        scene.bounds, size_px[0] / size_px[1], heading_deg=HEADING_DEG, pitch_deg=PITCH_DEG
    )
    return camera
