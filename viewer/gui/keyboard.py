"""The keyboard: keys by place and by sign, as the layout in use has them.

A place is named after its key on a US keyboard, as imgui names it: "w", "_4", "left_bracket". GLFW
counts by place, imgui's own key names mix both: they cannot tell the 6 of an AZERTY keyboard, which
prints "-", from the minus of another.
"""

from __future__ import annotations

import string
import time
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import imgui_bundle  # noqa: F401

# imgui_bundle first: it brings the glfw library that both must share
import glfw  # isort: skip

SIGNS = {
    "apostrophe": "'",
    "comma": ",",
    "minus": "-",
    "period": ".",
    "slash": "/",
    "semicolon": ";",
    "equal": "=",
    "left_bracket": "[",
    "backslash": "\\",
    "right_bracket": "]",
    "grave_accent": "`",
}
"""Place → sign of a US keyboard, beside letters and digits."""

CLAIMED = frozenset("+-=[],." + string.ascii_lowercase)
"""Signs and letters of the chords: no other goes by the place of a key that prints one of these."""

DIGITS = tuple(f"_{digit}" for digit in string.digits)

SHIFTED = {"plus": "+", "question": "?"}
"""Name in chords → sign that a US keyboard has on another one's key."""

NAMES = {
    **{sign: name for name, sign in (SIGNS | SHIFTED).items()},
    **dict(zip(string.digits, DIGITS, strict=True)),
}
"""Sign or digit → name in chords."""

REREAD_S = 0.5
"""Age at which the layout is read anew."""

LATIN_LETTERS = 13
"""Letters a … z that make a layout a Latin one."""


class Layout:
    """Signs that the keys of a layout give without modifiers."""

    def __init__(self, signs: Mapping[str, str]) -> None:
        """Store `signs`, place → sign; keys without one may be missing."""
        self.signs = {place: sign.lower() for place, sign in signs.items() if sign}
        self.is_latin: bool = (
            len(set(self.signs.values()) & set(string.ascii_lowercase)) >= LATIN_LETTERS
        )
        self._places: dict[tuple[str, bool], tuple[str, ...]] = {}

    def label(self, place: str) -> str:
        """Return the sign on the key of a place: "A", "^", "W (Ц)".

        Without Latin letters both are printed on a keyboard, and some look alike: the Latin one
        comes first.
        """
        latin = US.signs.get(place, "").upper()
        sign = self.signs.get(place, latin).upper()
        return sign if self.is_latin or sign == latin else f"{latin} ({sign})"

    def places(self, name: str, *, command: bool = False) -> tuple[str, ...]:
        """Return the places of a chord's key; () for a sign that takes Shift or AltGr.

        Digits go by place, letters and signs by sign; by place go also letters that no key prints,
        signs whose key is a digit's, and everything without Latin letters. With `command`, Ctrl or
        Alt is held: then the digit row has its signs.
        """
        question = name, command
        if question not in self._places:
            self._places[question] = self._find(name, command)
        return self._places[question]

    def _find(self, name: str, command: bool) -> tuple[str, ...]:
        sign = sign_of(name)
        if not sign or name in DIGITS:
            return (name,)
        everywhere = tuple(place for place, printed in self.signs.items() if printed == sign)
        places = everywhere if command else tuple(p for p in everywhere if p not in DIGITS)
        if places:
            return places
        taken = self.signs.get(name, "")
        by_place = sign.isalpha() or bool(everywhere) or not self.is_latin
        is_free = name in US.signs and taken not in CLAIMED
        return (name,) if by_place and is_free else ()


def sign_of(name: str) -> str:
    """Return the sign of a chord's key: "w", "[", "4"; "" for a key that prints none."""
    if name in DIGITS or len(name) == 1:
        return name.strip("_")
    return SIGNS.get(name) or SHIFTED.get(name, "")


