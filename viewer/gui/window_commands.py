"""Commands that need the window: dialogs, sheets, screenshots, panels, theme, full screen.

The second, short table beside `viewer.session.commands.COMMANDS`; ids are unique over both.
Commands asked for by keys, menus, panels and the palette are queued; `run_queued` is the one place
that runs them, at the start of a frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from viewer.gui import asking
from viewer.session import commands
from viewer.session.commands import Command, has_document

if TYPE_CHECKING:
    from viewer.gui.view import WindowView


def _has_document(view: WindowView) -> bool:
    return has_document(view.session)


def _has_path(view: WindowView) -> bool:
    """Return True if the camera path can be rendered: it has two keyframes."""
    return _has_document(view) and len(view.session.film.path.keyframes) > 1


WINDOW_COMMANDS: tuple[Command, ...] = (
    Command("file.open", "Open…", "File", lambda w: w.dialogs.open_file()),
    Command("compare.open", "Compare with…", "File", asking.compared_file, _has_document),
    Command(
        "file.open_reference",
        "Reference raster…",
        "File",
        lambda w: w.dialogs.open_reference(),
        _has_document,
    ),
    Command("file.save_project", "Save project", "File", asking.save_project, _has_document),
    Command(
        "file.save_project_as", "Save project as…", "File", asking.save_project_as, _has_document
    ),
    Command(
        "file.export_image",
        "Export image",
        "File",
        lambda w: w.screenshots.save_scene(w.session, w.viewport),
        _has_document,
    ),
    Command("file.export_image_as", "Export image…", "File", asking.export_image, _has_document),
    Command("file.export_screenshot", "Export screenshot", "File", lambda w: w.screenshots.save()),
    Command("window.preferences", "Preferences…", "File", lambda w: w.sheet.toggle("preferences")),
    Command("window.quit", "Quit", "File", lambda w: w.window.close()),
    Command(
        "window.panels",
        "Panels and menus",
        "View",
        lambda w: w.toggle_panels(),
        checked=lambda w: w.panels_shown,
    ),
    Command(
        "window.light_theme",
        "Light theme",
        "View",
        lambda w: w.appearance.toggle_light(),
        checked=lambda w: w.appearance.is_light,
    ),
    Command("window.larger_text", "Larger text", "View", lambda w: w.appearance.enlarge()),
    Command("window.smaller_text", "Smaller text", "View", lambda w: w.appearance.shrink()),
    Command("window.full_screen", "Full screen", "View", lambda w: w.window.toggle_fullscreen()),
    Command("film.render", "Render film…", "Film", asking.render_film, _has_path),
    Command(
        "window.debug_panel",
        "Debug panel",
        "Debug",
        lambda w: w.debugging.toggle(),
        checked=lambda w: w.debugging.is_open,
    ),
    Command("window.commands", "All commands…", "Help", lambda w: w.palette.toggle()),
    Command(
        "window.help",
        "Mouse and keys",
        "Help",
        lambda w: w.sheet.toggle("help"),
        checked=lambda w: w.sheet.name == "help",
    ),
    Command("window.about", "About", "Help", lambda w: w.sheet.toggle("about")),
    Command("window.cancel", "Cancel", "Help", lambda w: w.cancel()),
)
"""Commands on the window."""

BY_ID: dict[str, Command] = {
    command.id: command for command in (*commands.COMMANDS, *WINDOW_COMMANDS)
}
"""Every command of both tables."""

_ON_WINDOW = {command.id for command in WINDOW_COMMANDS}


def is_enabled(view: WindowView, command: Command) -> bool:
    """Return True if a command of either table can run now."""
    return command.is_enabled(view if command.id in _ON_WINDOW else view.session)


def is_checked(view: WindowView, command: Command) -> bool:
    """Return True if the check mark of a command of either table is set."""
    return command.is_checked(view if command.id in _ON_WINDOW else view.session)


def run_queued(view: WindowView) -> None:
    """Run the queued commands in their order; disabled ones do nothing. Raises UsageError for an
    unknown id."""
    for call in view.session.queue.take():
        if call.id in _ON_WINDOW:
            if is_enabled(view, BY_ID[call.id]):
                BY_ID[call.id].run(view)
        else:
            commands.run(view.session, call.id, *call.arguments, **call.values)
