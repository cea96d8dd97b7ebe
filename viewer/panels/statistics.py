"""Cost of the frame: tiles, triangles, bytes and times, as the scene counted them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgui_bundle import hello_imgui, imgui

from viewer.graphics import gl
from viewer.gui import widgets
from viewer.model import text

if TYPE_CHECKING:
    from viewer.app import App

TITLE = "Statistics"
DOCK = "Column"


def draw(app: App) -> None:
    """FrameStats as a table."""
    stats = app.stats
    frame_ms = app.viewport.frame_ms if app.viewport is not None else 0.0
    widgets.facts(
        "frame",
        [
            (
                "Window",
                f"{hello_imgui.frame_rate():.0f} frames/s",
                "It slows down when nothing moves or loads.",
            ),
            (
                "Scene",
                f"{frame_ms:.1f} ms",
                "Choosing tiles and drawing the latest picture, on the CPU.",
            ),
            ("Triangles", text.count(stats.triangles)),
            (
                "Worst tile",
                f"{stats.largest_error_px:.1f} px",
                "Largest screen-space error among the tiles drawn.",
            ),
            (
                "Edge gap",
                text.meters(stats.edge_gap_m),
                "Largest height step on an edge two tiles of a level share.",
            ),
        ],
    )
    widgets.heading("Tiles")
    rows = [
        ("Drawn", f"{stats.tiles_drawn}, finest level {stats.finest_level}"),
        (
            "Missing",
            str(stats.tiles_missing),
            "Wanted for this view and not there yet; coarser ones stand in.",
        ),
        ("Loading", str(stats.tiles_loading), "Queued or being decoded."),
        ("Cached", str(stats.tiles_cached), "Kept on the GPU."),
        ("Culled", str(stats.tiles_culled), "Subtrees outside the picture."),
    ]
    if stats.tiles_failed:
        rows.append(
            ("Failed", str(stats.tiles_failed), "Could not be read or decoded; see the log.")
        )
    widgets.facts("tiles", rows)
    widgets.heading("Memory and decoding")
    budget = stats.cache_budget_bytes
    imgui.progress_bar(
        stats.cache_bytes / budget if budget else 0.0,
        (-1, 0),
        f"{text.data_size(stats.cache_bytes)} of {text.data_size(budget)}",
    )
    widgets.tip(
        "GPU memory of the tile cache against its budget (--cache-mb). Tiles on screen are "
        "never dropped."
    )
    widgets.facts(
        "decoding",
        [
            ("Read", text.data_size(stats.read_bytes), "Payload bytes read from the file so far."),
            (
                "Decoder",
                stats.decoder or text.DASH,
                "Where tiles are decoded: fragment or compute shader, or numpy.",
            ),
            ("Per tile", f"{stats.decode_ms:.1f} ms", "Mean time to decode a tile."),
            (
                "Upload",
                f"{stats.upload_ms:.1f} ms",
                "Bringing finished tiles to the GPU in this frame.",
            ),
            ("Renderer", gl.describe(app.scene.ctx) if app.scene is not None else text.DASH),
        ],
    )
