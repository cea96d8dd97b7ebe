"""File dialog drawn with imgui, so that it needs no desktop helper."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from imgui_bundle import ImVec2, hello_imgui, icons_fontawesome_4, imgui

from neural.raster import raster_name
from neural.system.home import home, working_directory
from viewer.gui import folders, theme, widgets
from viewer.gui.folders import Entry
from viewer.model import text
from viewer.model.file_types import RASTER_SUFFIXES, TERRAIN_SUFFIXES

FOLDER_ICON = icons_fontawesome_4.ICON_FA_FOLDER
FILE_ICON = icons_fontawesome_4.ICON_FA_FILE

OnChosen = Callable[[str], object]
"""Called with the chosen path."""


class Dialogs:
    """One modal dialog at a time; the callback given at its opening gets the chosen path."""

    def __init__(self, open_terrain: OnChosen, open_reference: OnChosen) -> None:
        self._open_terrain = open_terrain
        self._open_reference = open_reference
        self.title = ""
        self.folder = working_directory() or home() or Path(os.sep)
        """Folder listed first by the next dialog."""
        self.typed = ""
        self.hidden = False
        """True if hidden files are listed."""
        self.is_open = False
        """True while a dialog is open."""
        self._suffixes: tuple[str, ...] = ()
        self._saving = False
        self._chosen: OnChosen = open_terrain
        self._entries: list[Entry] = []
        self._problem = ""
        # existing file, while the dialog asks to replace it
        self._replace: Path | None = None
        self._opening = False
        self._focus = False  # give the text field the keyboard focus
        self._reload = False  # let the text field take over `typed`

    def open_file(self) -> None:
        """Ask for a .ntile file, project, camera path or view."""
        self.open("Open terrain", (*TERRAIN_SUFFIXES, ".json"), self._open_terrain)

    def open_reference(self) -> None:
        """Ask for a reference raster."""
        self.open("Open reference raster", RASTER_SUFFIXES, self._open_reference)

    def open(self, title: str, suffixes: tuple[str, ...], chosen: OnChosen) -> None:
        """Ask for an existing file whose name ends in one of `suffixes`; `chosen` gets its path."""
        self._ask(title, suffixes, chosen, saving=False)

    def save(self, title: str, suffix: str, chosen: OnChosen, name: str = "") -> None:
        """Ask where to save; `chosen` gets a path that ends in `suffix`, such as ".csv".

        An existing file is replaced only after a question.

        `name` is proposed.
        """
        self._ask(title, (suffix,), chosen, saving=True)
        self.typed = name

    def _ask(
        self, title: str, suffixes: tuple[str, ...], chosen: OnChosen, *, saving: bool
    ) -> None:
        self.title = title
        self._suffixes = suffixes
        self._chosen = chosen
        self._saving = saving
        self._opening = True
        self._focus = True
        self._replace = None
        if not (self.folder.is_dir() and raster_name.is_utf8(str(self.folder))):
            self.folder = home() or Path(os.sep)
        self._enter(self.folder)

    def _enter(self, folder: Path) -> None:
        """List another folder; keep the present one where that fails."""
        folder = Path(os.path.normpath(folder.absolute()))
        try:
            self._entries = folders.listing(folder, self._suffixes, hidden=self.hidden)
        except OSError as error:
            self._problem = f"{folder}: {error.strerror or error}"
            return
        self._problem = ""
        self.folder = folder
        if not self._saving:
            self._type("")

    def _type(self, name: str) -> None:
        self.typed = name
        self._reload = True

    def _accept(self) -> None:
        """Enter the typed folder or accept the typed file; show errors in the dialog."""
        path = self.folder / os.path.expanduser(self.typed.strip())
        if not self._saving and not path.exists() and not raster_name.is_path(self.typed.strip()):
            self._finish(self.typed.strip())
            return
        if not self.typed.strip():
            self._problem = "Choose a file or type its name."
        elif path.is_dir():
            self._enter(path)
        elif self._saving:
            path = (
                path
                if path.name.lower().endswith(self._suffixes)
                else path.with_name(path.name + self._suffixes[0])
            )
            if not path.parent.is_dir():
                self._problem = f"{path.parent}: this folder does not exist; choose another."
            elif not os.access(path.parent, os.W_OK):
                self._problem = f"{path.parent}: no write permission; choose another folder."
            elif path.exists():
                self._replace = path
                self._problem = ""
            else:
                self._finish(str(path))
        elif not path.exists():
            self._problem = f"{path.name}: this file does not exist here; choose one from the list."
        else:
            self._finish(str(path))

    def _finish(self, path: str) -> None:
        imgui.close_current_popup()
        self._chosen(path)

    def draw(self) -> None:
        """Draw the open dialog; call once per frame."""
        if self._opening:
            imgui.open_popup(self.title)
            self._opening = False
        self.is_open = bool(self.title) and imgui.is_popup_open(self.title)
        if not self.is_open:
            return
        viewport = imgui.get_main_viewport()
        em = hello_imgui.em_size()
        imgui.set_next_window_pos(viewport.get_center(), imgui.Cond_.appearing, ImVec2(0.5, 0.5))
        size = ImVec2(min(44 * em, 0.96 * viewport.size.x), min(30 * em, 0.94 * viewport.size.y))
        imgui.set_next_window_size(size, imgui.Cond_.appearing)
        if not imgui.begin_popup_modal(self.title, None)[0]:
            return
        self._path()
        footer = (
            imgui.get_frame_height_with_spacing() * 2 + imgui.get_text_line_height_with_spacing()
        )
        if imgui.begin_child("places", ImVec2(9 * em, -footer)):
            for name, folder in folders.places():
                if imgui.selectable(
                    name, folder == self.folder, imgui.SelectableFlags_.no_auto_close_popups
                )[0]:
                    self._enter(folder)
        imgui.end_child()
        imgui.same_line()
        if imgui.begin_child("entries", ImVec2(0, -footer), imgui.ChildFlags_.borders):
            self._list()
        imgui.end_child()
        if self._replace is None:
            self._name_and_buttons()
        else:
            self._ask_to_replace(self._replace)
        imgui.end_popup()

    def _path(self) -> None:
        """Draw the folder's path, the button to its parent, and the hidden-files option."""
        if imgui.button(icons_fontawesome_4.ICON_FA_ARROW_UP):
            self._enter(self.folder.parent)
        widgets.tip("Parent folder. Key Alt+Up.")
        if imgui.get_io().key_alt and imgui.is_key_pressed(imgui.Key.up_arrow):
            self._enter(self.folder.parent)
        imgui.same_line()
        imgui.align_text_to_frame_padding()
        imgui.text_colored(theme.rgba(theme.DIM), theme.seen(str(self.folder)))
        label = "Hidden files"
        width = (
            imgui.get_frame_height_with_spacing()
            + imgui.calc_text_size(label).x
            + hello_imgui.em_size()
        )
        imgui.same_line(imgui.get_window_width() - width)
        changed, self.hidden = imgui.checkbox(label, self.hidden)
        if changed:
            self._enter(self.folder)

    def _list(self) -> None:
        """Draw folders and files; double-click opens, arrow keys select."""
        if not self._entries:
            imgui.text_disabled(f"no {' or '.join(self._suffixes[:2])} files here")
        moved = self._replace is None and self._move_by_arrows()
        for entry in self._entries:
            icon = FOLDER_ICON if entry.is_folder else FILE_ICON
            flags = (
                imgui.SelectableFlags_.allow_double_click
                | imgui.SelectableFlags_.no_auto_close_popups
            )
            chosen = entry.name == self.typed
            if (
                imgui.selectable(f"{icon}  {theme.seen(entry.name)}", chosen, flags)[0]
                and self._replace is None
            ):
                self._type(entry.name)
                if imgui.is_mouse_double_clicked(0):
                    self._accept()
                    return
            if moved and chosen:
                imgui.set_scroll_here_y()
            if not entry.is_folder:
                size = text.data_size(entry.size_bytes)
                imgui.same_line(
                    imgui.get_window_width()
                    - imgui.calc_text_size(size).x
                    - 2 * hello_imgui.em_size()
                )
                imgui.text_disabled(size)

    def _move_by_arrows(self) -> bool:
        """Select the previous or next entry with the up and down keys; return True if moved."""
        down = imgui.is_key_pressed(imgui.Key.down_arrow) - imgui.is_key_pressed(imgui.Key.up_arrow)
        if not down or not self._entries or imgui.get_io().key_alt:
            return False
        names = [entry.name for entry in self._entries]
        if self.typed in names:
            index = min(max(names.index(self.typed) + down, 0), len(names) - 1)
        else:
            index = 0 if down > 0 else -1
        self._type(names[index])
        return True

    def _name_and_buttons(self) -> None:
        if self._focus:
            imgui.set_keyboard_focus_here()
            self._focus = False
        field = imgui.get_id("##path")
        if self._reload and (state := imgui.internal.get_input_text_state(field)) is not None:
            state.reload_user_buf_and_select_all()  # a field in use would keep its own text
        self._reload = False
        imgui.set_next_item_width(-1)
        enter, self.typed = imgui.input_text_with_hint(
            "##path",
            f"name{self._suffixes[0]}" if self._saving else "name or path",
            self.typed,
            _RETURNS,
        )
        imgui.text_colored(theme.rgba(theme.ERROR), theme.seen(self._problem))
        if imgui.button("Save" if self._saving else "Open", hello_imgui.em_to_vec2(6, 0)) or enter:
            self._focus = True  # the field stays in use
            self._accept()
        imgui.same_line()
        if imgui.button("Cancel", hello_imgui.em_to_vec2(6, 0)) or imgui.is_key_pressed(
            imgui.Key.escape
        ):
            imgui.close_current_popup()

    def _ask_to_replace(self, path: Path) -> None:
        imgui.align_text_to_frame_padding()
        imgui.text_colored(
            theme.rgba(theme.WARNING), f"{theme.seen(path.name)} exists. Replace it?"
        )
        imgui.dummy(ImVec2(0, imgui.get_text_line_height()))
        if imgui.button("Replace (Y)", hello_imgui.em_to_vec2(7, 0)) or imgui.is_key_pressed(
            imgui.Key.y
        ):
            self._replace = None
            self._finish(str(path))
        imgui.same_line()
        no = imgui.button("Keep it (N)", hello_imgui.em_to_vec2(7, 0)) or imgui.is_key_pressed(
            imgui.Key.n
        )
        if no or imgui.is_key_pressed(imgui.Key.escape):
            self._replace = None


_RETURNS = imgui.InputTextFlags_.enter_returns_true