US = Layout(
    {
        **SIGNS,
        **dict(zip(DIGITS, string.digits, strict=True)),
        **dict(zip(string.ascii_lowercase, string.ascii_lowercase, strict=True)),
    }
)
"""Layout of a US keyboard; its signs name the places."""


class Press(NamedTuple):
    """A key that went down."""

    place: str
    modifiers: frozenset[str] = frozenset()
    """Of "ctrl", "shift", "alt"."""
    text: str = ""
    """Sign typed with it, "" for none."""


def _place(key: str) -> str:
    """Return the place of a key of glfw, such as "KEY_KP_4"."""
    name = key.removeprefix("KEY_").lower()
    if name in ("up", "down", "left", "right"):
        return f"{name}_arrow"
    if name.isdecimal():
        return f"_{name}"
    digit = name.removeprefix("kp_")
    return f"keypad{'' if digit.isdecimal() else '_'}{digit}" if digit != name else name


PLACES = {
    getattr(glfw, key): _place(key)
    for key in dir(glfw)
    if key.startswith("KEY_") and key not in ("KEY_UNKNOWN", "KEY_LAST")
}
"""Key code of glfw → place."""

_PRINTING = [
    code for code, place in PLACES.items() if place in US.signs or place.startswith("world")
]
_MODIFIERS = (
    (glfw.MOD_CONTROL, "ctrl"),
    (glfw.MOD_SUPER, "ctrl"),
    (glfw.MOD_SHIFT, "shift"),
    (glfw.MOD_ALT, "alt"),
)


class Keyboard:
    """Reader of a window's keys, beside imgui's."""

    def __init__(self) -> None:
        self.presses: tuple[Press, ...] = ()
        """Keys that went down before this frame, in their order."""
        self.held: set[str] = set()
        """Places of the keys that are down."""
        self._coming: list[Press] = []
        self._typing = False  # the last event was a press: its sign may follow
        self._layout = US
        self._read_at = -REREAD_S

    @property
    def layout(self) -> Layout:
        """Layout in use; it may be switched while the window is open."""
        now = time.monotonic()
        if now - self._read_at >= REREAD_S:
            self._read_at = now
            signs = read_signs() or US.signs
            if signs != self._layout.signs:
                self._layout = Layout(signs)
        return self._layout

    def attach(self, window: Any) -> None:
        """Take the key events of a glfw window; called before imgui's own, which then pass them
        on."""
        glfw.set_key_callback(window, self.key)
        with warnings.catch_warnings():
            # GLFW 4 may go without it; the plain one has no signs while Ctrl is held
            warnings.simplefilter("ignore", DeprecationWarning)
            glfw.set_char_mods_callback(window, self.typed)

    def key(self, _window: Any, code: int, _scancode: int, action: int, modifiers: int) -> None:
        """Note a key event of glfw."""
        place = PLACES.get(code)
        if place is None:
            return
        self._typing = action == glfw.PRESS
        if action == glfw.RELEASE:
            self.held.discard(place)
        elif action == glfw.PRESS:
            self.held.add(place)
            names = frozenset(name for bit, name in _MODIFIERS if modifiers & bit)
            self._coming.append(Press(place, names))
            self._read_at = -REREAD_S

    def typed(self, _window: Any, codepoint: int, _modifiers: int) -> None:
        """Note the sign typed with the last key."""
        if self._typing and self._coming and not self._coming[-1].text:
            self._coming[-1] = self._coming[-1]._replace(text=chr(codepoint))

    def next_frame(self) -> None:
        """Make the keys that went down since the last frame this frame's."""
        self.presses = tuple(self._coming)
        self._coming.clear()


def read_signs() -> dict[str, str]:
    """Return place → sign of the layout in use, as glfw has it now."""
    codes = [code for code in _PRINTING if glfw.get_key_scancode(code) >= 0]  # on this keyboard
    names = {PLACES[code]: glfw.get_key_name(code, 0) for code in codes}
    return {place: name.lower() for place, name in names.items() if name}
