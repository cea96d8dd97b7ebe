"""Every command there is, with its keys: what the keyboard does, the F1 sheet and the menus all
come from KEYS.

A command is one row. Its chord names imgui's key after any of ctrl+, shift+ and alt+, in any order;
alternatives are separated by spaces, and a row without a chord is in the menu only. Modifiers are
matched exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from imgui_bundle import imgui

from viewer.gui import appearance, window
from viewer.model import layers
from viewer.session import comparing
from viewer.session.commands import has_compared

if TYPE_CHECKING:
    from viewer.app import App

GROUPS = ("File", "View", "Shading", "Overlays", "Compare", "Measure", "Film", "Debug", "Help")
"""Values of `Key.group`, in the order of the F1 sheet."""

SPEED_STEP = 1.5  # of the + and − keys

Chord = tuple[frozenset[str], str]
"""Modifiers ("ctrl", "shift", "alt") and imgui's name of the key."""

_PRINTED = {
    "left_bracket": "[",
    "right_bracket": "]",
    "equal": "+",
    "minus": "−",
    "keypad_add": "Keypad +",
    "keypad_subtract": "Keypad −",
    "comma": ",",
    "period": ".",
    "escape": "Esc",
    "slash": "/",
    "grave_accent": "`",
}


@dataclass(frozen=True)
class Key:
    """One command."""

    group: str  # one of GROUPS
    chord: str  # such as "w", "ctrl+shift+d", "ctrl+y ctrl+shift+z"; "" = only in the menu
    text: str  # what it does, in the F1 sheet and in the menu
    action: Callable[[App], object]
    on: Callable[[App], bool] | None = None  # whether it is switched on, for a tick in the menu
    possible: Callable[[App], bool] | None = None  # whether it can be done now; None = always
    menu: bool = True  # whether the menu has it too

    @property
    def chords(self) -> list[Chord]:
        """The alternatives."""
        return [parse(chord) for chord in self.chord.split()]

    @property
    def shown(self) -> str:
        """The first chord as people write it: "Ctrl+Shift+D"."""
        return printed(self.chords[0]) if self.chord else ""

    def pressed(self, io: Any) -> bool:
        """Return True if one of the chords went down in this frame."""
        held = {name for name, down in _modifiers(io) if down}
        return any(
            modifiers == held and imgui.is_key_pressed(getattr(imgui.Key, name), False)
            for modifiers, name in self.chords
        )

    def act(self, app: App) -> None:
        """Do it, where it is possible."""
        if self.possible is None or self.possible(app):
            self.action(app)


@cache
def parse(chord: str) -> Chord:
    """`"shift+ctrl+d"` → its modifiers and key. Raises ValueError for a name that imgui does not
    have."""
    *modifiers, name = chord.split("+")
    if not set(modifiers) <= {"ctrl", "shift", "alt"} or not hasattr(imgui.Key, name):
        raise ValueError(
            f"{chord!r} is no chord; write ctrl+, shift+, alt+ and a name of imgui.Key."
        )
    return frozenset(modifiers), name


def printed(chord: Chord) -> str:
    """A chord as people write it."""
    modifiers, name = chord
    shown = (
        _PRINTED.get(name) or name.replace("keypad", "Keypad ").strip("_").replace("_", " ").title()
    )
    return "+".join([*(m.title() for m in ("ctrl", "shift", "alt") if m in modifiers), shown])


def _modifiers(io: Any) -> tuple[tuple[str, bool], ...]:
    return ("ctrl", io.key_ctrl or io.key_super), ("shift", io.key_shift), ("alt", io.key_alt)


def switch(group: str, chord: str, text: str, setting: str) -> Key:
    """A command that flips a yes/no setting, named such as "debug.wireframe"."""
    holder, name = setting.split(".")

    def flip(app: App) -> None:
        values = getattr(app.settings, holder)
        setattr(values, name, not getattr(values, name))

    return Key(group, chord, text, flip, lambda app: getattr(getattr(app.settings, holder), name))


def choice(group: str, chord: str, text: str, setting: str, value: str) -> Key:
    """A command that gives a setting one of its values, such as "shading.mode"."""
    holder, name = setting.split(".")
    return Key(
        group,
        chord,
        text,
        lambda app: setattr(getattr(app.settings, holder), name, value),
        lambda app: getattr(getattr(app.settings, holder), name) == value,
    )


