"""Background export of pictures and films by a second process that runs the same command.

So the window stays responsive, exports of any size cannot exhaust its memory, and the output is the
command's, byte for byte.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path

from neural.system import output
from viewer.model.camera_path import CameraPath
from viewer.model.settings import DecorationSettings
from viewer.storage import project
from viewer.storage.path_file import to_json
from viewer.storage.project import Project

_PART = re.compile(r"(?:picture|piece) (\d+) of (\d+)$")


class RenderJob:
    """Running export of a film or picture. Raises NtileError or OSError where it cannot start."""

    def __init__(
        self,
        out: str,
        opened: Project,
        size_px: tuple[int, int],
        path: CameraPath | None,
        fps: float | None = None,
    ) -> None:
        """Start the export of `opened`, the present view; a `path` makes a film, None a picture."""
        self.out = out
        target = os.path.abspath(out)
        self.done = 0
        self.total = 0
        """Drawn pictures, or pieces of a large one, and their total; 0 of 0 before that is
        known."""
        self.cancelled = False
        self._messages: deque[str] = deque(maxlen=5)
        self._folder = output.scratch_folder("terrain-viewer-")
        try:
            project.write(self._folder / f"view{project.SUFFIX}", opened)
            decorations = DecorationSettings(**opened.settings["decorations"])
            kinds = ",".join(name for name, on in vars(decorations).items() if on) or "none"
            self.command = [
                *(
                    sys.executable,
                    "-m",
                    "viewer",
                    "--project",
                    str(self._folder / f"view{project.SUFFIX}"),
                ),
                *("--size", f"{size_px[0]}x{size_px[1]}", "--decorations", kinds, "--headless"),
            ]
            if path is None:
                self.command += ["--screenshot", target]
            else:
                file = self._folder / "path.json"
                file.write_text(json.dumps(to_json(path)), encoding="utf-8")
                self.command += [
                    "--path",
                    str(file),
                    "--render",
                    target,
                    "--fps",
                    f"{fps or path.fps:g}",
                ]
            root = str(Path(__file__).resolve().parent.parent.parent)
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="backslashreplace",
                env=os.environ | {"PYTHONIOENCODING": "utf-8"},
                cwd=root,
            )
        except BaseException:
            output.remove_folder(self._folder)
            raise
        self._reader = threading.Thread(target=self._read, name="film-job", daemon=True)
        self._reader.start()

    @property
    def running(self) -> bool:
        """True if the process is running."""
        return self._reader.is_alive()

    @property
    def failure(self) -> str:
        """After the end: an error sentence, "" for success."""
        if self.running or self._process.returncode == 0:
            return ""
        if self.cancelled:
            return f"{self.out}: cancelled; nothing half is left."
        return (
            self._messages[-1] if self._messages else f"{self.out}: it ended without saying why."
        ).removeprefix("Error: ")

    def cancel(self) -> None:
        """Terminate the process, which removes its partial output."""
        if self.running:
            self.cancelled = True
            self._process.terminate()

    def close(self) -> None:
        """Cancel the export and wait for its end."""
        self.cancel()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                match = _PART.match(line.strip())
                if match:
                    self.done = int(match[1])
                    self.total = int(match[2])
                elif line.strip():
                    self._messages.append(line.strip())
        self._process.wait()
        output.remove_folder(self._folder)
