"""Keyboards of other countries: digits and flight by place, letters and signs by sign."""

import shutil
import subprocess
import sys

import pytest

from tests.support import gui_driver  # noqa: F401  (skips without a window's libraries)
from viewer.gui import help, keyboard, keys
from viewer.gui.keyboard import US, Keyboard, Layout, Press

ROWS = {
    "digits": ("grave_accent", *(f"_{digit}" for digit in "1234567890"), "minus", "equal"),
    "upper": (*"qwertyuiop", "left_bracket", "right_bracket"),
    "home": (*"asdfghjkl", "semicolon", "apostrophe", "backslash"),
    "lower": ("world_1", *"zxcvbnm", "comma", "period", "slash"),
}


def layout(digits, upper, home, lower):
    """Layout from the signs of four rows; "¤" for a dead key."""
    signs = {}
    for places, row in zip(ROWS.values(), (digits, upper, home, lower), strict=True):
        signs |= dict(zip(places, row, strict=True))
    return Layout({place: sign for place, sign in signs.items() if sign != "¤"})


FRENCH = layout("²&é\"'(-è_çà)=", "azertyuiop¤$", "qsdfghjklmù*", "<wxcvbn,;:!")
GERMAN = layout("¤1234567890ß¤", "qwertzuiopü+", "asdfghjklöä#", "<yxcvbnm,.-")
CZECH = layout(";+ěščřžýáíé=¤", "qwertzuiopú)", "asdfghjklů§¤", "\\yxcvbnm,.-")
DVORAK = layout("`1234567890[]", "',.pyfgcrl/=", "aoeuidhtns-\\", "<;qjkxbmwvz")
SWISS = layout("§1234567890'¤", "qwertzuiopè¤", "asdfghjkléà$", "<yxcvbnm,.-")
RUSSIAN = layout("ё1234567890-=", "йцукенгшщзхъ", "фывапролджэ\\", "/ячсмитьбю.")
GREEK = layout("`1234567890-=", ";ςερτυθιοπ[]", "ασδφγηξκλ¤'\\", "<ζχψωβνμ,./")
BULGARIAN = layout("ч1234567890-.", ",уеишщксдзц;", "ьяаожгтнвмчѝ", "ѝюйъэфхпрлб")
TURKISH = layout('"1234567890*-', "qwertyuıopğü", "asdfghjklşi,", "<zxcvbnmöç.")
ALL = (US, FRENCH, GERMAN, CZECH, DVORAK, SWISS, RUSSIAN, GREEK, BULGARIAN, TURKISH)


def of(board, chord, text=None):
    """Command of a chord of places; without modifiers it types the key's own sign."""
    *modifiers, place = chord.split("+")
    own = board.signs.get(place, "") if not modifiers else ""
    return keys.command_of(Press(place, frozenset(modifiers), own if text is None else text), board)


@pytest.mark.parametrize("board", ALL)
def test_digits_go_by_place_everywhere(board):
    for digit in "12345678":
        assert of(board, f"_{digit}") == keys.KEYS[f"_{digit}"]
        assert of(board, f"_{digit}", "") == keys.KEYS[f"_{digit}"]  # a dead key
        assert of(board, f"keypad{digit}", digit) == keys.KEYS[f"_{digit}"]
        assert keys.label(keys.KEYS[f"_{digit}"], board) == digit
    assert keys.label("window.help", board) == "F1"


def test_letters_go_by_the_sign_printed_on_them():
    assert of(FRENCH, "ctrl+w") == "view.undo"  # the key Z
    assert of(FRENCH, "semicolon") == "measure.start"  # M
    assert of(FRENCH, "z") == "debug.wireframe"  # W
    assert of(FRENCH, "m") == "layer.fewer_bits"  # ","
    assert of(GERMAN, "ctrl+y") == "view.undo"
    assert of(GERMAN, "ctrl+z") == "view.redo"
    assert of(GERMAN, "ctrl+shift+y") == "view.redo"
    assert of(CZECH, "ctrl+y") == "view.undo"
    assert of(DVORAK, "ctrl+slash") == "view.undo"
    assert of(DVORAK, "s") == "overlay.error"  # O
    assert of(DVORAK, "shift+y", "F") == "debug.only_tile"
    assert of(FRENCH, "a") is None  # Q


