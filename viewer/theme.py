"""The look of the window: one dark palette, spacing in em, and the fonts that imgui-bundle ships."""

from __future__ import annotations

from functools import cache

from imgui_bundle import ImVec2, ImVec4, hello_imgui, imgui

FONT_PX = 16.0
"""Text height at 96 dpi; hello_imgui scales it for denser screens, and every other size is in em."""


def rgba(code: str, alpha: float = 1.0) -> ImVec4:
    """`"rrggbb"` → colour."""
    r, g, b = (int(code[k : k + 2], 16) / 255 for k in (0, 2, 4))
    return ImVec4(r, g, b, alpha)


@cache
def u32(code: str, alpha: float = 1.0) -> int:
    """`"rrggbb"` → packed colour, as draw lists take it."""
    return imgui.color_convert_float4_to_u32(rgba(code, alpha))


BACKGROUND = "15191e"
PANEL = "1b2026"
RAISED = "272e36"
HOVER = "34404b"
LINE = "2e363f"
TEXT = "d9dfe5"
DIM = "8d99a5"
ACCENT = "4fb3a5"
ACCENT_DEEP = "2f7d74"
GOOD = "7cc48a"
WARNING = "e3b04b"
ERROR = "e5695e"

LEVEL_COLOURS = {"info": ACCENT, "warning": WARNING, "error": ERROR}
"""Message level → colour."""


def load_fonts() -> None:
    """Roboto with icons for text (its digits are equally wide, so readouts do not jitter)."""
    hello_imgui.load_font_ttf_with_font_awesome_icons("fonts/Roboto/Roboto-Regular.ttf", FONT_PX)


def apply_style() -> None:
    """Colours, rounding and spacing."""
    style = imgui.get_style()
    style.window_padding = ImVec2(12, 10)
    style.frame_padding = ImVec2(8, 4)
    style.item_spacing = ImVec2(8, 7)
    style.item_inner_spacing = ImVec2(6, 4)
    style.indent_spacing = 16
    style.scrollbar_size = 11
    style.grab_min_size = 10
    style.window_rounding = 6
    style.child_rounding = style.frame_rounding = style.popup_rounding = 4
    style.grab_rounding = style.scrollbar_rounding = style.tab_rounding = 4
    style.window_border_size = style.popup_border_size = 1
    style.frame_border_size = style.tab_border_size = 0
    style.tab_bar_overline_size = 2
    style.separator_text_border_size = 1
    style.separator_text_padding = ImVec2(0, 6)
    style.disabled_alpha = 0.45
    for name, code, alpha in _COLOURS:
        style.set_color_(getattr(imgui.Col_, name), rgba(code, alpha))


_COLOURS = (
    ("text", TEXT, 1.0),
    ("text_disabled", DIM, 1.0),
    ("text_link", ACCENT, 1.0),
    ("window_bg", PANEL, 1.0),
    ("child_bg", PANEL, 0.0),
    ("popup_bg", PANEL, 0.98),
    ("menu_bar_bg", BACKGROUND, 1.0),
    ("border", LINE, 1.0),
    ("frame_bg", RAISED, 1.0),
    ("frame_bg_hovered", HOVER, 1.0),
    ("frame_bg_active", HOVER, 1.0),
    ("title_bg", BACKGROUND, 1.0),
    ("title_bg_active", BACKGROUND, 1.0),
    ("title_bg_collapsed", BACKGROUND, 1.0),
    ("scrollbar_bg", PANEL, 0.0),
    ("scrollbar_grab", HOVER, 1.0),
    ("scrollbar_grab_hovered", DIM, 1.0),
    ("scrollbar_grab_active", DIM, 1.0),
    ("check_mark", ACCENT, 1.0),
    ("slider_grab", ACCENT, 1.0),
    ("slider_grab_active", TEXT, 1.0),
    ("button", RAISED, 1.0),
    ("button_hovered", HOVER, 1.0),
    ("button_active", ACCENT_DEEP, 1.0),
    ("header", RAISED, 1.0),
    ("header_hovered", HOVER, 1.0),
    ("header_active", HOVER, 1.0),
    ("separator", LINE, 1.0),
    ("separator_hovered", ACCENT, 1.0),
    ("separator_active", ACCENT, 1.0),
    ("resize_grip", LINE, 1.0),
    ("resize_grip_hovered", ACCENT, 1.0),
    ("resize_grip_active", ACCENT, 1.0),
    ("tab", BACKGROUND, 1.0),
    ("tab_hovered", HOVER, 1.0),
    ("tab_selected", PANEL, 1.0),
    ("tab_selected_overline", ACCENT, 1.0),
    ("tab_dimmed", BACKGROUND, 1.0),
    ("tab_dimmed_selected", PANEL, 1.0),
    ("tab_dimmed_selected_overline", ACCENT_DEEP, 1.0),
    ("docking_preview", ACCENT, 0.5),
    ("docking_empty_bg", BACKGROUND, 1.0),
    ("plot_histogram", ACCENT, 1.0),
    ("plot_histogram_hovered", TEXT, 1.0),
    ("table_header_bg", RAISED, 1.0),
    ("table_border_light", LINE, 1.0),
    ("table_border_strong", LINE, 1.0),
    ("text_selected_bg", ACCENT_DEEP, 0.8),
    ("nav_cursor", ACCENT, 1.0),
    ("modal_window_dim_bg", BACKGROUND, 0.6),
)
