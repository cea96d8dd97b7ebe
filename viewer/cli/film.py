"""`--render`: a film from a path file or a generator, with progress on stderr; no window, no
display."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from viewer.cli.progress import progress
from viewer.film import record
from viewer.film.generators import generated
from viewer.film.output import VIDEO_SUFFIXES, open_output
from viewer.model.camera_path import CameraPath, retimed
from viewer.scene.scene import Scene
from viewer.session import open_scene
from viewer.session.launch import Launch
from viewer.storage.path_file import check_crs, read_path


def run(launch: Launch) -> None:
    """Render the film a launch asks for. Raises NtileError; nothing half is left, whatever ends
    it."""
    assert launch.render is not None
    with open_scene.opened(launch) as scene:
        film = record.Film(path_of(scene, launch), launch.size, launch.fps)
        output = open_output(
            launch.render, film.size_px, film.rate, _about(launch, film), resume=launch.resume
        )
        try:
            with progress(launch.render, "picture") as report:
                count = record.record(scene, film, output, report)
        except BaseException:
            output.abandon()
            raise
    width, height = film.size_px
    what = "a film" if Path(launch.render).suffix.lower() in VIDEO_SUFFIXES else "PNG files"
    click.echo(
        f"{launch.render}: {what} of {count} pictures, {width}×{height} pixels, {film.rate:g} a "
        "second.",
        err=True,
    )


def path_of(scene: Scene, launch: Launch) -> CameraPath:
    """The path a launch names or has made. Raises NtileError for one that cannot be used here."""
    assert scene.reader is not None
    if launch.camera_path is not None:
        path = read_path(launch.camera_path)
        check_crs(path, scene.reader.grid.crs_wkt, launch.camera_path, str(launch.path))
        return retimed(path, launch.duration_s) if launch.duration_s else path
    return generated(scene, launch.flythrough or "tour", launch.size, launch.duration_s)


def _about(launch: Launch, film: record.Film) -> dict[str, Any]:
    options = {"reference": launch.reference, "methods": launch.methods, "bits": launch.bits}
    return record.about(str(launch.path), options, launch.settings, film)
