"""A scene without a window from parsed command-line options: open, aim and draw it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from neural.errors import UsageError
from viewer.graphics import gl
from viewer.model.camera import Camera
from viewer.pictures.offscreen import draw
from viewer.scene.overview import whole_area
from viewer.scene.scene import Scene
from viewer.session import project_io
from viewer.session.launch import Launch
from viewer.session.opening import (
    begin_launch,
    check_overlay,
    compare_launch,
    for_first,
    open_file,
)
from viewer.tiles.pending_file import PendingFile


@contextmanager
def opened(launch: Launch) -> Iterator[Scene]:
    """A scene without a window that shows what a launch asks for, freed afterwards.

    Raises NtileError for a file that cannot be shown or a machine without OpenGL.
    """
    if launch.path is None:
        raise UsageError("A picture needs a file; give the .ntile file to draw.")
    opening = begin_launch(launch)
    try:
        ctx = gl.create_context(launch.gl)  # meanwhile the file's head is read
    except BaseException:
        opening.cancel()
        opening.check()  # what is wrong with the file is said first
        raise
    scene = Scene(ctx, launch.settings, launch.gl)
    try:
        opening.decode_backend.set_result(scene.decode_backend)
        show(scene, launch, opening)
        yield scene
    finally:
        scene.release()
        ctx.release()


def show(scene: Scene, launch: Launch, opening: PendingFile | None = None) -> None:
    """Show a launch's files in a scene; `opening`: if the first is under way. Raises NtileError."""
    assert launch.path is not None
    open_file(scene, launch.path, launch.reference, *for_first(launch), opening)
    opened = launch.opened_project
    if opened is not None:
        opened.warnings += project_io.into(scene, opened, slots=not (launch.methods or launch.bits))
    compare_launch(scene, launch)
    check_overlay(scene)


def camera_of(scene: Scene, launch: Launch) -> Camera:
    """Where a launch looks from: as its view says, else as its project does, else at the whole
    area.

    Raises NtileError for a view that is not there.
    """
    opened = launch.opened_project
    if launch.view is not None:
        from viewer.storage.bookmarks import find_view

        assert scene.reader is not None
        return find_view(launch.view, scene.reader.grid)
    if opened is None or opened.camera is None:
        return whole_area(scene, launch.size)
    return replace(opened.camera, fov_deg=scene.settings.view.fov_deg)


def render(launch: Launch, camera: Camera | None = None, *, decorate: bool = True) -> np.ndarray:
    """The picture a launch asks for, uint8 [height, width, 3], top row first.

    `camera` None is the launch's. `decorate` False leaves out what `Settings.decorations` asks for.
    Raises NtileError for a file that cannot be shown, a tile that cannot be loaded, or a machine
    without OpenGL.
    """
    with opened(launch) as scene:
        return draw(scene, camera or camera_of(scene, launch), launch.size, decorate=decorate)
