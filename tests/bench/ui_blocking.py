"""Delays of the drawing thread: a flight with layers, bits, overlays and files changing all the
time.

Run: python -m tests.bench.ui_blocking [--seconds 30] [--seed 1]. Every read of the file, unpacking
of a tile and first decode stage is watched: those on the drawing thread are counted, with the
longest in milliseconds; there should be none but while a file is taken over. Frames are split into
what the thread does; each part is given as median, 99th percentile and longest, wall time, and the
99th percentile of processor time (other programs spoil the former). Prints one JSON object; without
a window, as `viewer.app` works in one.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from neural.bench.environment import machine
from neural.container.byte_source import FileSource
from neural.methods import METHODS
from neural.surface.tile_surface import SurfaceDecoder
from tests.bench import area
from tests.bench.soak import Soak
from viewer.graphics import gl
from viewer.session.open_request import OpenRequest
from viewer.session.opening import Loading, show

SIDE = 8
LIMIT_MS = 16.0


class Watch:
    """Times of calls by kind: those on the drawing thread apart from the workers'."""

    def __init__(self) -> None:
        self.ms: dict[str, list[float]] = defaultdict(list)
        self.cpu_ms: dict[str, list[float]] = defaultdict(list)
        self.elsewhere: dict[str, int] = defaultdict(int)

    @contextmanager
    def time(self, kind: str) -> Iterator[None]:
        """Time a part of a frame."""
        wall = time.perf_counter()
        cpu = time.thread_time()
        try:
            yield
        finally:
            self.ms[kind].append(1e3 * (time.perf_counter() - wall))
            self.cpu_ms[kind].append(1e3 * (time.thread_time() - cpu))

    def over(self, owner: type, name: str, kind: str) -> None:
        """Watch a method from now on."""
        function = getattr(owner, name)

        def watched(*arguments: Any, **named: Any) -> Any:
            if threading.current_thread() is not threading.main_thread():
                self.elsewhere[kind] += 1
                return function(*arguments, **named)
            with self.time(kind):
                return function(*arguments, **named)

        setattr(owner, name, watched)

    def table(self, kinds: list[str]) -> dict[str, dict[str, float]]:
        """Percentiles by kind."""
        out = {}
        for kind in kinds:
            ms = self.ms[kind] or [0.0]
            cpu = self.cpu_ms[kind] or [0.0]
            out[kind] = {
                "calls": len(self.ms[kind]),
                "p50_ms": round(float(np.percentile(ms, 50)), 2),
                "p99_ms": round(float(np.percentile(ms, 99)), 2),
                "longest_ms": round(max(ms), 2),
                "p99_cpu_ms": round(float(np.percentile(cpu, 99)), 2),
                "longest_cpu_ms": round(max(cpu), 2),
            }
        return out


WATCHED = (
    (FileSource, "get_bytes", "read"),
    (SurfaceDecoder, "prepare", "unpack"),
    *((method, "prepare", "first decode stage") for method in METHODS.values()),
)


def fly(soak: Soak, watch: Watch, seconds: float) -> int:
    """Frames as the window makes them, parts timed; returns how many."""
    scene = soak.scene
    camera = soak.camera
    viewport = soak.viewport
    parts: tuple[tuple[str, Callable[[], Any]], ...] = (
        ("ground under the camera", lambda: scene.surface_z(camera.easting, camera.northing)),
        ("update", lambda: scene.update(camera, viewport.size)),
        ("draw", lambda: scene.draw(viewport.fbo, camera) if viewport.fbo else None),
        ("statistics", lambda: scene.error_stats),
        ("pick", lambda: scene.pick(camera, *(np.array(viewport.size) / 2))),
    )
    soak.step()  # the first picture of all
    frames = 0
    end = time.monotonic() + seconds
    change_at = 0.0
    while (now := time.monotonic()) < end:
        if now >= change_at:
            with watch.time("change"):
                soak.change()
            change_at = now + float(soak.rng.exponential(0.7))
        soak.move()
        with watch.time("frame"):
            for name, call in parts:
                with watch.time(name):
                    call()
        frames += 1
    return frames


def reopen(soak: Soak, watch: Watch, path: Path, times: int) -> None:
    """Files opened on a thread and taken over, as a window does it."""
    for _ in range(times):
        request = OpenRequest(str(path))
        loading = Loading(request, soak.scene.decode_backend)
        while not loading.main.done:
            time.sleep(0.005)
        with watch.time("take over a file"):
            show(soak.scene, request, loading)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = area.write(Path(folder) / "area.ntile", SIDE)
        soak = Soak([path], 256.0, options.seed)
        soak.leave_out("open", "debug", "size")
        watch = Watch()
        for owner, name, kind in WATCHED:
            watch.over(owner, name, kind)
        frames = fly(soak, watch, options.seconds)
        blocked = watch.table(list(dict.fromkeys(kind for *_, kind in WATCHED)))
        reopen(soak, watch, path, 5)
        parts = [
            "frame",
            "ground under the camera",
            "update",
            "draw",
            "statistics",
            "pick",
            "change",
        ]
        report = {
            "machine": machine(),
            "renderer": gl.describe(soak.ctx),
            "load_average": [round(x, 2) for x in os.getloadavg()],
            "size": soak.viewport.size,
            "frames": frames,
            "on_the_drawing_thread": blocked,
            "by_workers": dict(watch.elsewhere),
            "parts_of_a_frame": watch.table(parts),
            "take_over_a_file": watch.table(["take over a file"])["take over a file"],
            "longest_blocked_ms": max(row["longest_ms"] for row in blocked.values()),
            "limit_ms": LIMIT_MS,
        }
        soak.release()
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
