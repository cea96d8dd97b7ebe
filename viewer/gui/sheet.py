"""A sheet: a window in the middle of everything, with a title and a button that closes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgui_bundle import ImVec2, hello_imgui, imgui

from viewer.gui import theme

if TYPE_CHECKING:
    from viewer.app import App

_FLAGS = (
    imgui.WindowFlags_.no_title_bar
    | imgui.WindowFlags_.no_resize
    | imgui.WindowFlags_.no_move
    | imgui.WindowFlags_.no_docking
    | imgui.WindowFlags_.no_saved_settings
    | imgui.WindowFlags_.no_collapse
)


def begin(app: App, title: str, size: ImVec2) -> bool:
    """Begin a sheet of at most `size` pixels, no larger than the window; `imgui.end` ends it in any
    case."""
    viewport = imgui.get_main_viewport()
    fitting = ImVec2(
        min(size.x, 0.96 * viewport.work_size.x), min(size.y, 0.96 * viewport.work_size.y)
    )
    imgui.set_next_window_pos(viewport.get_work_center(), imgui.Cond_.always, ImVec2(0.5, 0.5))
    imgui.set_next_window_size(fitting, imgui.Cond_.always)
    shown = imgui.begin("##sheet", None, _FLAGS)[0]
    if imgui.is_window_appearing():
        imgui.set_window_focus()
    if shown:
        imgui.text_colored(theme.rgba(theme.ACCENT), title)
        imgui.same_line()
        imgui.set_cursor_pos_x(imgui.get_window_width() - 5 * hello_imgui.em_size())
        if imgui.small_button("Close"):
            app.sheet = ""
        imgui.separator()
    return shown
