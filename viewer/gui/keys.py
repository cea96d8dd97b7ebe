"""Keys of the commands: KEYS maps chords to ids of `viewer.session.commands` and
`viewer.gui.window_commands`.

A chord names a key of imgui's after any of ctrl+, shift+ and alt+, in any order; modifiers are
matched exactly. Letters and signs are those that the keyboard's layout gives, digits are places
(`viewer.gui.keyboard`); "plus" and "question" are signs too. Of several chords of a command the
first is shown in menus.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple

from imgui_bundle import imgui

from viewer.gui.keyboard import NAMES, SHIFTED, US, Layout, Press, sign_of


class Chord(NamedTuple):
    """Modifiers with a key."""

    modifiers: frozenset[str]
    """Of "ctrl", "shift", "alt"."""
    name: str
    """imgui's name of the key, or a sign's."""


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
    "plus": "view.fly_faster",
    "equal": "view.fly_faster",
    "keypad_add": "view.fly_faster",
    "minus": "view.fly_slower",
    "keypad_subtract": "view.fly_slower",
    "tab": "window.panels",
    "ctrl+l": "window.light_theme",
    "ctrl+plus": "window.larger_text",
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

FLIGHT = "wasd", "qe"
"""Places of the keys that fly: forward, left, back, right; down, up."""

_GESTURES = (
    ("Drag left", "pan"),
    ("Shift+drag left", "orbit about the point clicked"),
    ("Drag middle", "orbit about the point clicked"),
    ("Wheel", "zoom to the cursor"),
    ("Ctrl+wheel", "zoom finely"),
    ("Double-click", "fly to the point"),
    ("Hold right", "look around"),
    (f"  with {FLIGHT[0]}", "fly"),
    (f"  with {FLIGHT[1]}", "fly down, up"),
    ("Arrow keys", "move over the ground"),
    ("Page Up, Down", "change the height"),
    ("Drag the divider", "move it (double-click: middle)"),
    ("Shift+drop a file", "compare it with the first"),
)
_PRINTED = {
    "keypad_add": "Keypad +",
    "keypad_subtract": "Keypad −",
    "escape": "Esc",
}

MODIFIERS = ("ctrl", "shift", "alt")


@cache
def parse(chord: str) -> Chord:
    """Parse "shift+ctrl+d" into modifiers and key. Raises ValueError for a name that imgui does not
    have."""
    *modifiers, name = chord.split("+")
    is_key = name in SHIFTED or hasattr(imgui.Key, name)
    if not set(modifiers) <= set(MODIFIERS) or not is_key:
        raise ValueError(
            f"{chord!r} is no chord; write ctrl+, shift+, alt+ and a name of imgui.Key."
        )
    return Chord(frozenset(modifiers), name)


BOUND = {parse(chord): command_id for chord, command_id in KEYS.items()}
"""KEYS, parsed."""


def printed(chord: Chord, layout: Layout = US) -> str:
    """Return a chord as people write it: "Ctrl+Shift+D", with the sign on the key of a layout."""
    return "+".join([*(m.title() for m in MODIFIERS if m in chord.modifiers), _key(chord, layout)])


def _key(chord: Chord, layout: Layout) -> str:
    sign = sign_of(chord.name)
    if not sign:
        name = chord.name.replace("keypad", "Keypad ").replace("_", " ").title()
        return _PRINTED.get(chord.name, name)
    places = layout.places(chord.name, command=_is_command(chord.modifiers))
    if places and layout.signs.get(places[0]) != sign and not sign.isdigit():
        return layout.label(places[0])
    return "−" if sign == "-" else sign.upper()


def _is_command(modifiers: frozenset[str]) -> bool:
    return bool(modifiers & {"ctrl", "alt"})


def gestures(layout: Layout = US) -> list[tuple[str, str]]:
    """Return the effects of the mouse and the movement keys, for the F1 sheet."""
    # of two signs on a key the Latin one: the column is narrow
    signs = {places: " ".join(layout.label(place)[0] for place in places) for places in FLIGHT}
    return [
        (next((f"  with {signs[p]}" for p in FLIGHT if gesture == f"  with {p}"), gesture), effect)
        for gesture, effect in _GESTURES
    ]


def chords(command_id: str, layout: Layout = US) -> list[Chord]:
    """Return the chords of a command, those with a key of their own on a layout first."""
    bound = [chord for chord, bound_id in BOUND.items() if bound_id == command_id]
    return sorted(bound, key=lambda chord: not _has_key(chord, layout))


def _has_key(chord: Chord, layout: Layout) -> bool:
    if layout.places(chord.name, command=_is_command(chord.modifiers)):
        return True
    return chord.name in SHIFTED and sign_of(chord.name) not in layout.signs.values()


@lru_cache(1024)
def label(command_id: str, layout: Layout = US) -> str:
    """Return the first chord of a command as people write it; "" without any."""
    bound = chords(command_id, layout)
    return printed(bound[0], layout) if bound else ""


def command_of(press: Press, layout: Layout = US) -> str | None:
    """Return the id of the command whose chord a press is, or None.

    A sign typed with Shift or AltGr counts as that sign.
    """
    plain = layout.signs.get(press.place, "")
    if press.text and press.text.casefold() != plain.casefold():
        # AltGr is Ctrl+Alt on Windows, Option on a Mac, none of these elsewhere
        modifiers = press.modifiers - {"shift", "alt"}
        if "alt" in press.modifiers:
            modifiers -= {"ctrl"}
        name = NAMES.get(press.text)
        typed = None if name is None else BOUND.get(Chord(modifiers, name))
        if typed is not None or (plain and "shift" not in press.modifiers):
            return typed
    command = _is_command(press.modifiers)
    for chord, command_id in BOUND.items():
        if chord.modifiers == press.modifiers and press.place in layout.places(
            chord.name, command=command
        ):
            return command_id
    return None
