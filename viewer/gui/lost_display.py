"""The end of a program whose X server is gone.

Xlib then ends the process: it calls a handler, in which only files can be saved.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from neural.system import output

EXIT_CODE = 3

_handlers: list[Any] = []  # Xlib holds no reference


def call(save: Callable[[], None]) -> None:
    """Have a function save what is to be kept when the X server is lost; the process then ends with
    a sentence and EXIT_CODE. Without Xlib nothing is done."""
    if not sys.platform.startswith("linux"):
        return
    try:
        xlib = ctypes.CDLL("libX11.so.6")
    except OSError:
        return

    def end(_display: int) -> int:
        try:
            save()
        finally:
            output.discard_all()
            with suppress(Exception):
                print(
                    "Error: the display was lost; settings are saved, and nothing half is left.",
                    file=sys.stderr,
                    flush=True,
                )
            os._exit(EXIT_CODE)

    handler = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(end)
    _handlers[:] = [handler]
    xlib.XSetIOErrorHandler(handler)
