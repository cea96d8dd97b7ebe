"""Theme of the window: imgui colors of the palette in use, spacing in em, fonts.

Colors are attributes as in `viewer.model.palette`: `theme.TEXT`, `theme.SLOT_A`.
"""

from __future__ import annotations

from functools import cache

from imgui_bundle import ImVec2, ImVec4, hello_imgui, imgui

from viewer.model import palette
from viewer.model.fonts import candidates, is_drawn, report_missing
from viewer.model.palette import current, level, slot, use
from viewer.model.writing import visual

__all__ = ("current", "level", "slot", "use")

FONT_PX = 16.0
"""Text height at 96 dpi; hello_imgui scales it for denser screens, and every other size is in
em."""


def __getattr__(name: str) -> str:
    """Return a color of the palette in use: `theme.TEXT` → "rrggbb"."""
    return getattr(palette, name)


def rgba(code: str, alpha: float = 1.0) -> ImVec4:
    """Convert "rrggbb" to an imgui color."""
    r, g, b = (int(code[k : k + 2], 16) / 255 for k in (0, 2, 4))
    return ImVec4(r, g, b, alpha)


@cache
def u32(code: str, alpha: float = 1.0) -> int:
    """Convert "rrggbb" to a packed color for draw lists."""
    return imgui.color_convert_float4_to_u32(rgba(code, alpha))


_lacking: set[str] = set()
_covered: set[str] = set()


def load_fonts() -> None:
    """Load Roboto with icons; its tabular digits keep readouts from jittering."""
    hello_imgui.load_font_ttf_with_font_awesome_icons("fonts/Roboto/Roboto-Regular.ttf", FONT_PX)
    _covered.clear()


def seen(name: str) -> str:
    """Return a name or text as it is drawn: letters in their order from the left, bytes that are no
    text as escapes.

    Letters that Roboto lacks are there from the next frame on (`add_fonts`).
    """
    if name.isascii():
        return name
    line = visual(name)
    _lacking.update(set(line) - _covered)
    return line


def add_fonts() -> None:
    """Add fonts of the system with the letters that were lacking; call between two frames."""
    if not _lacking:
        return
    io = imgui.get_io()
    font = io.fonts.fonts[0]
    for letter in sorted(_lacking):
        if font.is_glyph_in_font(ord(letter)) or not is_drawn(letter):
            continue
        choices = list(candidates(letter))
        while not font.is_glyph_in_font(ord(letter)) and choices:
            choice = choices.pop(0)
            config = imgui.ImFontConfig()
            config.merge_mode = True
            config.dst_font = font
            config.font_no = choice.number
            io.fonts.add_font_from_file_ttf(choice.path, FONT_PX, config)
        if not font.is_glyph_in_font(ord(letter)):
            report_missing(letter)
    _covered.update(_lacking)
    _lacking.clear()


_KEPT = ("alpha", "font_size_base", "font_scale_main", "font_scale_dpi")


def apply_style(scale: float = 1.0, dpi_factor: float = 1.0) -> None:
    """Set colors, rounding and spacing; scale text and spacing by `scale`.

    `dpi_factor` scales spacing alone: hello_imgui has scaled the text for the screen; at the start
    it does both itself.
    """
    style = imgui.get_style()
    fresh = imgui.Style()
    for name in dir(fresh):  # the rest is scaled from imgui's own sizes each time
        if (
            not name.startswith("_")
            and name not in _KEPT
            and isinstance(getattr(fresh, name), (float, ImVec2))
        ):
            setattr(style, name, getattr(fresh, name))
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
    style.frame_border_size = float(current() == "light")  # gray fields are pale on white
    style.tab_border_size = 0
    style.tab_bar_overline_size = 2
    style.separator_text_border_size = 1
    style.separator_text_padding = ImVec2(0, 6)
    style.disabled_alpha = 0.45
    (imgui.style_colors_light if current() == "light" else imgui.style_colors_dark)()
    style.scale_all_sizes(scale * dpi_factor)
    style.font_scale_main = scale
    for name, color, alpha in _COLORS:
        style.set_color_(getattr(imgui.Col_, name), rgba(getattr(palette, color.upper()), alpha))


_COLORS = (
    ("text", "text", 1.0),
    ("text_disabled", "dim", 1.0),
    ("text_link", "accent", 1.0),
    ("window_bg", "panel", 1.0),
    ("child_bg", "panel", 0.0),
    ("popup_bg", "panel", 0.98),
    ("menu_bar_bg", "background", 1.0),
    ("border", "line", 1.0),
    ("frame_bg", "raised", 1.0),
    ("frame_bg_hovered", "hover", 1.0),
    ("frame_bg_active", "hover", 1.0),
    ("title_bg", "background", 1.0),
    ("title_bg_active", "background", 1.0),
    ("title_bg_collapsed", "background", 1.0),
    ("scrollbar_bg", "panel", 0.0),
    ("scrollbar_grab", "hover", 1.0),
    ("scrollbar_grab_hovered", "dim", 1.0),
    ("scrollbar_grab_active", "dim", 1.0),
    ("checkbox_selected_bg", "raised", 1.0),
    ("input_text_cursor", "text", 1.0),
    ("check_mark", "accent", 1.0),
    ("slider_grab", "accent", 1.0),
    ("slider_grab_active", "text", 1.0),
    ("button", "raised", 1.0),
    ("button_hovered", "hover", 1.0),
    ("button_active", "accent_deep", 1.0),
    ("header", "raised", 1.0),
    ("header_hovered", "hover", 1.0),
    ("header_active", "hover", 1.0),
    ("separator", "line", 1.0),
    ("separator_hovered", "accent", 1.0),
    ("separator_active", "accent", 1.0),
    ("resize_grip", "line", 1.0),
    ("resize_grip_hovered", "accent", 1.0),
    ("resize_grip_active", "accent", 1.0),
    ("tab", "background", 1.0),
    ("tab_hovered", "hover", 1.0),
    ("tab_selected", "panel", 1.0),
    ("tab_selected_overline", "accent", 1.0),
    ("tab_dimmed", "background", 1.0),
    ("tab_dimmed_selected", "panel", 1.0),
    ("tab_dimmed_selected_overline", "accent_deep", 1.0),
    ("docking_preview", "accent", 0.5),
    ("docking_empty_bg", "background", 1.0),
    ("plot_histogram", "accent", 1.0),
    ("plot_histogram_hovered", "text", 1.0),
    ("table_header_bg", "raised", 1.0),
    ("table_border_light", "line", 1.0),
    ("table_border_strong", "line", 1.0),
    ("text_selected_bg", "accent_deep", 0.8),
    ("nav_cursor", "accent", 1.0),
    ("modal_window_dim_bg", "background", 0.6),
)
