"""Commands on a session, a literal table: keys, menus, panels, the palette, tests and `--do ID` use
it.

Identifiers are stable: projects, scripts and key bindings may name them. To add a command, write a
row here and its id into MENUS of `viewer.gui.bars`, and into `viewer.gui.keys` where it has keys; a
command without a menu is in WITHOUT_MENU there and must have a key. Commands that need the window
are in `viewer.gui.window_commands`; those of panels, most of which take arguments, are in ACTIONS,
which neither menus nor the palette show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from neural.errors import UsageError
from viewer.model import layers
from viewer.session import comparing

if TYPE_CHECKING:
    from viewer.session.protocols import SessionView

GROUPS = ("File", "View", "Shading", "Overlays", "Compare", "Measure", "Film", "Debug", "Help")
"""Values of `Command.group`, in the order of the F1 sheet."""

SPEED_STEP = 1.5
"""Factor of the flying speed by one "Fly faster"."""

TOP_PITCH_DEG = -89.9
"""Pitch of the top view; straight down the heading would be undefined."""


class Command(NamedTuple):
    """A command without arguments; `run`, `enabled` and `checked` take the session."""

    id: str
    """Such as "view.zoom_to_extent"; never changes."""
    title: str
    """Label in menus, in the F1 sheet and in the palette; ends in "…" where a dialog follows."""
    group: str
    """One of GROUPS."""
    run: Callable[[Any], object]
    enabled: Callable[[Any], bool] | None = None
    """Return True if the command can run now; None = always."""
    checked: Callable[[Any], bool] | None = None
    """Return True if the state that the command toggles is on; None = no check mark."""

    def is_enabled(self, session: Any) -> bool:
        """Return True if the command can run now."""
        return self.enabled is None or self.enabled(session)

    def is_checked(self, session: Any) -> bool:
        """Return True if the command's check mark is set."""
        return self.checked is not None and self.checked(session)


def toggle(command_id: str, title: str, group: str, setting: str) -> Command:
    """Make a command that flips a boolean setting, named such as "debug.wireframe"."""
    holder, name = setting.split(".")

    def flip(session: SessionView) -> None:
        values = getattr(session.settings, holder)
        setattr(values, name, not getattr(values, name))

    def is_on(session: SessionView) -> bool:
        return bool(getattr(getattr(session.settings, holder), name))

    return Command(command_id, title, group, flip, checked=is_on)


def shading_mode(command_id: str, title: str, mode: str) -> Command:
    """Make a command that sets `settings.shading.mode`."""

    def choose(session: SessionView) -> None:
        session.settings.shading.mode = mode

    return Command(
        command_id, title, "Shading", choose, checked=lambda s: s.settings.shading.mode == mode
    )


def overlay(command_id: str, title: str, name: str) -> Command:
    """Make a command that shows an overlay, or none if it is shown already."""

    def switch(session: SessionView) -> None:
        chosen = session.settings.overlay
        chosen.name = "none" if chosen.name == name else name

    return Command(
        command_id, title, "Overlays", switch, checked=lambda s: s.settings.overlay.name == name
    )


def has_document(session: SessionView) -> bool:
    """Return True if a file is open."""
    return session.document is not None


def has_compared(session: SessionView) -> bool:
    """Return True if a file is compared with the first."""
    return bool(session.comparing.paths)


def shows_errors_against_reference(session: SessionView) -> bool:
    """Return True if an overlay shows errors against the reference."""
    return comparing.shows_errors(session.settings, "reference")


def shows_difference(session: SessionView) -> bool:
    """Return True if an overlay shows the difference A − B."""
    return comparing.shows_errors(session.settings, "B")


def is_measuring(session: SessionView) -> bool:
    """Return True if the mouse measures points, distances or areas."""
    return session.settings.measuring.tool not in ("none", "profile")


def is_profiling(session: SessionView) -> bool:
    """Return True if the mouse draws a profile line."""
    return session.settings.measuring.tool == "profile"


def has_selected_keyframe(session: SessionView) -> bool:
    """Return True if a keyframe is selected."""
    return session.film.selected >= 0


def has_keyframes(session: SessionView) -> bool:
    """Return True if the camera path has keyframes."""
    return bool(session.film.path.keyframes)


def show_only_tile_under_cursor(session: SessionView) -> None:
    """Draw only the tile under the cursor, or all tiles again."""
    debug = session.settings.debug
    pick = session.pick
    debug.tile = "/".join(map(str, pick.tile)) if not debug.tile and pick is not None else ""


