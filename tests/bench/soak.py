"""Hours of use in minutes: flies about an area several times larger than the cache, changing
everything, and watches.

Run: python -m tests.bench.soak [--minutes 30] [--cache-mb 64] [--seed 1]. A made-up area of 290 MB
of decoded textures is written first (half a minute); the flight goes through it and the shipped
sample, with layers, bits, overlays, shading, split and picture size changing all the time, files
opened and closed, and what is in view picked. Every few seconds resident memory, texture bytes, GL
errors and threads are sampled. Prints one JSON object; exits with 1 on a GL error, an exception, or
memory in use that is not flat: after the first third, the median slope of resident memory (Theil,
1950; Sen, 1968) must amount to less than DRIFT of the memory over the run. What the cache holds,
with the errors measured of it, comes and goes: the samples in which it is nearly EMPTY count, as
after a file was opened.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import itertools
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from assets import sample_files
from neural.bench.environment import machine
from neural.errors import NtileError
from tests.bench import area
from viewer.graphics import gl
from viewer.gui.viewport import Viewport
from viewer.model import layers
from viewer.model.camera import Camera
from viewer.model.overlays import NAMES as OVERLAYS
from viewer.model.settings import MESH_QUADS, SHADING_MODES, Settings
from viewer.scene.scene import Scene
from viewer.session import report
from viewer.session.open_request import OpenRequest
from viewer.session.opening import show

ARENAS = {"MALLOC_ARENA_MAX": "2"}
"""glibc gives threads heaps of their own, which stay as large as they have ever been; files opened
have new threads."""

SIDE = 16  # finest tiles: 341 of all levels, 0.86 MB of textures each
SAMPLE_S = 2.0
DRIFT = 0.05
EMPTY = 1 / 3  # of the cache
SIZES = ((640, 360), (960, 540), (800, 600), (333, 517))


def resident_mb() -> float:
    """Memory of this process that is in RAM, once glibc has given back what it keeps free for
    later."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def drift(at_s: np.ndarray, mb: np.ndarray) -> float:
    """Growth over the whole time in MB, from the median slope between all pairs of samples."""
    i, j = np.triu_indices(len(at_s), 1)
    return (
        float(np.median((mb[j] - mb[i]) / (at_s[j] - at_s[i])) * (at_s[-1] - at_s[0]))
        if len(i)
        else 0.0
    )


