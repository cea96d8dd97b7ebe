"""A sheet: a window in the middle of the main window, with a title and a Close button."""

from __future__ import annotations

from imgui_bundle import ImVec2, hello_imgui, imgui

from viewer.gui import theme

_FLAGS = (
    imgui.WindowFlags_.no_title_bar
    | imgui.WindowFlags_.no_resize
    | imgui.WindowFlags_.no_move
    | imgui.WindowFlags_.no_docking
    | imgui.WindowFlags_.no_saved_settings
    | imgui.WindowFlags_.no_collapse
)


class OpenSheet:
    """The sheet that lies over everything, if any."""

    def __init__(self) -> None:
        self.name = ""
        """Name of the sheet, a key of `viewer.gui.sheets.SHEETS`; "" for none."""

    def toggle(self, name: str) -> None:
        """Show a sheet, or hide it where it is shown already."""
        self.name = "" if self.name == name else name

    def close(self) -> bool:
        """Hide the sheet; return True if there was one."""
        was_open = bool(self.name)
        self.name = ""
        return was_open

    def begin(self, title: str, size: ImVec2) -> bool:
        """Begin a sheet of at most `size` pixels, no larger than the window; `imgui.end` ends it in
        any case."""
        viewport = imgui.get_main_viewport()
        fitting = ImVec2(
            min(size.x, 0.96 * viewport.work_size.x), min(size.y, 0.96 * viewport.work_size.y)
        )
        imgui.set_next_window_pos(viewport.get_work_center(), imgui.Cond_.always, ImVec2(0.5, 0.5))
        imgui.set_next_window_size(fitting, imgui.Cond_.always)
        visible = imgui.begin("##sheet", None, _FLAGS)[0]
        if imgui.is_window_appearing():
            imgui.set_window_focus()
        if visible:
            imgui.text_colored(theme.rgba(theme.ACCENT), title)
            imgui.same_line()
            imgui.set_cursor_pos_x(imgui.get_window_width() - 5 * hello_imgui.em_size())
            if imgui.small_button("Close"):
                self.name = ""
            imgui.separator()
        return visible