def test_letters_go_by_place_where_no_key_prints_them():
    for board in (RUSSIAN, GREEK, BULGARIAN):
        for chord in ("r", "n", "ctrl+z", "ctrl+y", "shift+f", "ctrl+o", "x", "w"):
            assert of(board, chord) == keys.KEYS[chord], (board.signs["a"], chord)
    assert of(GREEK, "ctrl+q") == "window.quit"  # prints ";"
    assert of(BULGARIAN, "ctrl+q") == "window.preferences"  # prints ","
    assert of(RUSSIAN, "left_bracket") == "layer.fewer_bits"
    assert of(TURKISH, "i") is None


def test_signs_count_however_they_are_typed():
    assert of(US, "shift+equal", "+") == of(US, "equal") == "view.fly_faster"
    assert of(GERMAN, "right_bracket") == "view.fly_faster"  # its "+"
    assert of(GERMAN, "slash") == of(CZECH, "slash") == "view.fly_slower"
    assert of(GERMAN, "shift+_0", "=") == "view.fly_faster"
    assert of(FRENCH, "shift+equal", "+") == "view.fly_faster"
    assert of(FRENCH, "minus") == "view.fly_slower"  # the sign's key is the 6
    assert of(DVORAK, "equal") == "layer.more_bits"
    assert of(TURKISH, "equal") == "view.fly_slower"
    assert of(GERMAN, "_8", "[") == "layer.fewer_bits"  # AltGr: no modifier on X
    assert of(GERMAN, "ctrl+alt+_8", "[") == "layer.fewer_bits"  # on Windows
    assert of(GERMAN, "alt+_6", "]") == "layer.more_bits"  # Option on a Mac
    assert of(FRENCH, "shift+comma", ".") == "layer.more_bits"
    for place, text in (("keypad_add", "+"), ("keypad_equal", "="), ("keypad_add", "")):
        assert of(GERMAN, place, text) == "view.fly_faster"
    assert of(GERMAN, "keypad_subtract", "-") == "view.fly_slower"


def test_signs_and_digits_with_shift_ctrl_or_altgr():
    assert of(FRENCH, "shift+_4", "4") == of(CZECH, "shift+_4", "4") == "overlay.slope"
    assert of(US, "shift+_4", "$") is None
    assert of(FRENCH, "ctrl+_6") == "window.smaller_text"  # its "-"
    assert of(CZECH, "ctrl+_1") == "window.larger_text"  # its "+"
    assert of(SWISS, "ctrl+shift+_1", "+") == "window.larger_text"
    assert of(GERMAN, "ctrl+right_bracket") == "window.larger_text"
    assert of(US, "ctrl+shift+equal") == of(US, "ctrl+equal") == "window.larger_text"
    assert of(FRENCH, "_2", "~") is None  # AltGr
    assert of(GERMAN, "e", "€") is None
    assert of(US, "w", "W") == "debug.wireframe"  # caps lock


def test_the_sheet_shows_the_keys_of_the_layout():
    sheets = {board: {row for _, rows in help.blocks(board) for row in rows} for board in ALL}
    for board, flight, up in (
        (US, "W A S D", "Q E"),
        (FRENCH, "Z Q S D", "A E"),
        (DVORAK, ", A O E", "' ."),
        (GERMAN, "W A S D", "Q E"),
    ):
        assert (f"  with {flight}", "fly") in sheets[board]
        assert (f"  with {up}", "fly down, up") in sheets[board]
    assert ("[ or ,", "Fewer bits") in sheets[US]
    assert (", or [", "Fewer bits") in sheets[GERMAN]
    assert keys.label("view.fly_faster", US) == keys.label("view.fly_faster", GERMAN) == "+"
    assert keys.label("view.fly_faster", CZECH) == "="  # its "+" is the 1
    assert keys.label("view.fly_slower", FRENCH) == ")"  # its "−" is the 6
    assert keys.label("window.smaller_text", FRENCH) == "Ctrl+−"
    assert keys.label("view.undo", RUSSIAN) == "Ctrl+Z (Я)"
    assert keys.label("shading.shadows", RUSSIAN) == "H (Р)"  # not the look-alike of P
    assert keys.label("view.undo", GERMAN) == keys.label("view.undo", DVORAK) == "Ctrl+Z"
    for sheet in sheets.values():
        assert max(len(shown) for shown, _ in sheet) <= 20
    claimed = {keyboard.sign_of(chord.name) for chord in keys.BOUND} - {""}
    assert {sign for sign in claimed if not sign.isdigit()} <= keyboard.CLAIMED