class Soak:
    """A scene under way."""

    def __init__(self, paths: list[Path], cache_mb: float, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.ctx = gl.create_context()
        self.settings = Settings()
        self.settings.view.cache_mb = cache_mb
        self.scene = Scene(self.ctx, self.settings)
        self.scene.waits = False
        self.viewport = Viewport(self.ctx)
        self.camera = Camera()
        self.goal = np.zeros(3)
        self.paths = paths
        self.done = Counter[str]()
        self.latest = "the start"
        self._left_out: frozenset[str] = frozenset()
        self.open(paths[0])
        self.resize()

    def leave_out(self, *names: str) -> None:
        """Do not do these of CHANGES."""
        self._left_out = frozenset(names)

    def open(self, path: Path) -> None:
        """Another file, seen whole."""
        show(self.scene, OpenRequest(str(path)))
        self.settings.overlay.name = "none"
        self.camera.frame(self.scene.bounds, 16 / 9, heading_deg=0.0, pitch_deg=-38.0)
        self.aim()

    def aim(self) -> None:
        """Somewhere else to fly to, low over the ground or high."""
        west, south, east, north, low, high = self.scene.bounds
        place = self.rng.uniform((west, south), (east, north))
        above = (east - west) * 2.0 ** self.rng.uniform(-7, 0)
        self.goal = np.array([*place, (low + high) / 2 + above])

    def resize(self) -> None:
        """A picture of another size."""
        width, height = SIZES[self.rng.integers(len(SIZES))]
        self.viewport.place((0.0, 0.0, float(width), float(height)), 1.0)

    def see_everything(self) -> None:
        """Draw with every look from several places: compiled programs are kept, 2 to 3 MB each on
        llvmpipe, and are no leak. They differ where tiles morph, and where the area ends."""
        for path in self.paths:
            self.open(path)
            west, south, east, _, _, high = self.scene.bounds
            for share in (1.0, 0.25, 0.05):  # of the area's width above its southern rim
                self.camera.easting = west + 0.4 * (east - west)
                self.camera.northing = south
                self.camera.z = high + share * (east - west)
                self.camera.heading_deg = 10.0
                self.camera.pitch_deg = -40.0
                for overlay, tint, wireframe in itertools.product(
                    OVERLAYS, (False, True), (False, True)
                ):
                    self.settings.overlay.name = overlay
                    self.settings.debug.lod_tint = tint
                    self.settings.debug.wireframe = wireframe
                    self.draw()
                    while not self.scene.ready:
                        self.draw()

    @property
    def programs(self) -> int:
        """Compiled variants of the terrain's shader."""
        return len(self.scene._drawing._terrain._programs)

    def change(self) -> None:
        """One of the things a user does."""
        names = [name for name in CHANGES if name not in self._left_out]
        shares = np.array([CHANGES[name][0] for name in names], float)
        self.latest = str(self.rng.choice(names, p=shares / shares.sum()))
        CHANGES[self.latest][1](self)
        self.done[self.latest] += 1

    def move(self) -> None:
        """Fly on for one frame."""
        way = self.goal - self.camera.eye
        self.camera.easting, self.camera.northing, self.camera.z = self.camera.eye + 0.04 * way
        self.camera.heading_deg = (self.camera.heading_deg + self.rng.normal(0.0, 1.5)) % 360.0
        self.camera.pitch_deg = float(
            np.clip(self.camera.pitch_deg + self.rng.normal(0.0, 1.0), -80.0, -15.0)
        )
        if np.abs(way).max() < 0.02 * (self.scene.bounds.east - self.scene.bounds.west):
            self.aim()

    def step(self) -> None:
        """One frame of flight."""
        self.move()
        self.camera.stay_above(self.scene.surface_z(self.camera.easting, self.camera.northing))
        self.draw()
        self.scene.pick(self.camera, *self.rng.uniform((0, 0), self.viewport.size))
        if self.scene.messages:
            raise NtileError(self.scene.messages[0])

    def draw(self) -> None:
        """One frame."""
        self.viewport.render(self.scene, self.camera)
        _ = self.scene.error_stats

    def release(self) -> None:
        """Free everything."""
        self.scene.release()
        self.viewport.release()
        self.ctx.release()


def _layer(soak: Soak) -> None:
    reader = soak.scene.reader
    choice = soak.settings.layer
    assert reader is not None
    layers.put(reader.layers[soak.rng.integers(len(reader.layers))], choice)


def _bits(soak: Soak) -> None:
    assert soak.scene.reader is not None
    choice = soak.settings.layer
    layers.step_bits(
        soak.scene.reader.layers[choice.index], choice, int(soak.rng.choice((-2, -1, 1, 2)))
    )


def _overlay(soak: Soak) -> None:
    soak.settings.overlay.name = str(soak.rng.choice(OVERLAYS))


def _shading(soak: Soak) -> None:
    soak.settings.shading.mode = str(soak.rng.choice(SHADING_MODES))
    soak.settings.shading.sun_azimuth_deg = float(soak.rng.uniform(0.0, 360.0))


def _mesh(soak: Soak) -> None:
    soak.settings.view.mesh_quads = int(soak.rng.choice(MESH_QUADS[:3]))


def _debug(soak: Soak) -> None:
    debug = soak.settings.debug
    for name in ("wireframe", "lod_tint", "bounds", "timing"):
        setattr(debug, name, bool(soak.rng.random() < 0.3))


def _open(soak: Soak) -> None:
    soak.open(soak.paths[soak.rng.integers(len(soak.paths))])


def _split(soak: Soak) -> None:
    soak.settings.compare.split = bool(soak.rng.random() < 0.4)
    soak.settings.compare.divider = float(soak.rng.uniform(0.1, 0.9))


def _swap(soak: Soak) -> None:
    layers.swap(soak.settings)


CHANGES: dict[str, tuple[int, Callable[[Soak], None]]] = {
    "layer": (6, _layer),
    "bits": (6, _bits),
    "overlay": (6, _overlay),
    "swap": (4, _swap),
    "split": (4, _split),
    "shading": (4, _shading),
    "mesh": (1, _mesh),
    "debug": (2, _debug),
    "size": (3, Soak.resize),
    "aim": (4, Soak.aim),
    "open": (1, _open),
}
"""Actions of a user, and their frequency relative to the rest."""


def run(soak: Soak, seconds: float) -> tuple[list[dict[str, float]], list[str]]:
    """Fly for so long; returns samples and what went wrong."""
    samples: list[dict[str, float]] = []
    wrong: list[str] = []
    start = time.monotonic()
    change_at = 1.0
    sample_at = 0.0
    while (now := time.monotonic() - start) < seconds and len(wrong) < 5:
        try:
            if now >= change_at:
                soak.change()
                change_at = now + float(soak.rng.exponential(1.0))
            soak.step()
        except Exception as error:  # whatever it is, it is what the soak looks for
            wrong.append(f"{now:.0f} s, after {soak.latest}: {error!r}")
        if (problem := soak.ctx.error) != "GL_NO_ERROR":
            wrong.append(f"{now:.0f} s, after {soak.latest}: {problem}")
        if now >= sample_at:
            samples.append(
                {
                    "s": round(now, 1),
                    "resident_mb": round(resident_mb(), 1),
                    "textures_mb": round(soak.scene.stats.cache_bytes / 2**20, 1),
                    "tiles": soak.scene.stats.tiles_drawn,
                    "threads": threading.active_count(),
                    "programs": soak.programs,
                }
            )
            sample_at = now + SAMPLE_S
    return samples, wrong


def main() -> None:
    """Fly, judge, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--cache-mb", type=float, default=64.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--samples", action="store_true", help="print every sample as well")
    options = parser.parse_args()
    if any(os.environ.get(name) != value for name, value in ARENAS.items()):
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.bench.soak", *sys.argv[1:]],
            os.environ | ARENAS,
        )
    with tempfile.TemporaryDirectory() as folder:
        made = area.write(Path(folder) / "soak.ntile", SIDE)
        soak = Soak([made, *sample_files()[:1]], options.cache_mb, options.seed)
        try:
            soak.see_everything()
            samples, wrong = run(soak, 60.0 * options.minutes)
            frames = soak.viewport.pictures
            last = report.collect(soak.scene)
        finally:
            soak.release()
    late = samples[len(samples) // 3 :]
    settled = [
        sample for sample in late if sample["textures_mb"] < EMPTY * options.cache_mb
    ] or late
    at_s, mb = (np.array([sample[name] for sample in settled]) for name in ("s", "resident_mb"))
    grown = drift(at_s, mb)
    limit = DRIFT * float(np.median(mb))
    found: dict[str, Any] = {
        "machine": machine(),
        "minutes": options.minutes,
        "cache_mb": options.cache_mb,
        "pictures": frames,
        "changes": dict(soak.done),
        "resident_mb": {
            "nearly_empty": float(np.median(mb)),
            "largest": max(each["resident_mb"] for each in samples),
        },
        "judged_samples": len(settled),
        "drift_mb": round(grown, 1),
        "drift_allowed_mb": round(limit, 1),
        "programs": [samples[0]["programs"], samples[-1]["programs"]],
        "textures_mb_largest": max(sample["textures_mb"] for sample in samples),
        "threads": [
            min(sample["threads"] for sample in samples),
            max(sample["threads"] for sample in samples),
        ],
        "wrong": wrong,
        "flat": grown < limit,
        "at_the_end": last,
    }
    if options.samples:
        found["samples"] = samples
    print(json.dumps(found, indent=1))
    sys.exit(1 if wrong or grown >= limit else 0)


if __name__ == "__main__":
    main()
