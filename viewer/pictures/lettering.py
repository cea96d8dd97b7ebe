"""Text and rounded rectangles painted into pictures without a window.

Glyphs come from imgui-bundle's fonts, rasterized by imgui's font atlas; no window, no GL.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from neural.system.forks import ForkLock
from neural.system.home import some_working_directory
from viewer.model.fonts import FontFile, candidates, is_drawn, report_missing
from viewer.model.writing import visual

Color = tuple[int, int, int]


def rgb(code: str) -> Color:
    """Convert `"rrggbb"` to three bytes."""
    r, g, b = (int(code[k : k + 2], 16) for k in (0, 2, 4))
    return r, g, b


_fallbacks: dict[str, FontFile | None] = {}
"""Fonts of the system by letter; None where no font has it."""


class TextPainter:
    """Painter of text in Roboto at one size in pixels, other scripts in fonts of the system.

    Threads may have painters at once, but share none.
    """

    _making = ForkLock()  # imgui has one current context in the process

    def __init__(self, size_px: int) -> None:
        with some_working_directory():
            from imgui_bundle import imgui

        self.size_px = size_px
        self._imgui = imgui
        self._extra: list[FontFile] = []
        self._covered: set[str] = set()
        self._context: Any = None
        self._make()

    def _make(self) -> None:
        """Make the glyphs of Roboto and of the fonts in `_extra`."""
        imgui = self._imgui
        with self._making:
            self.close()
            previous = imgui.get_current_context()
            self._context = imgui.create_context()
            imgui.set_current_context(self._context)
            io = imgui.get_io()
            io.set_ini_filename("")
            io.backend_flags |= imgui.BackendFlags_.renderer_has_textures.value
            io.display_size = imgui.ImVec2(64, 64)
            size = float(self.size_px)
            self._font = io.fonts.add_font_from_file_ttf(str(_roboto()), size)
            for extra in self._extra:
                config = imgui.ImFontConfig()
                config.merge_mode = True
                config.dst_font = self._font
                config.font_no = extra.number
                io.fonts.add_font_from_file_ttf(extra.path, size, config)
            imgui.new_frame()
            self._baked = self._font.get_font_baked(size)
            imgui.end_frame()
            if previous is not None:
                imgui.set_current_context(previous)

    def _laid(self, text: str) -> str:
        """Return a line's letters from left to right, each with a glyph if any font has it."""
        if text.isascii():
            return text
        line = visual(text)
        for letter in line:
            if letter not in self._covered:
                self._covered.add(letter)
                self._cover(letter)
        return line

    def _cover(self, letter: str) -> None:
        if self._font.is_glyph_in_font(ord(letter)) or not is_drawn(letter):
            return
        if letter in _fallbacks:
            found = _fallbacks[letter]
            choices = [] if found is None else [found]
        else:
            choices = candidates(letter)
        kept = self._extra
        for choice in choices:
            self._extra = [*kept, choice]
            self._make()
            if self._font.is_glyph_in_font(ord(letter)):
                _fallbacks[letter] = choice
                return
        if self._extra is not kept:
            self._extra = kept
            self._make()
        _fallbacks[letter] = None
        report_missing(letter)

    def width(self, text: str) -> int:
        """Return the width of a line in pixels."""
        line = self._laid(text)
        return round(sum(self._baked.find_glyph(ord(letter)).advance_x for letter in line))

    def draw(self, image: np.ndarray, x: int, y: int, text: str, color: Color) -> None:
        """Draw a line with its top left corner at (x, y) into uint8 [h, w, 3], clipped to the
        image."""
        text = self._laid(text)
        for letter in text:  # all glyphs first: the atlas may be remade while they are added
            self._baked.find_glyph(ord(letter))
        atlas = self._baked.owner_font.owner_atlas.tex_data
        pixels = atlas.get_pixels_array().reshape(atlas.height, atlas.width, atlas.bytes_per_pixel)[
            ..., -1
        ]
        pen = float(x)
        for letter in text:
            glyph = self._baked.find_glyph(ord(letter))
            left = round(glyph.u0 * atlas.width)
            top = round(glyph.v0 * atlas.height)
            right = round(glyph.u1 * atlas.width)
            bottom = round(glyph.v1 * atlas.height)
            coverage = pixels[top:bottom, left:right] / 255.0
            blend(image, round(pen + glyph.x0), round(y + glyph.y0), coverage, color)
            pen += glyph.advance_x

    def close(self) -> None:
        """Free the glyphs."""
        if self._context is not None:
            self._imgui.destroy_context(self._context)
        self._context = None


@cache
def _roboto() -> Path:
    import imgui_bundle

    return Path(imgui_bundle.__file__).parent / "assets/fonts/Roboto/Roboto-Regular.ttf"


def blend(
    image: np.ndarray, x: int, y: int, coverage: np.ndarray, color: Color | np.ndarray
) -> None:
    """Blend a color, or one per pixel [h, w, 3], with `coverage` [h, w] in [0, 1], its corner at
    (x, y)."""
    height, width = image.shape[:2]
    x0 = max(x, 0)
    y0 = max(y, 0)
    x1 = min(x + coverage.shape[1], width)
    y1 = min(y + coverage.shape[0], height)
    if x0 >= x1 or y0 >= y1:
        return
    alpha = coverage[y0 - y : y1 - y, x0 - x : x1 - x, None]
    target = image[y0:y1, x0:x1]
    paint = np.asarray(color, float)
    paint = paint if paint.ndim == 1 else paint[y0 - y : y1 - y, x0 - x : x1 - x]
    target[...] = np.rint(target * (1 - alpha) + paint * alpha).astype(np.uint8)


def rounded_rect(
    image: np.ndarray, box: Sequence[int], color: Color, opacity: float, radius: int
) -> None:
    """Paint a rectangle (left, top, right, bottom) with round corners, clipped to the image."""
    left, top, right, bottom = box
    x, y = clipped_pixels(image, box)
    over_x = np.maximum(radius - np.minimum(x + 0.5 - left, right - 0.5 - x), 0)
    over_y = np.maximum(radius - np.minimum(y + 0.5 - top, bottom - 0.5 - y), 0)
    outside = np.hypot(over_x, over_y) - radius
    blend(image, max(left, 0), max(top, 0), opacity * np.clip(0.5 - outside, 0, 1), color)


def clipped_pixels(image: np.ndarray, box: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns [1, n] and rows [m, 1] of a box (left, top, right, bottom) inside the
    image; empty for a box outside.

    Only these pixels are computed, so that the strips of a large picture stay cheap.
    """
    left, top, right, bottom = box
    height, width = image.shape[:2]
    return np.arange(max(left, 0), min(right, width))[None, :], np.arange(
        max(top, 0), min(bottom, height)
    )[:, None]
