"""Outputs of a film: a folder of PNGs, or an mp4 file that appears once complete."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from neural.errors import NtileError, UsageError
from neural.system import output
from viewer.model import limits
from viewer.pictures.png import write_png

INSTALL = "pip install 'terrain-viewer[video]'"
"""Advice to install PyAV."""

VIDEO_SUFFIXES = (".mp4",)
OTHER_SUFFIXES = (".avi", ".gif", ".m4v", ".mkv", ".mov", ".mpg", ".png", ".jpg", ".webm", ".wmv")

ABOUT = "film.json"
"""Name of the file in a folder of frames that describes the film."""

CRF = 17
"""x264's constant quality: visually lossless."""

_X264 = {"crf": str(CRF), "preset": "medium", "x264-params": "mbtree=0"}
"""Options without the macroblock tree, which differs from run to run at some widths (480, not
640)."""

_SCALING = 0x20 | 0x40000 | 0x80000
"""libswscale's AREA, ACCURATE_RND and BITEXACT: the same pixels on every processor."""

_BT709 = 1  # primaries, transfer and matrix in H.264's tables
_LIMITED = 1  # range 16 to 235


class Output(Protocol):
    """Sink of a film's pictures in their order. `close` completes it, `abandon` ends early."""

    def has(self, number: int) -> bool:
        """Return True if this picture exists and need not be drawn."""

    def write(self, number: int, picture: np.ndarray) -> None:
        """Add a picture, uint8 [height, width, 3]."""

    def close(self) -> None:
        """Complete the output after the last picture."""

    def abandon(self) -> None:
        """Discard an unfinished film."""


def open_output(
    out: str, size_px: tuple[int, int], fps: float, about: dict[str, Any], *, resume: bool
) -> Output:
    """Return the output of a name: an .mp4 file, or else a folder.

    `about` describes the film in plain JSON; a folder resumes only that film. Raises UsageError for
    a name of another kind or a size that exceeds the memory, NtileError where it cannot be written
    or PyAV is missing.
    """
    suffix = Path(out).suffix.lower()
    limits.check(size_px, limits.VIDEO if suffix in VIDEO_SUFFIXES else limits.FRAMES)
    if suffix in VIDEO_SUFFIXES:
        if resume:
            raise UsageError(
                f"{out}: only a folder of frames can be resumed; leave out --resume or render "
                "to a folder."
            )
        return Video(Path(os.path.abspath(out)), size_px, fps)
    if suffix in OTHER_SUFFIXES:
        raise UsageError(
            f"{out}: films are written as .mp4, or as PNG frames into a folder; give such a name."
        )
    return Folder(Path(os.path.abspath(out)), about, resume=resume)


class Folder:
    """PNG files frame_00000.png, frame_00001.png, …; each is complete or absent."""

    def __init__(self, folder: Path, about: dict[str, Any], *, resume: bool) -> None:
        self.folder = folder
        note = folder / ABOUT
        text = json.dumps(about, indent=1, sort_keys=True) + "\n"
        self._is_new = not folder.exists()
        output.make_folder(folder)
        has_frames = any(folder.glob("frame_*.png"))
        if has_frames and not resume:
            raise UsageError(
                f"{folder}: it holds frames already; add --resume to go on, or give another folder."
            )
        try:
            if has_frames and (not note.exists() or note.read_text(encoding="utf-8") != text):
                raise UsageError(f"{folder}: its frames are of another film; give another folder.")
        except (OSError, ValueError) as error:
            raise NtileError(f"{note} cannot be read ({error}); give another folder.") from error
        self._note: str | None = text
        """Description of the film, until the first picture is written."""

    def path(self, number: int) -> Path:
        """Return the file of a picture."""
        return self.folder / f"frame_{number:05d}.png"

    def has(self, number: int) -> bool:
        """Return True if the picture's file exists."""
        return self.path(number).is_file()

    def write(self, number: int, picture: np.ndarray) -> None:
        """Write a picture's file atomically."""
        if self._note is not None:
            output.write_text(self.folder / ABOUT, self._note)
            self._note = None
        write_png(self.path(number), picture)

    def close(self) -> None:
        """Do nothing: all files are complete."""

    def abandon(self) -> None:
        """Keep all frames for a resume; remove a new folder without any."""
        if self._is_new and not any(self.folder.glob("frame_*.png")):
            with suppress(OSError):
                (self.folder / ABOUT).unlink(missing_ok=True)
                self.folder.rmdir()


