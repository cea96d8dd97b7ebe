"""Rendering of a film's pictures: time advances by a fixed step, and each picture waits for all of
its tiles."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from neural.progress import Report
from viewer.film.flight import Flight
from viewer.film.heightfield import HeightField
from viewer.film.output import Output
from viewer.graphics.offscreen_target import OffscreenTarget
from viewer.model.camera_path import CameraPath, Pose
from viewer.model.settings import Settings
from viewer.pictures import decorations, offscreen
from viewer.scene.scene import Scene
from viewer.storage.path_file import to_json
from viewer.tiles.reference import DemReference

CLEARANCE_M = 2.0
"""Minimum height of paths above the terrain, meters."""


@dataclass(frozen=True)
class Film:
    """Path, picture size and frame rate."""

    path: CameraPath
    size_px: tuple[int, int] = (1280, 720)
    fps: float | None = None  # None: the path's own

    @property
    def rate(self) -> float:
        """Frames per second."""
        return self.fps or self.path.fps


def record(scene: Scene, film: Film, output: Output, progress: Report | None = None) -> int:
    """Draw a film of an open scene into an output and close it; return the number of pictures.

    On failure the output is abandoned; the scene's settings are restored in any case. Raises
    NtileError.
    """
    total = film.path.frame_count(film.rate)
    try:
        missing = [k for k in range(total) if not output.has(k)]
        if progress is not None:
            progress(total - len(missing), total)
        for done, (k, picture) in enumerate(
            zip(missing, pictures(scene, film, missing), strict=True), start=1
        ):
            output.write(k, picture)
            if progress is not None:
                progress(total - len(missing) + done, total)
        output.close()
    except BaseException:
        output.abandon()
        raise
    return total


def pictures(
    scene: Scene, film: Film, numbers: list[int] | None = None
) -> Generator[np.ndarray, None, None]:
    """Draw the pictures of a film (or those with these numbers), uint8 [height, width, 3] each.
    Raises NtileError.

    Deterministic on one renderer: independent of the clock and of the order of loading. Automatic
    color ranges stay as in the first picture.
    """
    times = film.path.frame_times(film.rate)
    numbers = list(range(len(times))) if numbers is None else numbers
    if not numbers:
        return
    flight = make_flight(scene, film.path)
    whole = offscreen.largest_piece(scene, film.size_px) == film.size_px
    poses = [flight.pose_at(times[k]) for k in numbers]
    colors: _Colors | None = None
    with OffscreenTarget(scene.ctx, film.size_px if whole else (1, 1)) as target:
        for k, pose in enumerate(poses):
            # while a picture is used the settings are the user's, and others may draw
            with _restored_settings(scene.settings), offscreen.offline_quality(scene):
                if colors is None:
                    colors = _first_colors(scene, flight.pose_at(0.0), film.size_px)
                _put_colors(scene.settings, colors)
                apply(scene.settings, pose)
                camera = replace(pose.camera)
                if whole:
                    offscreen.load(scene, camera, film.size_px)
                    camera.stay_above(scene.surface_z(camera.easting, camera.northing))
                    picture = offscreen.render_frame(target, scene, camera)
                    decorations.for_scene(scene, camera, film.size_px).paint(picture)
                    if k + 1 < len(poses):
                        # its tiles load while this picture is written
                        scene.update(poses[k + 1].camera, film.size_px)
                else:
                    picture = offscreen.draw(scene, camera, film.size_px, decorate=True)
            yield picture


def make_flight(scene: Scene, path: CameraPath) -> Flight:
    """Return a path lifted above an open scene's terrain. Raises NtileError."""
    reader = scene.main_reader
    layer = min(scene.settings.layer.index, len(reader.layers) - 1)
    field = HeightField.read(
        reader,
        layer,
        exaggeration=scene.settings.view.exaggeration,
        span=scene.files[0].heights,
    )
    return Flight(path, field.ceiling_m, CLEARANCE_M)


def apply(settings: Settings, pose: Pose) -> None:
    """Set the settings that a pose keys."""
    for name, value in pose.keyed.items():
        setattr(settings.view if name == "exaggeration" else settings.shading, name, value)


@contextmanager
def _restored_settings(settings: Settings) -> Iterator[None]:
    """Restore the settings that films change after the block."""
    exaggeration = settings.view.exaggeration
    reach = settings.overlay.reach
    contours = replace(settings.contours)
    azimuth = settings.shading.sun_azimuth_deg
    altitude = settings.shading.sun_altitude_deg
    try:
        yield
    finally:
        settings.view.exaggeration = exaggeration
        settings.overlay.reach = reach
        settings.contours = contours
        settings.shading.sun_azimuth_deg = azimuth
        settings.shading.sun_altitude_deg = altitude


@dataclass(frozen=True)
class _Colors:
    """Color ranges and contours of all pictures of a film; nothing of what they do not show."""

    reach: dict[str, float] | None = None
    interval_m: float | None = None


def _first_colors(scene: Scene, pose: Pose, size_px: tuple[int, int]) -> _Colors:
    """Return the color ranges and contours of a film's first picture."""
    overlay = scene.settings.overlay
    contours = scene.settings.contours
    if overlay.name == "none" and not contours.on:
        return _Colors()
    apply(scene.settings, pose)
    camera = replace(pose.camera)
    offscreen.load(scene, camera, offscreen.screen_sized(size_px))
    scene.run_survey_pass(camera, size_px)
    return _Colors(
        overlay.reach | {overlay.name: scene.overlay_limit},
        scene.survey.interval_m(scene.settings) or contours.interval_m,
    )


def _put_colors(settings: Settings, colors: _Colors) -> None:
    """Fix color ranges and contours, without labels, against flicker."""
    if colors.reach is None or colors.interval_m is None:
        return
    settings.overlay.reach = colors.reach
    settings.contours.interval_m = colors.interval_m
    settings.contours.auto = settings.contours.labels = False


def about(
    file: str, options: dict[str, Any], settings: Settings, film: Film, scene: Scene
) -> dict[str, Any]:
    """Describe a film of an open scene in plain JSON values: all inputs of its pictures."""
    plain = {
        name: list(value) if isinstance(value, tuple) else value for name, value in options.items()
    }
    raster = options["reference"]
    if raster is not None:
        plain["reference"] = {"name": raster.name, **raster.reading.to_json()}
    description = {"size_px": list(film.size_px), "fps": film.rate, "path": to_json(film.path)}
    contents = []
    for opened in scene.files:
        reference = opened.reference
        measured = reference.content if isinstance(reference, DemReference) else ""
        contents.append([opened.reader.content, measured])
    return {
        "file": file,
        "contents": contents,
        **plain,
        **description,
        "settings": asdict(settings),
    }
