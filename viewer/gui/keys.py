"""Keys of the commands: KEYS maps chords to ids of `viewer.session.commands` and
`viewer.gui.window_commands`.

A chord names imgui's key after any of ctrl+, shift+ and alt+, in any order; modifiers are matched
exactly. Of several chords of a command the first is shown in menus.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from imgui_bundle import imgui

Chord = tuple[frozenset[str], str]
"""Modifiers ("ctrl", "shift", "alt") and imgui's name of the key."""

KEYS: dict[str, str] = {
    "ctrl+o": "file.open",
    "ctrl+shift+o": "compare.open",
    "ctrl+s": "file.save_project",
    "ctrl+shift+s": "file.save_project_as",
    "f5": "file.reload",
    "f12": "file.export_image",
    "shift+f12": "file.export_screenshot",
    "ctrl+comma": "window.preferences",
    "ctrl+q": "window.quit",
    "ctrl+z": "view.undo",
    "ctrl+y": "view.redo",
    "ctrl+shift+z": "view.redo",
    "r": "view.zoom_to_extent",
    "n": "view.north",
    "t": "view.top",
    "equal": "view.fly_faster",
    "shift+equal": "view.fly_faster",
    "keypad_add": "view.fly_faster",
    "minus": "view.fly_slower",
    "keypad_subtract": "view.fly_slower",
    "tab": "window.panels",
    "ctrl+l": "window.light_theme",
    "ctrl+equal": "window.larger_text",
    "ctrl+shift+equal": "window.larger_text",
    "ctrl+keypad_add": "window.larger_text",
    "ctrl+minus": "window.smaller_text",
    "ctrl+keypad_subtract": "window.smaller_text",
    "f11": "window.full_screen",
    "_1": "shading.hillshade",
    "keypad1": "shading.hillshade",
    "_2": "shading.elevation",
    "keypad2": "shading.elevation",
    "_3": "shading.combined",
    "keypad3": "shading.combined",
    "h": "shading.shadows",
    "e": "shading.eye_dome_lighting",
    "_4": "overlay.slope",
    "keypad4": "overlay.slope",
    "_5": "overlay.aspect",
    "keypad5": "overlay.aspect",
    "_6": "overlay.profile_curvature",
    "keypad6": "overlay.profile_curvature",
    "_7": "overlay.plan_curvature",
    "keypad7": "overlay.plan_curvature",
    "_8": "overlay.contours",
    "keypad8": "overlay.contours",
    "o": "overlay.error",
    "x": "compare.swap",
    "s": "compare.split",
    "d": "compare.difference",
    "g": "compare.reference",
    "left_bracket": "layer.fewer_bits",
    "comma": "layer.fewer_bits",
    "right_bracket": "layer.more_bits",
    "period": "layer.more_bits",
    "m": "measure.start",
    "p": "measure.start_profile",
    "enter": "measure.finish",
    "keypad_enter": "measure.finish",
    "backspace": "measure.remove_last_vertex",
    "k": "film.add_keyframe",
    "space": "film.play",
    "ctrl+b": "bookmark.add",
    "w": "debug.wireframe",
    "l": "debug.color_by_lod",
    "b": "debug.tile_boxes",
    "f": "debug.freeze_lod",
    "shift+f": "debug.only_tile",
    "ctrl+shift+d": "window.debug_panel",
    "ctrl+p": "window.commands",
    "f1": "window.help",
    "escape": "window.cancel",
}
"""Chord → id of a command, in the order of the F1 sheet."""

GESTURES = (
    ("Drag left", "pan"),
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


@cache
def parse(chord: str) -> Chord:
    """Parse "shift+ctrl+d" into modifiers and key. Raises ValueError for a name that imgui does not
    have."""
    *modifiers, name = chord.split("+")
    if not set(modifiers) <= {"ctrl", "shift", "alt"} or not hasattr(imgui.Key, name):
        raise ValueError(
            f"{chord!r} is no chord; write ctrl+, shift+, alt+ and a name of imgui.Key."
        )
    return frozenset(modifiers), name


def printed(chord: Chord) -> str:
    """Return a chord as people write it: "Ctrl+Shift+D"."""
    modifiers, name = chord
    key = (
        _PRINTED.get(name) or name.replace("keypad", "Keypad ").strip("_").replace("_", " ").title()
    )
    return "+".join([*(m.title() for m in ("ctrl", "shift", "alt") if m in modifiers), key])


def chords(command_id: str) -> list[Chord]:
    """Return the chords of a command, the one shown first."""
    return [parse(chord) for chord, bound in KEYS.items() if bound == command_id]


@cache
def label(command_id: str) -> str:
    """Return the first chord of a command as people write it; "" without any."""
    bound = chords(command_id)
    return printed(bound[0]) if bound else ""


def pressed(io: Any) -> list[str]:
    """Return the ids of the commands whose chords went down in this frame."""
    held = {name for name, down in _modifiers(io) if down}
    ids = []
    for text, command_id in KEYS.items():
        modifiers, name = parse(text)
        if modifiers == held and imgui.is_key_pressed(getattr(imgui.Key, name), False):
            ids.append(command_id)
    return ids


def _modifiers(io: Any) -> tuple[tuple[str, bool], ...]:
    return ("ctrl", io.key_ctrl or io.key_super), ("shift", io.key_shift), ("alt", io.key_alt)
