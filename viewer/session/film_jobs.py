"""Films and large pictures rendered by a second process: their size, and the job under way."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from neural.errors import NtileError
from viewer.model.camera_path import CameraPath
from viewer.session.messages import Messages
from viewer.storage.project import Project

if TYPE_CHECKING:
    from viewer.film.job import RenderJob

SIZES = ((1280, 720), (1920, 1080), (2560, 1440), (3840, 2160), (7680, 4320))
"""Sizes offered; any other can be typed."""


class FilmJobs:
    """Renderer of films and pictures, one job at a time."""

    def __init__(self, gather: Callable[[], Project], messages: Messages) -> None:
        """Create an idle renderer; `gather` returns the project that a job renders."""
        self._gather = gather
        self._messages = messages
        self.size = SIZES[1]
        """Width and height of pictures and films, pixels."""
        self.frames = False
        """True if films become PNG frames in a folder."""
        self.job: RenderJob | None = None

    @property
    def film_suffix(self) -> str:
        """Suffix of a film's name: that of a video, or none for a folder of frames."""
        return "" if self.frames else ".mp4"

    def film(self, out: str, path: CameraPath) -> bool:
        """Render a path to an .mp4 file or a folder; report errors. Return True if it began."""
        return self._start(out, path)

    def picture(self, out: str) -> bool:
        """Render the present view as a PNG file of `size`; report errors. Return True if it
        began."""
        return self._start(out, None)

    def _start(self, out: str, path: CameraPath | None) -> bool:
        def start() -> None:
            from viewer.film.job import RenderJob  # and with it what starts processes

            if self.job is not None:
                raise NtileError(f"{self.job.out} is still being made; wait for it or cancel it.")
            self.job = RenderJob(out, self._gather(), self.size, path)

        return self._messages.report_errors(start)

    def update(self) -> None:
        """Report the end of a job; once a frame."""
        job = self.job
        if job is None or job.running:
            return
        self.job = None
        if job.cancelled:
            self._messages.info(job.failure)
        elif job.failure:
            self._messages.error(job.failure)
        else:
            self._messages.info(f"Rendered {job.out}.")

    def cancel(self) -> None:
        """Cancel the running job."""
        if self.job is not None:
            self.job.cancel()

    def close(self) -> None:
        """Cancel the job and wait for its end."""
        if self.job is not None:
            self.job.close()
