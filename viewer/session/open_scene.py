"""A session without a window, from parsed command-line options."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from neural.errors import NtileError, UsageError
from viewer.graphics import gl
from viewer.model.camera import Camera
from viewer.pictures import offscreen
from viewer.session import commands
from viewer.session.launch import Launch
from viewer.session.opening import Loading
from viewer.session.session import Session
from viewer.storage.bookmarks import find_view


@contextmanager
def opened(launch: Launch) -> Iterator[Session]:
    """Open the files of a launch, aim the camera and run its commands; free all of it afterwards.

    Raises NtileError for a file that cannot be shown or a machine without OpenGL.
    """
    request = launch.request
    loading = Loading(request)
    try:
        ctx = gl.create_context(launch.gl)  # meanwhile the files' heads are read
    except BaseException:
        loading.cancel()
        loading.check()  # errors of the file come first
        raise
    session = Session(launch.settings, launch.messages)
    try:
        scene = session.attach(ctx, launch.gl)
        loading.decode_backend.set_result(scene.decode_backend)
        session.navigation.size_px = launch.size
        session.open(request, loading)
        _aim(session, launch.view)
        if launch.commands:
            _run_commands(session, launch)
        yield session
    finally:
        session.close()
        ctx.release()


def render(launch: Launch, camera: Camera | None = None, *, decorate: bool = True) -> np.ndarray:
    """Return the picture of a launch, uint8 [height, width, 3], top row first.

    `camera` None is the launch's. `decorate` False leaves out `Settings.decorations`. Raises
    NtileError for a file that cannot be shown, a tile that cannot be loaded, or a machine without
    OpenGL.
    """
    with opened(launch) as session:
        scene = session.require_document().scene
        return offscreen.draw(scene, camera or session.camera, launch.size, decorate=decorate)


def _aim(session: Session, view: str | None) -> None:
    """Begin with a view (bookmark or file), if given. Raises NtileError for one that is not
    there."""
    if view is not None:
        grid = session.require_document().reader.grid
        session.camera = find_view(view, grid, say=session.messages.warn_once)
    else:
        session.camera = replace(session.camera, fov_deg=session.settings.view.fov_deg)


def _run_commands(session: Session, launch: Launch) -> None:
    """Run the commands of a launch, each to its end. Raises UsageError for one that is unknown or
    disabled, NtileError for one that fails."""
    for command_id in launch.commands:
        document = session.document
        if document is not None:  # commands may look for the ground in the picture
            with offscreen.offline_quality(document.scene):
                offscreen.load(document.scene, session.camera, launch.size)
        session.update()  # the parts follow the document
        if not commands.run(session, command_id):
            raise UsageError(f"--do {command_id}: it cannot run here; leave it out.")
        failures = [entry.text for entry in session.messages.entries if entry.level == "error"]
        if failures:
            raise NtileError(failures[-1])
        session.navigation.finish()