@pytest.mark.parametrize("board", ALL)
def test_every_command_has_a_key_on_every_layout(board):
    reached = set()
    for chord in keys.BOUND:
        sign = keyboard.sign_of(chord.name)
        places = board.places(chord.name, command=bool(chord.modifiers & {"ctrl", "alt"}))
        presses = [Press(place, chord.modifiers) for place in places]
        presses += [Press("_9", chord.modifiers, sign)] if sign and not sign.isalpha() else []
        reached |= {keys.command_of(press, board) for press in presses}
    missing = set(keys.KEYS.values()) - reached
    assert missing <= ({"window.quit"} if board is BULGARIAN else set())


def test_the_keyboard_follows_events_and_a_switched_layout(monkeypatch):
    board = Keyboard()
    signs = dict(GERMAN.signs)
    monkeypatch.setattr(keyboard, "read_signs", lambda: signs)
    board.key(None, keyboard.glfw.KEY_Y, 0, keyboard.glfw.PRESS, keyboard.glfw.MOD_SUPER)
    board.next_frame()
    assert board.held == {"y"}
    assert [keys.command_of(press, board.layout) for press in board.presses] == ["view.undo"]
    signs = dict(US.signs)
    board.key(None, keyboard.glfw.KEY_Y, 0, keyboard.glfw.REPEAT, 0)
    board.typed(None, ord("y"), 0)
    board.key(None, keyboard.glfw.KEY_Y, 0, keyboard.glfw.RELEASE, 0)
    board.next_frame()
    assert (board.held, board.presses) == (set(), ())
    board.key(None, keyboard.glfw.KEY_EQUAL, 0, keyboard.glfw.PRESS, keyboard.glfw.MOD_SHIFT)
    board.typed(None, ord("+"), keyboard.glfw.MOD_SHIFT)
    board.key(None, keyboard.glfw.KEY_UNKNOWN, 0, keyboard.glfw.PRESS, 0)
    board.next_frame()
    assert board.presses == (Press("equal", frozenset({"shift"}), "+"),)
    assert board.layout.signs == US.signs
    signs = {}  # no layout can be read
    board.key(None, keyboard.glfw.KEY_Z, 0, keyboard.glfw.PRESS, keyboard.glfw.MOD_CONTROL)
    board.next_frame()
    assert keys.command_of(board.presses[0], board.layout) == "view.undo"


TYPED = {
    "us": {"_4": "overlay.slope", "ctrl+z": "view.undo", "shift+equal": "view.fly_faster"},
    "fr": {
        "_4": "overlay.slope",
        "_6": "overlay.profile_curvature",
        "shift+_6": "overlay.profile_curvature",
        "altgr+_5": "layer.fewer_bits",
        "ctrl+w": "view.undo",
        "ctrl+_6": "window.smaller_text",
        "minus": "view.fly_slower",
        "a": "None",
    },
    "de": {"ctrl+y": "view.undo", "altgr+_8": "layer.fewer_bits", "slash": "view.fly_slower"},
    "cz": {"_4": "overlay.slope", "shift+_4": "overlay.slope", "ctrl+_1": "window.larger_text"},
    "dvorak": {"ctrl+slash": "view.undo", "s": "overlay.error", "equal": "layer.more_bits"},
    "ru": {"ctrl+z": "view.undo", "slash": "layer.more_bits", "shift+slash": "layer.fewer_bits"},
    "ch": {"shift+_1": "view.fly_faster", "ctrl+shift+_1": "window.larger_text"},
}
"""Layout of setxkbmap → places pressed, and the commands they are."""


def test_layouts_of_an_x_server():
    for tool in ("Xvfb", "xvfb-run", "setxkbmap"):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")
    arguments = [f"{name}:{','.join(chords)}" for name, chords in TYPED.items()]
    command = ["xvfb-run", "-a", sys.executable, "-m", "tests.support.typing_on_x", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if "libXtst" in run.stderr:
        pytest.skip("needs libXtst.so.6")
    assert run.returncode == 0, run.stderr
    lines = {name: ids for name, *ids in map(str.split, run.stdout.splitlines())}
    assert lines == {name: list(chords.values()) for name, chords in TYPED.items()}
    assert run.stderr == ""
