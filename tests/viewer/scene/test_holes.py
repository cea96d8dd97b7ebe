"""No hole and no crack: not while loading, not between levels, not during a change of what is
shown."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.support import mountains
from tests.support.scene_tools import SIZE, image, is_background, whole_area, world_of
from viewer.model.camera import Camera
from viewer.pictures import offscreen
from viewer.scene.scene import Scene


def test_the_area_is_drawn_where_it_is_and_holes_are_holes(scene, target, magenta, mountain_file):
    scene.open(mountain_file)
    scene.settings.view.exaggeration = 1e-3  # as flat as a map, so that pixels are places
    camera = whole_area(scene)
    offscreen.load(scene, camera, SIZE)
    empty = is_background(image(scene, target, camera))
    easting, northing = world_of(camera, scene.drawn_z(1000.0))
    west, south, east, north = mountains.GRID.bounds
    pixel = easting[0, 1] - easting[0, 0]
    hole = np.hypot(easting - mountains.HOLE[0], northing - mountains.HOLE[1])
    outside = np.maximum.reduce(
        [west - easting, easting - east, south - northing, northing - north]
    )
    assert empty[(outside > pixel) | (hole < mountains.HOLE[2] - 2 * pixel)].all()
    assert not empty[(outside < -pixel) & (hole > mountains.HOLE[2] + 2 * pixel)].any()
    # the hole is large enough to be tested
    assert (hole < mountains.HOLE[2] - 2 * pixel).sum() > 20


@pytest.mark.parametrize("pitch", [-70.0, -25.0])
@pytest.mark.parametrize("quads", [16, 64])
def test_no_crack_shows_the_background_at_any_stage_of_loading(
    scene, target, magenta, mountain_file, pitch, quads
):
    scene.settings.view.mesh_quads = quads
    scene.settings.view.upload_budget_ms = 0.0  # one tile a frame: every mixture of levels is drawn
    scene.settings.view.exaggeration = 3.0
    scene.open(mountain_file)
    camera = whole_area(scene)
    # From inside the area and low over it, only sky above the horizon may show what is behind.
    camera.easting = 2500.0
    camera.northing = 7700.0
    camera.z = scene.drawn_z(1200.0)
    camera.heading_deg = 120.0
    camera.pitch_deg = pitch
    levels = set()
    stages = 0
    while not scene.ready:
        scene.update(camera, SIZE)
        levels.add(tuple(sorted({tile.z for tile in scene.panes[0].selection.draw})))
        empty = is_background(image(scene, target, camera))
        assert not below_skyline(empty & ~around_hole(camera, scene), camera).any()
        scene.wait(1.0)
        stages += 1
    assert stages > 5
    assert any(len(mixed) > 1 for mixed in levels)


def below_skyline(empty: np.ndarray, camera: Camera) -> np.ndarray:
    """Empty pixels with terrain above them in the same heading: cracks. The world's verticals lean
    in a picture, so it is looked at along headings and elevations, [elevations, headings]."""
    forward = camera.pitch_deg
    elevation = np.radians(np.linspace(min(forward + 40, 60), max(forward - 40, -89), 300))[:, None]
    heading = np.radians(camera.heading_deg + np.linspace(-30, 30, 240))[None, :]
    rays = np.stack(
        [
            np.sin(heading) * np.cos(elevation),
            np.cos(heading) * np.cos(elevation),
            np.sin(elevation) + 0 * heading,
        ],
        axis=-1,
    )
    right, up, ahead = np.moveaxis(rays @ camera.axes.T, -1, 0)
    scale = SIZE[1] / (2 * math.tan(math.radians(camera.fov_deg) / 2))
    with np.errstate(divide="ignore"):
        x = np.where(ahead > 0, SIZE[0] / 2 + right / ahead * scale, -1).astype(int)
        y = np.where(ahead > 0, SIZE[1] / 2 - up / ahead * scale, -1).astype(int)
    inside = (x > 0) & (x < SIZE[0]) & (y > 0) & (y < SIZE[1])
    terrain = inside & ~empty[np.clip(y, 0, SIZE[1] - 1), np.clip(x, 0, SIZE[0] - 1)]
    above = np.cumsum(terrain, axis=0) - terrain
    return inside & ~terrain & (above > 2)  # a silhouette may be jagged by a pixel


def around_hole(camera: Camera, scene: Scene) -> np.ndarray:
    """Pixels around the place without data, generously."""
    out = np.zeros(SIZE[::-1], bool)
    for angle in np.linspace(0, 2 * math.pi, 60):
        for radius in np.linspace(0, 1.2 * mountains.HOLE[2], 12):
            place = (
                mountains.HOLE[0] + radius * math.cos(angle),
                mountains.HOLE[1] + radius * math.sin(angle),
            )
            z = scene.drawn_z(float(mountains.height(np.array(place[0]), np.array(place[1]))))
            seen = camera.project(np.array([*place, z]), SIZE)
            if seen is not None:
                x = round(seen[0])
                y = round(seen[1])
                out[max(y - 6, 0) : max(y + 7, 0), max(x - 6, 0) : max(x + 7, 0)] = True
    return out


def test_changes_of_layer_bits_and_overlay_never_empty_the_picture(
    scene, target, magenta, hills_file
):
    scene.settings.view.exaggeration = 1e-3  # so that a change of heights does not move the rim
    scene.open(hills_file)
    camera = whole_area(scene)
    offscreen.load(scene, camera, SIZE)
    first = image(scene, target, camera)
    covered = ~is_background(first)
    assert covered.mean() > 0.3
    pictures = [first]
    choice = scene.settings.layer
    overlay = scene.settings.overlay
    for change in (
        lambda: setattr(choice, "keep_bits", 3),
        lambda: setattr(overlay, "name", "error"),
        lambda: setattr(choice, "keep_bits", 2),
        lambda: setattr(choice, "index", 1),
        lambda: setattr(overlay, "name", "none"),
        lambda: (setattr(choice, "index", 0), setattr(choice, "keep_bits", None)),
    ):
        change()
        before = pictures[-1]
        for _ in range(1000):
            scene.update(camera, SIZE)
            now = image(scene, target, camera)
            assert (~is_background(now) == covered).mean() > 0.995
            if scene.ready:
                break
            # the old picture, whole, until the new one is
            np.testing.assert_array_equal(now, before)
            scene.wait(1.0)
        assert scene.ready
        assert np.abs(now - before).max() > 8
        pictures.append(now)
    np.testing.assert_array_equal(pictures[-1], first)
