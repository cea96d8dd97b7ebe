"""Large coordinates: far from the origin, a pixel a sample and nearer, the picture is the same and
moves smoothly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from neural.grid import Grid
from tests.support import areas, drawn_vertices
from tests.support.scene_tools import SIZE, image
from viewer.model.camera import Camera
from viewer.model.settings import Settings
from viewer.pictures import offscreen
from viewer.scene.scene import Scene

NEAR = Grid("", (1.0, 0.0, 0.0, 0.0, -1.0, 600.0), 700, 600)
UTM = Grid("", (1.0, 0.0, 600_000.0, 0.0, -1.0, 5_200_600.0), 700, 600)


def bumps(east: np.ndarray, south: np.ndarray) -> np.ndarray:
    """Boulders on a slope."""
    return (
        1800
        + 0.2 * east
        + 30 * np.sin(east / 60) * np.cos(south / 45)
        + np.sin(east / 2.1) * np.sin(south / 1.7)
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("precision")
    return {
        name: areas.write(folder / f"{name}.ntile", grid, bumps)
        for name, grid in (("near", NEAR), ("utm", UTM))
    }


@pytest.fixture
def scenes(ctx, files) -> Iterator[dict[str, Scene]]:
    made = {name: Scene(ctx, Settings()) for name in files}
    for name, scene in made.items():
        scene.open(files[name])
        scene.settings.view.mesh_quads = 256  # a vertex a sample
    yield made
    for scene in made.values():
        scene.release()


def camera(grid: Grid, above_m: float, east_m: float = 0.0) -> Camera:
    """Over the middle of an area, looking ahead and down."""
    west, south, east, north = grid.bounds
    x = (west + east) / 2
    y = (south + north) / 2
    return Camera(
        x + east_m, y, float(bumps(np.array(x - west), np.array(north - y))) + above_m, 30.0, -50.0
    )


@pytest.mark.parametrize("above_m", [150.0, 8.0])  # a sample is about 1.5 pixels, or 30
def test_a_place_in_utm_looks_as_it_does_at_the_origin(scenes, target, above_m):
    pictures = []
    for name, grid in (("near", NEAR), ("utm", UTM)):
        eye = camera(grid, above_m)
        offscreen.load(scenes[name], eye, SIZE)
        pictures.append(image(scenes[name], target, eye))
    assert pictures[0].std() > 5
    assert (np.abs(pictures[0] - pictures[1]).max(axis=-1) > 2).mean() < 1e-3


def test_a_step_of_a_centimeter_moves_everything_by_a_centimeter(scenes):
    """No vertex jitters: seen from 8 m, 1 cm is a third of a pixel."""
    scene = scenes["utm"]
    before = None
    offscreen.load(scene, camera(UTM, 8.0), SIZE)
    for step in range(6):
        eye = camera(UTM, 8.0, 0.01 * step)
        scene.update(eye, SIZE)
        there = drawn_vertices.read(scene, eye, SIZE)
        pixels = drawn_vertices.pixels(eye, there, SIZE)
        seen = ((pixels > 0) & (pixels < SIZE)).all(axis=-1)
        assert seen.sum() > 100
        if before is not None:
            expected = drawn_vertices.pixels(eye, before - [0.01, 0.0, 0.0], SIZE)
            assert np.abs(pixels - expected)[seen].max() < 0.02
            moved = np.abs(pixels - drawn_vertices.pixels(eye, before, SIZE))[seen]
            assert np.median(moved[:, 0]) > 0.1
        before = there
