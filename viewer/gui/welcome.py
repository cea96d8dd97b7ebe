"""The welcome window while no file is open: open a file, the sample, a recent one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imgui_bundle import ImVec2, hello_imgui, icons_fontawesome_4, imgui

from assets import sample_files
from viewer.gui import theme, widgets
from viewer.model import text

if TYPE_CHECKING:
    from viewer.gui.view import WindowView

_FLAGS = (
    imgui.WindowFlags_.no_decoration
    | imgui.WindowFlags_.no_docking
    | imgui.WindowFlags_.always_auto_resize
    | imgui.WindowFlags_.no_saved_settings
    | imgui.WindowFlags_.no_move
    | imgui.WindowFlags_.no_bring_to_front_on_focus
)

RECENT = 6
"""Recent files listed."""


def draw(view: WindowView, area: tuple[float, float, float, float]) -> None:
    """Draw the window in the middle of `area` (left, top, width, height)."""
    left, top, width, height = area
    em = hello_imgui.em_size()
    imgui.set_next_window_pos(
        ImVec2(left + width / 2, top + height / 2), imgui.Cond_.always, ImVec2(0.5, 0.5)
    )
    imgui.set_next_window_size_constraints(
        ImVec2(0, 0), ImVec2(max(0.96 * width, 8 * em), max(0.96 * height, 4 * em))
    )
    if imgui.begin("##welcome", None, _FLAGS)[0]:
        imgui.text_unformatted("Drop a .ntile file here, or a project")
        imgui.spacing()
        if imgui.button(f"{icons_fontawesome_4.ICON_FA_FOLDER_OPEN}  Open… (Ctrl+O)###open"):
            view.run("file.open")
        samples = sample_files()
        if samples:
            imgui.same_line()
            if imgui.button("Sample area"):
                view.open_paths([str(samples[0])])
        files = view.session.preferences.values.recent_files()
        recent = [path for path, exists in files if exists][:RECENT]
        if recent:
            widgets.heading("Recent")
        for number, path in enumerate(recent):
            name = f"{theme.seen(Path(path).name)}##{number}"
            if imgui.selectable(name, False, size=ImVec2(imgui.calc_text_size(name, True).x, 0))[0]:
                view.open_paths([path])
            imgui.same_line(0, em)
            seen = theme.seen(text.shortened(str(Path(path).parent), 40))
            imgui.text_colored(theme.rgba(theme.DIM), seen)
    imgui.end()