def overlay(chord: str, text: str, name: str) -> Key:
    """A command that shows an overlay, or nothing where it is shown already."""

    def toggle(app: App) -> None:
        shown = app.settings.overlay
        shown.name = "none" if shown.name == name else name

    return Key("Overlays", chord, text, toggle, lambda app: app.settings.overlay.name == name)


def has_file(app: App) -> bool:
    """Return True if a file is open."""
    return app.scene is not None and app.scene.reader is not None


def can_undo(app: App) -> bool:
    """Return True if the camera can go back."""
    return app.navigation.history.can_undo


def can_redo(app: App) -> bool:
    """Return True if the camera has been taken back."""
    return app.navigation.history.can_redo


def is_measuring(app: App) -> bool:
    """Return True if the mouse measures points, distances or areas."""
    return app.settings.measuring.tool not in ("none", "profile")


def is_profiling(app: App) -> bool:
    """Return True if the mouse draws the line of a profile."""
    return app.settings.measuring.tool == "profile"


KEYS = (
    Key("File", "ctrl+o", "Open…", lambda app: app.dialogs.open_file()),
    Key("File", "ctrl+shift+o", "Compare with…", lambda app: app.ask_compare(), possible=has_file),
    Key(
        "File",
        "",
        "Close the compared file",
        lambda app: app.comparing.close_last(),
        possible=has_compared,
    ),
    Key(
        "File", "", "Reference raster…", lambda app: app.dialogs.open_reference(), possible=has_file
    ),
    Key("File", "ctrl+s", "Save project", lambda app: app.save_project(), possible=has_file),
    Key(
        "File",
        "ctrl+shift+s",
        "Save project as…",
        lambda app: app.save_project_as(),
        possible=has_file,
    ),
    Key("File", "", "Close the file", lambda app: app.close_document(), possible=has_file),
    Key(
        "File",
        "f12",
        "Save a picture",
        lambda app: app.screenshots.save_scene(app),
        possible=has_file,
    ),
    Key("File", "shift+f12", "Save the window's picture", lambda app: app.screenshots.save()),
    Key(
        "File",
        "",
        "Picture of any size…",
        lambda app: app.ask_picture(),
        possible=has_file,
    ),
    Key("File", "ctrl+comma", "Preferences…", lambda app: app.toggle_sheet("preferences")),
    Key("File", "ctrl+q", "Quit", lambda app: window.close()),
    Key(
        "View",
        "ctrl+z",
        "Undo the camera's move",
        lambda app: app.navigation.undo(),
        possible=can_undo,
    ),
    Key(
        "View",
        "ctrl+y ctrl+shift+z",
        "Redo the camera's move",
        lambda app: app.navigation.redo(),
        possible=can_redo,
    ),
    Key("View", "r", "Whole area in view", lambda app: app.navigation.home()),
    Key("View", "n", "North up", lambda app: app.navigation.turn(heading_deg=0.0)),
    Key("View", "t", "Straight down", lambda app: app.navigation.turn(pitch_deg=-89.9)),
    Key(
        "View",
        "equal shift+equal keypad_add",
        "Fly faster",
        lambda app: app.navigation.change_speed(SPEED_STEP),
    ),
    Key(
        "View",
        "minus keypad_subtract",
        "Fly slower",
        lambda app: app.navigation.change_speed(1 / SPEED_STEP),
    ),
    Key(
        "View",
        "tab",
        "Panels and menus",
        lambda app: app.toggle_panels(),
        on=lambda app: app.panels_shown,
    ),
    Key("View", "ctrl+l", "Light colors", appearance.toggle_light, on=appearance.is_light),
    Key("View", "ctrl+equal ctrl+shift+equal ctrl+keypad_add", "Larger text", appearance.larger),
    Key("View", "ctrl+minus ctrl+keypad_subtract", "Smaller text", appearance.smaller),
    Key("View", "f11", "Full screen", lambda app: window.toggle_fullscreen()),
    choice("Shading", "_1 keypad1", "Hillshade", "shading.mode", "hillshade"),
    choice("Shading", "_2 keypad2", "Elevation", "shading.mode", "elevation"),
    choice("Shading", "_3 keypad3", "Elevation with hillshade", "shading.mode", "combined"),
    switch("Shading", "h", "Shadows", "shading.shadows"),
    switch("Shading", "e", "Eye-dome lighting", "shading.edl"),
    overlay("_4 keypad4", "Slope", "slope"),
    overlay("_5 keypad5", "Aspect", "aspect"),
    overlay("_6 keypad6", "Profile curvature", "profile_curvature"),
    overlay("_7 keypad7", "Plan curvature", "plan_curvature"),
    switch("Overlays", "_8 keypad8", "Contour lines", "contours.on"),
    Key(
        "Overlays",
        "o",
        "Error against the reference",
        lambda app: app.comparing.toggle_errors("reference"),
        on=lambda app: comparing.shows_errors(app.settings, "reference"),
    ),
    overlay("", "Absolute error", "absolute_error"),
    overlay("", "Beyond tolerance", "tolerance"),
    overlay("", "Gradient error", "gradient_error"),
    overlay("", "Edge gap", "edge_gap"),
    Key("Compare", "x", "Swap A and B", lambda app: layers.swap(app.settings), possible=has_file),
    switch("Compare", "s", "Split picture, A beside B", "compare.split"),
    Key(
        "Compare",
        "d",
        "Difference A − B",
        lambda app: app.comparing.toggle_errors("B"),
        on=lambda app: comparing.shows_errors(app.settings, "B"),
        possible=has_file,
    ),
    Key(
        "Compare",
        "g",
        "Ground truth: the reference layer",
        lambda app: app.comparing.toggle_reference(),
        on=lambda app: app.settings.compare.reference,
        possible=has_file,
    ),
    Key(
        "Compare",
        "left_bracket comma",
        "Fewer bits",
        lambda app: app.step_bits(+1),
        possible=has_file,
    ),
    Key(
        "Compare",
        "right_bracket period",
        "More bits",
        lambda app: app.step_bits(-1),
        possible=has_file,
    ),
    Key(
        "Measure",
        "m",
        "Points, lines, areas",
        lambda app: app.measuring.toggle(),
        on=is_measuring,
        possible=has_file,
    ),
    Key(
        "Measure",
        "p",
        "Elevation profile",
        lambda app: app.measuring.toggle_profile(),
        on=is_profiling,
        possible=has_file,
    ),
    Key(
        "Measure",
        "enter keypad_enter",
        "End the line",
        lambda app: app.measuring.tool.finish(),
        menu=False,
    ),
    Key(
        "Measure",
        "backspace",
        "Take the last point back",
        lambda app: app.measuring.tool.undo(),
        menu=False,
    ),
    Key("Film", "k", "Add a keyframe", lambda app: app.film.add_keyframe(), possible=has_file),
    Key(
        "Film",
        "space",
        "Play, pause",
        lambda app: app.film.toggle_play(),
        on=lambda app: app.film.playing,
    ),
    Key(
        "Film", "ctrl+b", "Add a bookmark", lambda app: app.film.bookmarks.add(), possible=has_file
    ),
    Key("Film", "", "Make a tour", lambda app: app.film.generate("tour"), possible=has_file),
    Key("Film", "", "Make an orbit", lambda app: app.film.generate("orbit"), possible=has_file),
    switch("Debug", "w", "Wireframe", "debug.wireframe"),
    switch("Debug", "l", "Tint levels of detail", "debug.lod_tint"),
    switch("Debug", "b", "Boxes around tiles", "debug.bounds"),
    switch("Debug", "f", "Freeze the choice of tiles", "debug.freeze"),
    Key(
        "Debug",
        "shift+f",
        "Only the tile under the cursor",
        lambda app: app.debugging.only_tile_under_cursor(),
    ),
    Key(
        "Debug",
        "ctrl+shift+d",
        "Debug panel",
        lambda app: app.debugging.toggle(),
        on=lambda app: app.debugging.shown,
    ),
    Key(
        "Help",
        "f1",
        "Mouse and keys",
        lambda app: app.toggle_sheet("help"),
        on=lambda app: app.sheet == "help",
    ),
    Key("Help", "", "About", lambda app: app.toggle_sheet("about")),
    Key("Help", "escape", "Close, give up", lambda app: app.escape(), menu=False),
)
"""Every command, in the order of the menus."""

GESTURES = (
    ("Drag left", "move the ground"),
    ("Shift+drag left", "orbit about the point clicked"),
    ("Drag middle", "orbit about the point clicked"),
    ("Wheel", "zoom to the cursor"),
    ("Ctrl+wheel", "zoom finely"),
    ("Double-click", "fly to the point"),
    ("Hold right", "look around"),
    ("  with W A S D", "fly"),
    ("  with Q E", "fly down, up"),
    ("Arrow keys", "move over the ground"),
    ("Page Up, Down", "change the height"),
    ("Drag the divider", "move it (double-click: middle)"),
    ("Shift+drop a file", "compare it with the first"),
)
"""Effects of the mouse and the movement keys, for the F1 sheet."""
