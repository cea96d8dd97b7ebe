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
from viewer.session.document import Document
from viewer.session.launch import Launch
from viewer.storage.path_file import check_crs, read_path


def run(launch: Launch) -> None:
    """Render the film of a launch. Raises NtileError; an interrupted video leaves no file."""
    out = str(launch.render)
    with open_scene.opened(launch) as session:
        document = session.require_document()
        scene = document.scene
        film = record.Film(path_of(document, launch), launch.size, launch.fps)
        output = open_output(
            out, film.size_px, film.rate, _about(launch, film, scene), resume=launch.resume
        )
        try:
            with progress(out, "picture") as report:
                count = record.record(scene, film, output, report)
        except BaseException:
            output.abandon()
            raise
    width, height = film.size_px
    kind = "a film" if Path(out).suffix.lower() in VIDEO_SUFFIXES else "PNG files"
    click.echo(
        f"{out}: {kind} of {count} pictures, {width}×{height} pixels, {film.rate:g} a second.",
        err=True,
    )


def path_of(document: Document, launch: Launch) -> CameraPath:
    """Return the path that a launch names or generates. Raises NtileError for one that cannot be
    used here."""
    if launch.camera_path is not None:
        path = read_path(launch.camera_path)
        crs = document.reader.grid.crs_wkt
        check_crs(path, crs, launch.camera_path, str(launch.path))
        return retimed(path, launch.duration_s) if launch.duration_s else path
    return generated(document.scene, launch.flythrough or "tour", launch.size, launch.duration_s)


def _about(launch: Launch, film: record.Film, scene: Scene) -> dict[str, Any]:
    options = {"reference": launch.reference, "methods": launch.methods, "bits": launch.bits}
    return record.about(str(launch.path), options, launch.settings, film, scene)
