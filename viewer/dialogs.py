"""The file dialog: drawn by the program itself, so that it works where no desktop helper is installed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from imgui_bundle import ImVec2, hello_imgui, icons_fontawesome_4, imgui

from viewer import text, theme, widgets

TERRAIN_SUFFIXES = (".ntile",)
RASTER_SUFFIXES = (".tif", ".tiff", ".vrt", ".asc", ".img", ".hgt", ".dem", ".bil", ".nc")

FOLDER_ICON = icons_fontawesome_4.ICON_FA_FOLDER
FILE_ICON = icons_fontawesome_4.ICON_FA_FILE


class Dialogs:
    """One modal dialog at a time; what was chosen goes to the callback given when it was opened."""

    def __init__(self, open_terrain: Callable[[str], object], open_reference: Callable[[str], object]) -> None:
        self._open_terrain, self._open_reference = open_terrain, open_reference
        self.title = ""
        self.folder = Path.cwd()
        self.typed = ""
        self._suffixes: tuple[str, ...] = ()
        self._chosen: Callable[[str], object] = open_terrain
        self._entries: list[tuple[bool, str, int]] = []  # is a folder, name, bytes
        self._problem = ""
        self._opening = False
        self.is_open = False
        """Whether a dialog waits for an answer."""

    def open_file(self) -> None:
        """Ask for a .ntile file."""
        self._ask("Open terrain", TERRAIN_SUFFIXES, self._open_terrain)

    def open_reference(self) -> None:
        """Ask for a raster to measure errors against."""
        self._ask("Open reference raster", RASTER_SUFFIXES, self._open_reference)

    def _ask(self, title: str, suffixes: tuple[str, ...], chosen: Callable[[str], object]) -> None:
        self.title, self._suffixes, self._chosen = title, suffixes, chosen
        self._opening = True
        self._enter(self.folder)

    def _enter(self, folder: Path) -> None:
        """Show another folder; one that cannot be listed leaves the present one."""
        try:
            listed = sorted(os.scandir(folder), key=lambda entry: (not entry.is_dir(), entry.name.lower()))
        except OSError as error:
            self._problem = f"{folder}: {error.strerror or error}"
            return
        self._problem = ""
        self.folder = folder.absolute()
        self.typed = ""
        self._entries = [
            (entry.is_dir(), entry.name, 0 if entry.is_dir() else entry.stat().st_size)
            for entry in listed
            if not entry.name.startswith(".")
            and (entry.is_dir() or (entry.is_file() and entry.name.lower().endswith(self._suffixes)))
        ]

    def _accept(self) -> None:
        """Enter the folder typed or hand over the file."""
        path = self.folder / os.path.expanduser(self.typed)
        if path.is_dir():
            self._enter(path)
        elif self.typed:
            imgui.close_current_popup()
            self._chosen(str(path))

    def draw(self) -> None:
        """Draw the dialog when it is open; call once a frame."""
        if self._opening:
            imgui.open_popup(self.title)
            self._opening = False
        self.is_open = bool(self.title) and imgui.is_popup_open(self.title)
        if not self.is_open:
            return
        viewport = imgui.get_main_viewport()
        imgui.set_next_window_pos(viewport.get_center(), imgui.Cond_.appearing, ImVec2(0.5, 0.5))
        imgui.set_next_window_size(hello_imgui.em_to_vec2(36, 26), imgui.Cond_.appearing)
        if not imgui.begin_popup_modal(self.title, None)[0]:
            return
        if imgui.button(icons_fontawesome_4.ICON_FA_ARROW_UP):
            self._enter(self.folder.parent)
        widgets.tip("Parent folder")
        imgui.same_line()
        imgui.align_text_to_frame_padding()
        imgui.text_colored(theme.rgba(theme.DIM), str(self.folder))
        footer = imgui.get_frame_height_with_spacing() * 2 + (imgui.get_text_line_height_with_spacing())
        if imgui.begin_child("entries", ImVec2(0, -footer), imgui.ChildFlags_.borders):
            self._list()
        imgui.end_child()
        imgui.set_next_item_width(-1)
        enter, self.typed = imgui.input_text_with_hint(
            "##path", "name or path", self.typed, imgui.InputTextFlags_.enter_returns_true
        )
        imgui.text_colored(theme.rgba(theme.ERROR), self._problem)
        if imgui.button("Open", hello_imgui.em_to_vec2(6, 0)) or enter:
            self._accept()
        imgui.same_line()
        if imgui.button("Cancel", hello_imgui.em_to_vec2(6, 0)) or imgui.is_key_pressed(imgui.Key.escape):
            imgui.close_current_popup()
        imgui.end_popup()

    def _list(self) -> None:
        """Folders and files to click; a double-click opens."""
        if not self._entries:
            imgui.text_disabled(f"no {' or '.join(self._suffixes[:2])} files here")
        for is_folder, name, size in self._entries:
            icon = FOLDER_ICON if is_folder else FILE_ICON
            flags = imgui.SelectableFlags_.allow_double_click | imgui.SelectableFlags_.no_auto_close_popups
            if imgui.selectable(f"{icon}  {name}", name == self.typed, flags)[0]:
                self.typed = name
                if imgui.is_mouse_double_clicked(0):
                    self._accept()
                    return
            if not is_folder:
                shown = text.data_size(size)
                imgui.same_line(imgui.get_window_width() - imgui.calc_text_size(shown).x - 2 * hello_imgui.em_size())
                imgui.text_disabled(shown)
