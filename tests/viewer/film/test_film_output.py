"""Films where PyAV is missing or fails, by a stand-in of it; jobs whose process fails."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest

from neural.errors import NtileError
from viewer.film import job, output
from viewer.film.job import RenderJob
from viewer.model.settings import Settings
from viewer.storage.project import Project

SIZE = (16, 16)
PICTURE = np.zeros((16, 16, 3), np.uint8)


class FFmpegError(Exception):
    """As PyAV's."""


class Container:
    """A file that `Av` opened."""

    def __init__(self, path: str, av: Av) -> None:
        self.av = av
        self.file = open(path, "ab")
        self.streams = SimpleNamespace(video=[SimpleNamespace()])

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add_stream(self, name, rate, options):
        context = SimpleNamespace(framerate=rate)
        return SimpleNamespace(codec_context=context, encode=self.encode)

    def encode(self, frame):
        if frame is None:
            return []
        self.av.written += 1
        if self.av.written > self.av.room:
            raise FFmpegError("No space left on device")
        return [frame]

    def mux(self, packet) -> None:
        self.file.write(b"picture")

    def decode(self, video):
        return [SimpleNamespace(is_corrupt=False)] * (self.av.written - self.av.lost)

    def close(self) -> None:
        self.file.close()


class Av:
    """A stand-in for the module `av`: `room` pictures fit, `lost` cannot be read again."""

    def __init__(self, room: int = 99, lost: int = 0) -> None:
        self.room = room
        self.lost = lost
        self.written = 0
        self.error = SimpleNamespace(FFmpegError=FFmpegError)
        frame = SimpleNamespace(from_ndarray=lambda array, format: SimpleNamespace(reformat=_same))
        self.VideoFrame = frame

    def open(self, path, mode="r", format=None, options=None) -> Container:
        return Container(path, self)


def _same(**options):
    return SimpleNamespace()


def opened(monkeypatch, path, av: Av) -> output.Output:
    monkeypatch.setitem(sys.modules, "av", av)
    return output.open_output(str(path), SIZE, 10, {}, resume=False)


def test_a_film_is_written_whole(tmp_path, monkeypatch):
    video = opened(monkeypatch, tmp_path / "film.mp4", Av())
    assert not video.has(0)
    for number in range(3):
        video.write(number, PICTURE)
    assert not (tmp_path / "film.mp4").exists()
    video.close()
    assert os.listdir(tmp_path) == ["film.mp4"]
    assert (tmp_path / "film.mp4").read_bytes() == b"picture" * 3


def test_an_error_of_ffmpeg_leaves_the_earlier_film(tmp_path, monkeypatch):
    (tmp_path / "film.mp4").write_bytes(b"earlier")
    video = opened(monkeypatch, tmp_path / "film.mp4", Av(room=1))
    video.write(0, PICTURE)
    with pytest.raises(NtileError, match=r"film\.mp4 cannot be written .*choose another place"):
        video.write(1, PICTURE)
    assert os.listdir(tmp_path) == ["film.mp4"]
    assert (tmp_path / "film.mp4").read_bytes() == b"earlier"


def test_a_film_that_lacks_pictures_is_not_kept(tmp_path, monkeypatch):
    video = opened(monkeypatch, tmp_path / "film.mp4", Av(lost=1))
    video.write(0, PICTURE)
    video.write(1, PICTURE)
    with pytest.raises(NtileError, match="1 pictures instead of 2"):
        video.close()
    assert os.listdir(tmp_path) == []


def test_a_film_that_is_given_up_leaves_nothing(tmp_path, monkeypatch):
    video = opened(monkeypatch, tmp_path / "film.mp4", Av())
    video.write(0, PICTURE)
    video.abandon()
    assert os.listdir(tmp_path) == []


def test_a_new_folder_without_frames_goes(tmp_path):
    folder = output.open_output(str(tmp_path / "frames"), SIZE, 10, {}, resume=False)
    folder.abandon()
    assert os.listdir(tmp_path) == []


def test_a_folder_whose_note_is_unreadable_is_refused(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    (folder / "frame_00000.png").write_bytes(b"")
    (folder / output.ABOUT).write_bytes(b"\xff\xfe")
    with pytest.raises(NtileError, match=r"film\.json cannot be read"):
        output.open_output(str(folder), SIZE, 10, {}, resume=True)


@pytest.fixture
def begun(monkeypatch):
    """Begin a job whose process runs other code."""
    start = subprocess.Popen

    def begin(code: str) -> RenderJob:
        def popen(command, **options):
            return start([sys.executable, "-c", code], **options)

        monkeypatch.setattr(job.subprocess, "Popen", popen)
        view = Project(["a.ntile"], settings=asdict(Settings()))
        return RenderJob("film.mp4", view, SIZE, None)

    return begin


def ended(job: RenderJob) -> RenderJob:
    deadline = time.monotonic() + 60
    while job.running and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not job.running
    return job


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        (
            "import sys; print('Error: no such file.', file=sys.stderr); sys.exit(3)",
            "no such file.",
        ),
        ("import sys; sys.exit(3)", "film.mp4: it ended without saying why."),
        ("", ""),
    ],
)
def test_a_jobs_failure_is_its_last_sentence(begun, code, failure):
    assert ended(begun(code)).failure == failure


def test_a_job_counts_its_pictures(begun):
    code = "import sys; print('picture 3 of 7\\nWarning: slow', file=sys.stderr); sys.exit(1)"
    job = ended(begun(code))
    assert (job.done, job.total, job.failure) == (3, 7, "Warning: slow")


def test_a_cancelled_job_says_so(begun):
    job = begun("import time; time.sleep(60)")
    assert job.failure == ""
    job.close()
    assert job.failure == "film.mp4: cancelled; nothing half is left."


def test_a_job_that_cannot_begin_leaves_nothing(monkeypatch, tmp_path):
    def popen(command, **options):
        raise OSError("no more processes")

    monkeypatch.setattr(job.subprocess, "Popen", popen)
    monkeypatch.setattr(job.output.tempfile, "gettempdir", lambda: str(tmp_path))
    with pytest.raises(OSError, match="no more processes"):
        RenderJob("film.mp4", Project(["a.ntile"], settings=asdict(Settings())), SIZE, None)
    assert os.listdir(tmp_path) == []