COMMANDS: tuple[Command, ...] = (
    Command(
        "compare.close",
        "Close compared file",
        "File",
        lambda s: s.comparing.close_last(),
        has_compared,
    ),
    Command("file.reload", "Reload", "File", lambda s: s.reload(), has_document),
    Command("file.close", "Close file", "File", lambda s: s.close_document(), has_document),
    Command(
        "view.undo",
        "Undo camera move",
        "View",
        lambda s: s.navigation.undo(),
        lambda s: s.navigation.history.can_undo,
    ),
    Command(
        "view.redo",
        "Redo camera move",
        "View",
        lambda s: s.navigation.redo(),
        lambda s: s.navigation.history.can_redo,
    ),
    Command("view.zoom_to_extent", "Zoom to full extent", "View", lambda s: s.navigation.home()),
    Command("view.north", "North up", "View", lambda s: s.navigation.turn(heading_deg=0.0)),
    Command("view.top", "Top view", "View", lambda s: s.navigation.turn(pitch_deg=TOP_PITCH_DEG)),
    Command(
        "view.fly_faster",
        "Fly faster",
        "View",
        lambda s: s.navigation.change_speed(SPEED_STEP),
    ),
    Command(
        "view.fly_slower",
        "Fly slower",
        "View",
        lambda s: s.navigation.change_speed(1 / SPEED_STEP),
    ),
    shading_mode("shading.hillshade", "Hillshade", "hillshade"),
    shading_mode("shading.elevation", "Elevation", "elevation"),
    shading_mode("shading.combined", "Elevation with hillshade", "combined"),
    toggle("shading.shadows", "Shadows", "Shading", "shading.shadows"),
    toggle("shading.full_range", "Full height range", "Shading", "shading.elevation_full"),
    toggle("shading.eye_dome_lighting", "Eye-dome lighting", "Shading", "shading.edl"),
    overlay("overlay.slope", "Slope", "slope"),
    overlay("overlay.aspect", "Aspect", "aspect"),
    overlay("overlay.profile_curvature", "Profile curvature", "profile_curvature"),
    overlay("overlay.plan_curvature", "Plan curvature", "plan_curvature"),
    toggle("overlay.contours", "Contour lines", "Overlays", "contours.on"),
    Command(
        "overlay.error",
        "Error against the reference",
        "Overlays",
        lambda s: s.comparing.toggle_errors("reference"),
        checked=shows_errors_against_reference,
    ),
    overlay("overlay.absolute_error", "Absolute error", "absolute_error"),
    overlay("overlay.tolerance", "Beyond tolerance", "tolerance"),
    overlay("overlay.gradient_error", "Gradient error", "gradient_error"),
    overlay("overlay.edge_gap", "Edge gap", "edge_gap"),
    overlay("overlay.blocks", "Blocks", "blocks"),
    overlay("overlay.block_error", "Block error", "block_error"),
    Command(
        "compare.swap", "Swap A and B", "Compare", lambda s: layers.swap(s.settings), has_document
    ),
    toggle("compare.split", "Split view, A beside B", "Compare", "compare.split"),
    Command(
        "compare.difference",
        "Difference A − B",
        "Compare",
        lambda s: s.comparing.toggle_errors("B"),
        has_document,
        shows_difference,
    ),
    Command(
        "compare.reference",
        "Show reference",
        "Compare",
        lambda s: s.comparing.toggle_reference(),
        has_document,
        lambda s: s.settings.compare.reference,
    ),
    Command("layer.fewer_bits", "Fewer bits", "Compare", lambda s: s.step_bits(+1), has_document),
    Command("layer.more_bits", "More bits", "Compare", lambda s: s.step_bits(-1), has_document),
    Command(
        "measure.start",
        "Points, lines, areas",
        "Measure",
        lambda s: s.measuring.toggle(),
        has_document,
        is_measuring,
    ),
    Command(
        "measure.start_profile",
        "Elevation profile",
        "Measure",
        lambda s: s.measuring.toggle_profile(),
        has_document,
        is_profiling,
    ),
    Command("measure.finish", "Finish line", "Measure", lambda s: s.measuring.tool.finish()),
    Command(
        "measure.remove_last_vertex",
        "Remove last vertex",
        "Measure",
        lambda s: s.measuring.tool.undo(),
    ),
    Command(
        "film.add_keyframe", "Add keyframe", "Film", lambda s: s.film.add_keyframe(), has_document
    ),
    Command(
        "film.play",
        "Play, pause",
        "Film",
        lambda s: s.film.toggle_play(),
        checked=lambda s: s.film.playing,
    ),
    Command("bookmark.add", "Add bookmark", "Film", lambda s: s.bookmarks.add(), has_document),
    Command(
        "film.make_tour", "Make a tour", "Film", lambda s: s.film.generate("tour"), has_document
    ),
    Command(
        "film.make_orbit", "Make an orbit", "Film", lambda s: s.film.generate("orbit"), has_document
    ),
    Command(
        "film.update_keyframe",
        "Update keyframe",
        "Film",
        lambda s: s.film.update_keyframe(),
        has_selected_keyframe,
    ),
    Command(
        "film.delete_keyframe",
        "Delete keyframe",
        "Film",
        lambda s: s.film.delete_keyframe(),
        has_selected_keyframe,
    ),
    Command("film.clear", "Clear camera path", "Film", lambda s: s.film.clear(), has_keyframes),
    toggle("debug.wireframe", "Wireframe", "Debug", "debug.wireframe"),
    toggle("debug.color_by_lod", "Color by LOD", "Debug", "debug.lod_tint"),
    toggle("debug.tile_boxes", "Tile bounding boxes", "Debug", "debug.bounds"),
    toggle("debug.freeze_lod", "Freeze LOD", "Debug", "debug.freeze"),
    Command(
        "debug.only_tile",
        "Only tile under cursor",
        "Debug",
        show_only_tile_under_cursor,
    ),
)
"""Commands on a session."""


