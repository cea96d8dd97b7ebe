"""Time to choose the tiles of a frame out of about 10⁵: `python tests/bench/lod_selection.py`.

A complete quadtree of 87 381 announced and loaded tiles (an area of 65 536² cells of 1 m); the
camera flies over it at 1080p, so that every frame asks anew. Medians and 99th percentiles, with the
machine named; the ratio is to a plain Python walk of as many tiles in the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from neural.bench.environment import machine
from neural.container.envelope import ChildInfo
from neural.tiles import Tile
from viewer.model.camera import Camera
from viewer.model.readings import BoundingBox
from viewer.tiles.lod import Frustum, Selection, Selector
from viewer.tiles.quadtree import ROOT, NodeTable

LEVELS = 9
SIDE_M = 256.0 * 2 ** (LEVELS - 1)
SIZE = (1920, 1080)
FRAMES = 600


def area() -> NodeTable:
    """The complete quadtree: ridges of some hundred meters, errors that halve with each level."""
    rng = np.random.default_rng(1)

    def box(tile: Tile, info: ChildInfo) -> BoundingBox:
        side = SIDE_M / 2**tile.z
        return BoundingBox(
            tile.x * side,
            -(tile.y + 1) * side,
            (tile.x + 1) * side,
            -tile.y * side,
            info.min_m,
            info.max_m,
        )

    def info(z: int) -> ChildInfo:
        middle = rng.uniform(300, 600)
        reach = 400 / 1.6**z
        return ChildInfo(
            middle - reach,
            middle + reach,
            0.0 if z == LEVELS - 1 else 40 / 2**z * rng.uniform(0.7, 1),
        )

    table = NodeTable(info(0), box, lambda tile: SIDE_M / 256 / 2**tile.z)
    waiting = [ROOT]
    while waiting:
        tile = waiting.pop()
        table.mark(tile, loaded=True)
        if tile.z < LEVELS - 1:
            table.learn(
                tile, (info(tile.z + 1), info(tile.z + 1), info(tile.z + 1), info(tile.z + 1))
            )
            waiting += tile.children
    return table


def flight() -> list[Frustum]:
    """Low and high, turning all the while."""
    camera = Camera(SIDE_M / 4, -SIDE_M / 4, 2500.0, 45.0, -25.0)
    views = []
    for frame in range(FRAMES):
        camera.look(0.4, 0.0)
        camera.fly(1 / 60, 1, 0, 0, 400.0)
        camera.z = 1600.0 + 1000.0 * float(np.sin(frame / 90))
        views.append(Frustum.of(camera, SIZE))
    return views


def walk_by_tile(table: NodeTable, view: Frustum, sse_px: float) -> int:
    """The same choice, one tile after another; returns how many are drawn."""
    waiting = [0]
    drawn = 0
    while waiting:
        row = waiting.pop()
        low = table.center[row] - table.half[row]
        high = table.center[row] + table.half[row]
        box = BoundingBox(*map(float, (low[0], low[1], high[0], high[1], low[2], high[2])))
        if not view.sees(box):
            continue
        error_px = float(table.error_m[row]) * view.px_per_radian / max(view.distance_m(box), 1e-3)
        first = int(table.first[row])
        if error_px > sse_px and first >= 0:
            waiting += range(first, first + 4)
        else:
            drawn += 1
    return drawn


def times_ms(views: list[Frustum], choose: Callable[[Frustum], object]) -> list[float]:
    """How long each view takes."""
    times = []
    for view in views:
        start = time.perf_counter()
        choose(view)
        times.append(1e3 * (time.perf_counter() - start))
    return times


def main() -> None:
    """Measure and print one JSON object."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sse", type=float, default=2.0, help="pixels of error allowed")
    sse_px = options.parse_args().sse
    table = area()
    views = flight()
    selector = Selector(table)
    chosen: list[Selection] = [selector.select(view, sse_px) for view in views]
    moving = times_ms(views, lambda view: selector.select(view, sse_px))
    listed = times_ms(views, lambda view: selector.select(view, sse_px).draw)
    still = times_ms([views[-1]] * 200, lambda view: selector.select(view, sse_px))
    cold = times_ms(views[:100], lambda view: Selector(table).select(view, sse_px))
    plain = times_ms(views[:20], lambda view: walk_by_tile(table, view, sse_px))
    report = {
        "machine": machine(),
        "load_average": [round(x, 2) for x in os.getloadavg()],
        "candidate_tiles": len(table),
        "drawn": {
            "median": statistics.median(len(c.drawn) for c in chosen),
            "max": max(len(c.drawn) for c in chosen),
        },
        "visited": statistics.median(len(c.visited) for c in chosen),
        "moving_ms": {
            "median": round(statistics.median(moving), 3),
            "p99": round(float(np.percentile(moving, 99)), 3),
        },
        "with_tile_list_ms": round(statistics.median(listed), 3),
        "same_view_ms": round(statistics.median(still), 4),
        "first_view_ms": round(statistics.median(cold), 3),
        "one_by_one_ms": round(statistics.median(plain), 2),
        "ratio_to_one_by_one": round(statistics.median(moving) / statistics.median(plain), 4),
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
