"""The bookmarks of the area: add, fly to, rename, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgui_bundle import icons_fontawesome_4, imgui

from viewer.gui import widgets

if TYPE_CHECKING:
    from viewer.app import App

TITLE = "Views"
DOCK = "ColumnMiddle"

_renaming: list[str] = []  # the name that is being edited and what has been typed


def draw(app: App) -> None:
    """A line for each bookmark."""
    views = app.bookmarks
    if app.scene is None or app.scene.reader is None:
        widgets.dim("No file is open.")
        return
    if imgui.button(f"{icons_fontawesome_4.ICON_FA_BOOKMARK}  Add this view"):
        views.add()
    widgets.tip("Keep the camera as a named view of this area. Key Ctrl+B.")
    if not views.names:
        widgets.dim("No views yet. They are kept per area; --view NAME begins with one.")
        return
    flags = imgui.TableFlags_.row_bg | imgui.TableFlags_.no_pad_outer_x
    if not imgui.begin_table("views", 2, flags):
        return
    imgui.table_setup_column("", imgui.TableColumnFlags_.width_stretch)
    imgui.table_setup_column("", imgui.TableColumnFlags_.width_fixed)
    for name in views.names:
        imgui.push_id(name)
        imgui.table_next_column()
        _name(app, name)
        imgui.table_next_column()
        if imgui.small_button(icons_fontawesome_4.ICON_FA_EDIT):
            _renaming[:] = [name, name]
        widgets.tip("Rename")
        imgui.same_line()
        if imgui.small_button(icons_fontawesome_4.ICON_FA_TRASH):
            views.delete(name)
        widgets.tip("Delete")
        imgui.pop_id()
    imgui.end_table()


def _name(app: App, name: str) -> None:
    """The name to click, or a field to type another into."""
    if _renaming and _renaming[0] == name:
        imgui.set_next_item_width(-1)
        enter, _renaming[1] = imgui.input_text(
            "##name", _renaming[1], imgui.InputTextFlags_.enter_returns_true
        )
        if enter and app.bookmarks.rename(name, _renaming[1]):
            _renaming.clear()
        elif imgui.is_key_pressed(imgui.Key.escape):
            _renaming.clear()
    elif imgui.selectable(f"{name}##fly", False)[0]:
        app.bookmarks.fly_to(name)