class Video:
    """H.264 in mp4, 4:2:0, tagged as BT.709; odd sides get one more row or column, a copy of the
    last."""

    def __init__(self, out: Path, size_px: tuple[int, int], fps: float) -> None:
        try:
            import av
        except ImportError as error:
            raise NtileError(
                f"{out}: writing mp4 needs PyAV; install it with `{INSTALL}`."
            ) from error
        self._av = av
        self.out = out
        self._written = 0
        self._whole = output.whole(out, check=self._read_back)
        self._part = self._whole.__enter__()
        self.size_px = size_px[0] + size_px[0] % 2, size_px[1] + size_px[1] % 2
        rate = Fraction(fps).limit_denominator(1001)

        def start() -> None:
            self._file = av.open(
                str(self._part), "w", format="mp4", options={"movflags": "+faststart"}
            )
            stream: Any = self._file.add_stream("libx264", rate=rate, options=_X264)
            stream.width, stream.height = self.size_px
            stream.pix_fmt = "yuv420p"
            context = stream.codec_context
            context.color_primaries = context.color_trc = context.colorspace = _BT709
            context.color_range = _LIMITED
            self._stream = stream

        self._try(start)

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (OSError, self._av.error.FFmpegError) as error:
            reason = output.explain(error, self.out)
            self.abandon()
            raise NtileError(
                f"{self.out} cannot be written ({reason}); {output.ADVICE}."
            ) from error

    def has(self, number: int) -> bool:
        """Return False: a video cannot be resumed."""
        return False

    def write(self, number: int, picture: np.ndarray) -> None:
        """Encode a picture."""
        width, height = self.size_px
        pads = (0, height - picture.shape[0]), (0, width - picture.shape[1]), (0, 0)
        frame = self._av.VideoFrame.from_ndarray(np.pad(picture, pads, mode="edge"), format="rgb24")
        frame = frame.reformat(
            format="yuv420p",
            src_colorspace="ITU709",
            dst_colorspace="ITU709",
            interpolation=_SCALING,
        )
        frame.color_primaries = frame.color_trc = frame.colorspace = _BT709
        frame.color_range = _LIMITED
        frame.pts = number
        frame.time_base = Fraction(1) / self._stream.codec_context.framerate
        self._try(lambda: self._mux(frame))
        self._written += 1

    def _mux(self, frame: Any) -> None:
        for packet in self._stream.encode(frame):
            self._file.mux(packet)

    def close(self) -> None:
        """Finish the file, verify it and give it its final name."""

        def finish() -> None:
            self._mux(None)
            self._file.close()

        self._try(finish)
        self._whole.__exit__(None, None, None)

    def _read_back(self, path: Path) -> None:
        """Decode the film. Raises ValueError unless it has all pictures: FFmpeg overlooks full
        disks."""
        with self._av.open(str(path), format="mp4") as film:
            film.streams.video[0].thread_type = "AUTO"
            count = sum(not frame.is_corrupt for frame in film.decode(video=0))
        if count != self._written:
            raise ValueError(f"{count} pictures instead of {self._written}")

    def abandon(self) -> None:
        """Remove the unfinished file."""
        file = getattr(self, "_file", None)
        if file is not None:
            try:
                file.close()
            except (OSError, self._av.error.FFmpegError):
                pass  # discarded in any case
        self._whole.__exit__(_AbandonedError, _AbandonedError(), None)


class _AbandonedError(Exception):
    """Ends the writing of an unfinished file."""
