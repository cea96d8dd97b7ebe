"""Press keys by place on an X server, print the commands: `python -m tests.support.typing_on_x`.

Arguments: layouts of setxkbmap, each with chords after a colon, such as "fr:_4,shift+_4,altgr+_5".
One window reads them all, so the layout is switched while it is open.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
import time

from viewer.gui import keys
from viewer.gui.keyboard import Keyboard

import glfw  # isort: skip (after imgui-bundle, which brings the library)

ROWS = {10: "1234567890", 24: "qwertyuiop", 38: "asdfghjkl", 52: "zxcvbnm"}
"""First X key code of a row → its keys."""

CODES = {
    "minus": 20,
    "equal": 21,
    "left_bracket": 34,
    "right_bracket": 35,
    "semicolon": 47,
    "apostrophe": 48,
    "comma": 59,
    "period": 60,
    "slash": 61,
    "keypad_add": 86,
    "keypad_divide": 106,
    "f1": 67,
    "shift": 50,
    "ctrl": 37,
    "altgr": 108,
}
for first, row in ROWS.items():
    CODES |= {f"_{key}" if key.isdecimal() else key: first + k for k, key in enumerate(row)}


def main() -> None:
    """Press the keys of the arguments; print a line per layout."""
    x11 = ctypes.CDLL("libX11.so.6")
    xtest = ctypes.CDLL("libXtst.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    display = ctypes.c_void_p(x11.XOpenDisplay(None))

    def send(name: str, down: bool) -> None:
        xtest.XTestFakeKeyEvent(display, CODES[name], int(down), 0)
        x11.XSync(display, 0)

    assert glfw.init()
    glfw.window_hint(glfw.CLIENT_API, glfw.NO_API)
    window = glfw.create_window(64, 64, "keys", None, None)
    keyboard = Keyboard()
    keyboard.attach(window)
    glfw.focus_window(window)
    deadline = time.monotonic() + 10
    while not glfw.get_window_attrib(window, glfw.FOCUSED) and time.monotonic() < deadline:
        glfw.wait_events_timeout(0.1)
    for argument in sys.argv[1:]:
        layout, _, chords = argument.partition(":")
        subprocess.run(["setxkbmap", layout], check=True)
        for _ in range(4):
            glfw.wait_events_timeout(0.05)
        ids = []
        for chord in chords.split(","):
            names = chord.split("+")
            for name in names:
                send(name, True)
            for name in reversed(names):
                send(name, False)
            for _ in range(3):
                glfw.wait_events_timeout(0.02)
            keyboard.next_frame()
            press = next(press for press in keyboard.presses if press.place == names[-1])
            ids.append(str(keys.command_of(press, keyboard.layout)))
        assert not keyboard.held
        print(layout, *ids, flush=True)
    glfw.terminate()


if __name__ == "__main__":
    main()
