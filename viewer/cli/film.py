"""`--render`: a film from a path file or a generator, with progress on stderr; no window, no
display."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from viewer.cli.progress import progress
from viewer.film import record
from viewer.film.generators import generate
from viewer.film.heightfield import HeightField
from viewer.film.output import VIDEO_SUFFIXES, open_output
from viewer.model.camera_path import CameraPath, retimed
from viewer.model.settings import Settings
from viewer.pictures import offscreen
from viewer.scene.scene import Scene
from viewer.session.launch import Launch
from viewer.storage.path_file import check_crs, read_path, to_json


def run(launch: Launch) -> None:
    """Render the film a launch asks for. Raises NtileError; nothing half is left, whatever ends
    it."""
    assert launch.render is not None
    with offscreen.opened(launch) as scene:
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


def generated(
    scene: Scene, name: str, size_px: tuple[int, int], duration_s: float | None = None
) -> CameraPath:
    """The path that a generator makes of the open file, for a picture of this shape. Raises
    NtileError."""
    assert scene.reader is not None
    view = scene.settings.view
    layer = min(scene.settings.layer.index, len(scene.reader.layers) - 1)
    field = HeightField.read(scene.reader, layer, exaggeration=view.exaggeration)
    return generate(
        name,
        field,
        crs=scene.reader.grid.crs_wkt,
        duration_s=duration_s,
        fov_deg=view.fov_deg,
        aspect=size_px[0] / size_px[1],
    )


def _about(launch: Launch, film: record.Film) -> dict[str, Any]:
    options = {"reference": launch.reference, "methods": launch.methods, "bits": launch.bits}
    return about(str(launch.path), options, launch.settings, film)


def about(
    file: str, options: dict[str, Any], settings: Settings, film: record.Film
) -> dict[str, Any]:
    """Describe a film in plain JSON values: all that its pictures depend on."""
    plain = {
        name: list(value) if isinstance(value, tuple) else value for name, value in options.items()
    }
    raster = options["reference"]
    if raster is not None:
        plain["reference"] = {"name": raster.name, **raster.reading.to_json()}
    film_is = {"size_px": list(film.size_px), "fps": film.rate, "path": to_json(film.path)}
    return {"file": file, **plain, **film_is, "settings": asdict(settings)}