ACTIONS: dict[str, Callable[..., object]] = {
    "file.open_paths": lambda s, *paths: s.open_paths(list(paths)),
    "compare.close_file": lambda s, index: s.comparing.close(index),
    "measure.start_tool": lambda s, tool: s.measuring.start(tool),
    "film.open_path": lambda s, path: s.film.open(path),
    "film.save_path": lambda s, path: s.film.save(path),
    "film.select_keyframe": lambda s, index: s.film.select(index),
    "film.edit_keyframe": lambda s, index, **values: s.film.edit(index, **values),
    "film.seek": lambda s, time_s: s.film.scrub(time_s),
    "film.set_loop": lambda s, loop: s.film.set_loop(loop),
    "bookmark.fly_to": lambda s, name: s.bookmarks.fly_to(name),
    "bookmark.rename": lambda s, old, new: s.bookmarks.rename(old, new),
    "bookmark.delete": lambda s, name: s.bookmarks.delete(name),
    "film.cancel_rendering": lambda s: s.film.jobs.cancel(),
    "log.clear": lambda s: s.messages.entries.clear(),
    "results.clear": lambda s: s.results.clear(),
    "results.measure_all": lambda s: s.results.measure_all(),
    "results.restore": lambda s, row, slot: s.results.restore(row, slot),
}
"""Commands of panels and scripts, most with arguments after the session; no menu shows them."""

BY_ID = {command.id: command for command in COMMANDS}


class Call(NamedTuple):
    """A queued command with its arguments."""

    id: str
    arguments: tuple[Any, ...]
    values: dict[str, Any]


class Queue:
    """Commands asked for while a frame is drawn; run together before the next one."""

    def __init__(self) -> None:
        self._calls: list[Call] = []

    def add(self, command_id: str, *arguments: Any, **values: Any) -> None:
        """Queue a command; keyword arguments are for those of ACTIONS."""
        self._calls.append(Call(command_id, arguments, values))

    @property
    def busy(self) -> bool:
        """True if a command waits."""
        return bool(self._calls)

    def take(self) -> list[Call]:
        """Return the queued calls in their order and empty the queue."""
        calls = self._calls
        self._calls = []
        return calls


def run(session: SessionView, command_id: str, *arguments: Any, **values: Any) -> bool:
    """Run a command of COMMANDS or ACTIONS now; return False if it is disabled.

    Raises UsageError for an unknown id, naming the nearest ones.
    """
    action = ACTIONS.get(command_id)
    if action is not None:
        action(session, *arguments, **values)
        return True
    command = BY_ID.get(command_id)
    if command is None:
        raise UsageError(unknown(command_id, BY_ID))
    if not command.is_enabled(session):
        return False
    command.run(session)
    return True


def unknown(command_id: str, ids: Iterable[str]) -> str:
    """Return the sentence about an id that no command has."""
    import difflib

    near = difflib.get_close_matches(command_id.lower(), list(ids), 3, 0.6)
    advice = f"did you mean {' or '.join(near)}?" if near else "Ctrl+P lists them in the window."
    return f"There is no command {command_id!r}; {advice}"
