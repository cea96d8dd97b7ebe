"""Panels without a window: imgui draws them into nothing, and the text that they wrote is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.gui_driver import imgui  # skips where its libraries are missing

from imgui_bundle import implot  # isort: skip


class Recorder:
    """Commands and dialogs that a panel asked for."""

    def __init__(self) -> None:
        self.commands: list[tuple[Any, ...]] = []
        self.asked: list[tuple[str, str]] = []
        self.chosen: Any = None

    def run(self, command_id: str, *arguments: Any, **values: Any) -> None:
        self.commands.append((command_id, *arguments, *([values] if values else [])))

    def open(self, title: str, suffixes: tuple[str, ...], chosen: Any) -> None:
        self.asked.append((title, suffixes[0]))
        self.chosen = chosen

    def save(self, title: str, suffix: str, chosen: Any, name: str = "") -> None:
        self.asked.append((title, suffix))
        self.chosen = chosen


class Screen:
    """An imgui context without a window or OpenGL."""

    def __init__(self, folder: Path) -> None:
        self._log = str(folder / "panel.txt")
        self._context = imgui.create_context()
        self._plots = implot.create_context()
        io = imgui.get_io()
        io.set_ini_filename("")
        io.display_size = (900, 2400)
        io.delta_time = 1 / 60
        io.backend_flags |= imgui.BackendFlags_.renderer_has_textures.value

    def text(self, draw: Any, view: Any, frames: int = 2) -> str:
        """Draw a panel for some frames; return the text of the last one, without decoration."""
        for frame in range(frames):
            imgui.new_frame()
            imgui.set_next_window_pos((0, 0))
            imgui.set_next_window_size((880, 2380))
            imgui.begin("panel")
            if frame == frames - 1:
                Path(self._log).unlink(missing_ok=True)
                imgui.log_to_file(-1, self._log)
            draw(view)
            if frame == frames - 1:
                imgui.log_finish()
            imgui.end()
            imgui.render()
        return Path(self._log).read_text(encoding="utf-8")

    def close(self) -> None:
        implot.destroy_context(self._plots)
        imgui.destroy_context(self._context)


def press(monkeypatch: Any, *labels: str) -> None:
    """Let the buttons with these labels report a click in every frame."""

    def clicked(label: str, *_: Any) -> bool:
        return label.partition("##")[0].strip() in labels

    for name in ("button", "small_button"):
        monkeypatch.setattr(imgui, name, clicked)
