"""Statistics of the frame: tiles, triangles, bytes and times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgui_bundle import hello_imgui, imgui

from viewer.gui import widgets
from viewer.model import text
from viewer.panels.panel import Panel

if TYPE_CHECKING:
    from viewer.model.readings import FrameStats
    from viewer.session.protocols import StatisticsView

Rows = list[tuple[str, ...]]
"""Label, value and, where it helps, an explanation."""


def draw(view: StatisticsView) -> None:
    """Draw the counters as tables."""
    stats = view.stats
    widgets.facts("frame", frame_rows(view, hello_imgui.frame_rate()))
    widgets.heading("Tiles")
    widgets.facts("tiles", tile_rows(stats))
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
    widgets.facts("decoding", decoding_rows(view))


def frame_rows(view: StatisticsView, frames_per_s: float) -> Rows:
    """Return times and sizes of the latest frame."""
    stats = view.stats
    return [
        ("Window", f"{frames_per_s:.0f} frames/s", "Slows down when nothing moves or loads."),
        ("Scene", f"{view.frame_ms:.1f} ms", "CPU time to select tiles and draw the picture."),
        ("Triangles", text.count(stats.triangles)),
        (
            "Worst tile",
            f"{stats.largest_error_px:.1f} px",
            "Largest screen-space error among the tiles drawn.",
        ),
        (
            "Edge gap",
            text.meters(stats.edge_gap_m),
            "Largest height step on an edge shared by two tiles of a level.",
        ),
    ]


def tile_rows(stats: FrameStats) -> Rows:
    """Return the counts of tiles by state."""
    rows: Rows = [
        ("Drawn", f"{stats.tiles_drawn}, finest level {stats.finest_level}"),
        (
            "Missing",
            str(stats.tiles_missing),
            "Selected for this view and not loaded yet; coarser tiles stand in.",
        ),
        ("Loading", str(stats.tiles_loading), "Queued or being decoded."),
        ("Cached", str(stats.tiles_cached), "Kept on the GPU."),
        ("Culled", str(stats.tiles_culled), "Subtrees outside the view frustum."),
    ]
    if stats.tiles_failed:
        rows.append(("Failed", str(stats.tiles_failed), "Not readable or decodable; see the log."))
    return rows


def decoding_rows(view: StatisticsView) -> Rows:
    """Return reading, decoding and upload of tiles."""
    stats = view.stats
    rows: Rows = [
        ("Read", text.data_size(stats.read_bytes), "Payload bytes read from the file so far."),
        (
            "Decoder",
            stats.decoder or text.DASH,
            "Decode backend: fragment or compute shader, or numpy.",
        ),
        ("Per tile", f"{stats.decode_ms:.1f} ms", "Mean time to decode a tile."),
        ("Upload", f"{stats.upload_ms:.1f} ms", "Time to upload finished tiles in this frame."),
        ("Renderer", view.renderer or text.DASH),
    ]
    if stats.shared_bytes:
        tip = "GPU memory of features of blocks, which tiles share; least recently used ones go."
        rows.append(("Blocks", text.data_size(stats.shared_bytes), tip))
    return rows


PANEL = Panel("Statistics", dock="Column", needs_document=False, draw=draw)
