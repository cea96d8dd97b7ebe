"""`--render`: a film from a path file or a generator, with progress on stderr; no window, no display."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from viewer.film import record
from viewer.film.generators import generate
from viewer.film.heightfield import HeightField
from viewer.film.output import VIDEO_SUFFIXES, open_output
from viewer.film.path import CameraPath, retimed
from viewer.film.pathfile import check_crs, read_path, to_json
from viewer.launch import Launch
from viewer.pictures import headless
from viewer.settings import Settings
from viewer.terrain.scene import Scene

SAY_S = 1.0
"""Time between lines of progress where stderr is no terminal."""


def run(launch: Launch) -> None:
    """Render the film a launch asks for. Raises NtileError; nothing half is left, whatever ends it."""
    assert launch.render is not None
    with headless.opened(launch) as scene:
        film = record.Film(path_of(scene, launch), launch.size, launch.fps)
        output = open_output(launch.render, film.size_px, film.rate, _about(launch, film), resume=launch.resume)
        try:
            with _progress(launch.render) as progress:
                count = record.record(scene, film, output, progress)
        except BaseException:
            output.abandon()
            raise
    width, height = film.size_px
    what = "a film" if Path(launch.render).suffix.lower() in VIDEO_SUFFIXES else "PNG files"
    click.echo(
        f"{launch.render}: {what} of {count} pictures, {width}×{height} pixels, {film.rate:g} a second.", err=True
    )


def path_of(scene: Scene, launch: Launch) -> CameraPath:
    """The path a launch names or has made. Raises NtileError for one that cannot be used here."""
    assert scene.reader is not None
    if launch.camera_path is not None:
        path = read_path(launch.camera_path)
        check_crs(path, scene.reader.grid.crs_wkt, launch.camera_path, str(launch.path))
        return retimed(path, launch.duration_s) if launch.duration_s else path
    return generated(scene, launch.flythrough or "tour", launch.size, launch.duration_s)


def generated(scene: Scene, name: str, size_px: tuple[int, int], duration_s: float | None = None) -> CameraPath:
    """The path that a generator makes of the open file, for a picture of this shape. Raises NtileError."""
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


def about(file: str, options: dict[str, Any], settings: Settings, film: record.Film) -> dict[str, Any]:
    """What a film shows, as plain JSON values: all that its pictures depend on."""
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in options.items()}
    film_is = {"size_px": list(film.size_px), "fps": film.rate, "path": to_json(film.path)}
    return {"file": file, **plain, **film_is, "settings": asdict(settings)}


@contextmanager
def _progress(name: str) -> Iterator[record.Progress]:
    """A bar with the time left on a terminal, else a line now and then."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(Path(name).name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class _Lines:
    """Progress as lines such as "picture 30 of 720"."""

    def __init__(self) -> None:
        self._said_at = -SAY_S

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if done == total or now - self._said_at >= SAY_S:
            self._said_at = now
            click.echo(f"picture {done} of {total}", err=True)
