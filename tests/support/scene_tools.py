"""Shared parts of the tests of the scene: a small picture, a loud background, and places of
pixels."""

from __future__ import annotations

from pathlib import Path

import moderngl
import numpy as np

import shaders
from viewer.model.camera import Camera
from viewer.scene.scene import Scene
from viewer.session.open_request import OpenRequest
from viewer.session.opening import show

SIZE = (320, 200)
ABOVE = {"heading_deg": 0.0, "pitch_deg": -89.9}


class Magenta:
    """A background that no terrain color comes near."""

    def __init__(self, ctx):
        self._ctx = ctx
        fragment = (
            "#version 410 core\nout vec4 color; void main() { color = vec4(1.0, 0.0, 1.0, 1.0); }"
        )
        self._program = ctx.program(
            vertex_shader=shaders.source("fullscreen.vert").text, fragment_shader=fragment
        )
        self._triangle = ctx.vertex_array(self._program, [])

    def draw(self, light):
        self._ctx.enable_only(moderngl.DEPTH_TEST)
        self._ctx.depth_func = "<="
        self._triangle.render(vertices=3)
        self._ctx.depth_func = "<"

    def release(self):
        self._triangle.release()
        self._program.release()


def open_file(scene: Scene, path: str | Path) -> None:
    """Show a file with its default layers."""
    show(scene, OpenRequest(str(path)))


def image(scene: Scene, fbo, camera: Camera) -> np.ndarray:
    scene.draw(fbo, camera)
    pixels = np.frombuffer(fbo.read(components=3, alignment=1), np.uint8)
    return pixels.reshape(SIZE[1], SIZE[0], 3)[::-1].astype(int)


def is_background(picture: np.ndarray) -> np.ndarray:
    return (picture == (255, 0, 255)).all(axis=-1)


def whole_area(scene: Scene, **direction: float) -> Camera:
    camera = Camera()
    camera.frame(scene.bounds, SIZE[0] / SIZE[1], **(ABOVE | direction))
    return camera


def world_of(camera: Camera, z: float) -> tuple[np.ndarray, np.ndarray]:
    """Easting and northing where each pixel's ray reaches a height, [h, w]."""
    rays = np.array(
        [[camera.ray(x + 0.5, y + 0.5, SIZE) for x in range(SIZE[0])] for y in range(SIZE[1])]
    )
    t = (z - camera.z) / rays[..., 2]
    return camera.easting + t * rays[..., 0], camera.northing + t * rays[..., 1]
