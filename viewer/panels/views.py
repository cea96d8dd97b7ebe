"""Bookmarks of the area: add, fly to, rename, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgui_bundle import icons_fontawesome_4, imgui

from viewer.gui import theme, widgets
from viewer.panels.panel import Panel

if TYPE_CHECKING:
    from viewer.session.protocols import BookmarksView


class BookmarkList:
    """The list, with the name that is being edited."""

    def __init__(self) -> None:
        self.renaming: str | None = None
        """Name of the bookmark that is being renamed."""
        self.typed = ""

    def draw(self, view: BookmarksView) -> None:
        """Draw a line for each bookmark."""
        names = view.bookmarks.names
        if imgui.button(f"{icons_fontawesome_4.ICON_FA_BOOKMARK}  Add this view"):
            view.run("bookmark.add")
        widgets.tip("Add the camera as a named bookmark of this area. Key Ctrl+B.")
        if not names:
            widgets.dim("No bookmarks yet. They are kept per area; --view NAME starts at one.")
            return
        if self.renaming not in names:
            self.renaming = None
        flags = imgui.TableFlags_.row_bg | imgui.TableFlags_.no_pad_outer_x
        if not imgui.begin_table("views", 2, flags):
            return
        imgui.table_setup_column("", imgui.TableColumnFlags_.width_stretch)
        imgui.table_setup_column("", imgui.TableColumnFlags_.width_fixed)
        for name in names:
            imgui.push_id(name)
            imgui.table_next_column()
            self._name(view, name)
            imgui.table_next_column()
            if imgui.small_button(icons_fontawesome_4.ICON_FA_EDIT):
                self.renaming = self.typed = name
            widgets.tip("Rename")
            imgui.same_line()
            if imgui.small_button(icons_fontawesome_4.ICON_FA_TRASH):
                view.run("bookmark.delete", name)
            widgets.tip("Delete")
            imgui.pop_id()
        imgui.end_table()

    def _name(self, view: BookmarksView, name: str) -> None:
        """Draw the name to click, or the field to rename it."""
        if self.renaming == name:
            imgui.set_next_item_width(-1)
            enter, self.typed = imgui.input_text(
                "##name", self.typed, imgui.InputTextFlags_.enter_returns_true
            )
            if enter and self.typed != name:
                view.run("bookmark.rename", name, self.typed)  # ends when the name is gone
            elif enter or imgui.is_key_pressed(imgui.Key.escape):
                self.renaming = None
        elif imgui.selectable(f"{theme.seen(name)}##fly", False)[0]:
            view.run("bookmark.fly_to", name)


PANEL = Panel("Views", dock="ColumnMiddle", needs_document=True, draw=BookmarkList().draw)
