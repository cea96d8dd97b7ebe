"""Colors of the window and of pictures: two palettes, the one in use, and contrast.

Each color of the palette in use is an attribute of this module, in capitals: `palette.TEXT`,
`palette.SLOT_A`. Read it where it is drawn, so that it follows a change of theme.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """Colors as "rrggbb". Text is legible on every ground: at least 4.5:1, see `contrast`.

    The colors of A, B, the reference and the residual are blue, orange, neutral and purple: told
    apart without red and green (after Okabe and Ito, "Color Universal Design", 2008).
    """

    background: str  # window background
    panel: str
    raised: str  # buttons, fields
    hover: str
    line: str
    text: str
    dim: str  # secondary text
    accent: str
    accent_deep: str  # pressed or selected items
    on_accent: str  # text on accent_deep
    good: str
    warning: str
    error: str
    slot_a: str
    slot_b: str
    reference: str
    residual: str


DARK = Palette(
    background="15191e",
    panel="1b2026",
    raised="272e36",
    hover="34404b",
    line="2e363f",
    text="d9dfe5",
    dim="95a1ad",
    accent="4fb3a5",
    accent_deep="23695f",
    on_accent="f2f5f7",
    good="7cc48a",
    warning="e3b04b",
    error="f08074",
    slot_a="56b4e9",
    slot_b="e69f00",
    reference="f2f2f2",
    residual="d591b8",
)

LIGHT = Palette(
    background="dde2e7",
    panel="f6f8f9",
    raised="e3e8ec",
    hover="cfd7de",
    line="c4ccd4",
    text="1b2228",
    dim="4f5a65",
    accent="0a665b",
    accent_deep="1a766a",
    on_accent="ffffff",
    good="1f6a35",
    warning="7d5000",
    error="b02a20",
    slot_a="0069a8",
    slot_b="c04f00",
    reference="262626",
    residual="9c3f76",
)

PALETTES = {"dark": DARK, "light": LIGHT}
"""Palettes by name, as `--theme` takes it."""


def luminance(code: str) -> float:
    """Return the relative luminance of "rrggbb", 0 black to 1 white (WCAG 2.2)."""
    linear = []
    for k in (0, 2, 4):
        value = int(code[k : k + 2], 16) / 255
        linear.append(value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4)
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    """Return the contrast ratio of two colors, 1 to 21 (WCAG 2.2)."""
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


_current: Palette = DARK


def __getattr__(name: str) -> str:
    """Return a color of the palette in use, "rrggbb", for an attribute such as `palette.TEXT`."""
    if name.isupper() and hasattr(_current, name.lower()):
        return str(getattr(_current, name.lower()))
    raise AttributeError(f"no color {name!r}")


def use(name: str) -> None:
    """Choose a palette of PALETTES by name for all later drawing; a window also needs
    `apply_style`."""
    global _current
    _current = PALETTES[name]


def current() -> str:
    """Return the name of the palette in use."""
    return next(name for name, palette in PALETTES.items() if palette is _current)


def slot(name: str) -> str:
    """Return the color of slot "A" or "B" in lines and plots."""
    return _current.slot_a if name == "A" else _current.slot_b


def level(name: str) -> str:
    """Return the color of a message's level."""
    return {"info": _current.accent, "warning": _current.warning, "error": _current.error}[name]
