"""Films and large pictures from the window: what size, which file, and the job that makes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from neural.errors import NtileError
from viewer.model.camera_path import CameraPath

if TYPE_CHECKING:
    from viewer.app import App
    from viewer.film.job import RenderJob

SIZES = ((1280, 720), (1920, 1080), (2560, 1440), (3840, 2160), (7680, 4320))
"""Sizes offered; any other can be typed."""


class Rendering:
    """One job at a time."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.size = SIZES[1]
        """Width and height of pictures and films, pixels."""
        self.frames = False
        """True if films become PNG frames in a folder."""
        self.job: RenderJob | None = None

    def film(self, out: str, path: CameraPath) -> bool:
        """Render a path to an .mp4 file or a folder; what is in the way becomes a message."""
        return self._start(out, path)

    def picture(self, out: str) -> bool:
        """Save the present view as a picture of `size`; what is in the way becomes a message."""
        return self._start(out, None)

    def ask_film(self, path: CameraPath) -> None:
        """Ask where a film goes, then render it."""
        suffix = "" if self.frames else ".mp4"
        self._app.dialogs.save(
            "Render film", suffix, lambda out: self.film(out, path), f"{self._stem}_film{suffix}"
        )

    def ask_picture(self) -> None:
        """Ask where a picture goes, then make it."""
        self._app.dialogs.save("Save picture", ".png", self.picture, f"{self._stem}.png")

    @property
    def _stem(self) -> str:
        return "terrain" if self._app.path is None else self._app.path.stem

    def _start(self, out: str, path: CameraPath | None) -> bool:
        def start() -> None:
            from viewer.film.job import RenderJob  # and with it what starts processes

            if self.job is not None:
                raise NtileError(f"{self.job.out} is still being made; wait for it or cancel it.")
            self.job = RenderJob(out, self._app.projects.gather(), self.size, path)

        return said(self._app, start)

    def update(self) -> None:
        """One frame of the window: say how a job ended."""
        job = self.job
        if job is None or job.running:
            return
        self.job = None
        if job.cancelled:
            self._app.messages.info(job.failure)
        elif job.failure:
            self._app.messages.error(job.failure)
        else:
            self._app.messages.info(f"Rendered {job.out}.")

    def close(self) -> None:
        """The window closes."""
        if self.job is not None:
            self.job.close()


def said(app: App, work: Callable[[], object], done: str = "") -> bool:
    """Do something; what goes wrong becomes a message. Returns whether it went well."""
    try:
        work()
    except (NtileError, OSError) as error:
        app.messages.error(str(error))
        return False
    if done:
        app.messages.info(done)
    return True
