"""GUI-thread work while the viewer changes layers and bits: `python -m tests.bench.switch_method
[FILE] [--overlay]`.

Walks slot A through all layers and bits of a file (the shipped sample) at 1280×720 without a
window, then swaps A with a B that was shown before. Prints, as one JSON object, median and worst
time of what a frame does on the GUI thread during changes (choosing tiles, taking finished ones in,
statistics, the readout under the cursor); the time to draw a picture, which any movement of the
camera costs as well; and the pixels where terrain was missing that is there before and after the
change (0 expected).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

import moderngl
import numpy as np

from assets import sample_files
from neural.bench.environment import machine
from tests.support.scene_tools import Magenta
from viewer.graphics import gl
from viewer.gui.viewport import Viewport
from viewer.model import layers
from viewer.model.camera import Camera
from viewer.model.settings import LayerChoice, Settings
from viewer.scene import overview
from viewer.scene.scene import Scene
from viewer.session.open_request import OpenRequest
from viewer.session.opening import show

SIZE = (1280, 720)
FRAME_S = 1 / 60
LIMIT_S = 600.0  # for one change
LIMIT_MS = 50.0  # a longer frame is felt as a stall


class Walk:
    """A scene and the viewport that the window has, driven frame by frame as the window does."""

    def __init__(self, path: Path, overlay: bool, pick: bool) -> None:
        self.ctx = gl.create_context()
        self.settings = Settings()
        self.pick = pick
        self.settings.overlay.name = "error" if overlay else "none"
        self.scene = Scene(self.ctx, self.settings)
        show(self.scene, OpenRequest(str(path)))
        self.scene._drawing._background.release()
        self.scene._drawing._background = Magenta(self.ctx)
        self.viewport = Viewport(self.ctx)
        self.viewport.place((0.0, 0.0, *map(float, SIZE)), 1.0)
        self.camera = Camera(fov_deg=self.settings.view.fov_deg)
        self.camera.frame(
            self.scene.bounds,
            SIZE[0] / SIZE[1],
            heading_deg=overview.HEADING_DEG,
            pitch_deg=overview.PITCH_DEG,
        )
        self.work: list[float] = []
        self.drawings: list[float] = []
        self.hole_pixels = 0
        self.hole_frames = 0
        self.slowest = ""
        self._drawing_s = 0.0
        draw = self.scene.draw

        def timed(fbo: moderngl.Framebuffer, camera: Camera) -> None:
            start = time.perf_counter()
            draw(fbo, camera)
            self._drawing_s = time.perf_counter() - start

        self.scene.draw = timed  # type: ignore[method-assign]

    def frame(self) -> tuple[float, bool]:
        """One frame: ms of work on this thread without the drawing, and whether a picture was
        drawn."""
        self._drawing_s = 0.0
        start = time.perf_counter()
        self.scene.surface_z(self.camera.easting, self.camera.northing)
        drawn = self.viewport.render(self.scene, self.camera)
        if drawn:
            _ = self.scene.error_stats, self.scene.overlay_range
            _ = [self.scene.rmse_in_view(choice) for choice in self.settings.slots.values()]
        if self.pick:
            self.scene.pick(self.camera, SIZE[0] / 2, SIZE[1] / 2)
        ms = 1e3 * (time.perf_counter() - start - self._drawing_s)
        if drawn:
            self.drawings.append(1e3 * self._drawing_s)
        return ms, drawn

    def terrain(self) -> np.ndarray:
        """Which pixels of the latest picture show terrain, bool [h, w]."""
        red, green, blue = np.moveaxis(self.viewport.image(), -1, 0)
        return (red != 255) | (green != 0) | (blue != 255)  # not the color of Magenta

    def settle(self) -> tuple[list[float], list[np.ndarray]]:
        """Frames until everything asked for is shown: ms of work in each, and where each picture
        has terrain."""
        times: list[float] = []
        pictures: list[np.ndarray] = []
        deadline = time.monotonic() + LIMIT_S
        while not (times and self.scene.ready):
            ms, drawn = self.frame()
            times.append(ms)
            if drawn:
                pictures.append(self.terrain())
            for sentence in self.scene.messages:
                raise SystemExit(sentence)
            if time.monotonic() > deadline:
                raise SystemExit(f"A change took longer than {LIMIT_S:.0f} s.")
            time.sleep(FRAME_S)
        return times, pictures

    def change(self, name: str) -> dict[str, Any]:
        """Measure the frames after a change of settings, from the first frame to the last that
        loads."""
        before = self.terrain()
        began = time.perf_counter()
        times, pictures = self.settle()
        seconds = time.perf_counter() - began
        after = self.terrain()
        holes = [int((before & after & ~picture).sum()) for picture in pictures]
        self.hole_pixels += sum(holes)
        self.hole_frames += sum(count > 0 for count in holes)
        if not self.work or max(times) > max(self.work):
            self.slowest = name
        self.work += times
        return {
            "frames": len(times),
            "pictures": len(pictures),
            "seconds": round(seconds, 2),
            "worst_ms": round(max(times), 1),
        }


def walk(path: Path, overlay: bool, pick: bool) -> dict[str, Any]:
    """All layers × bits in A, then swaps."""
    run = Walk(path, overlay, pick)
    reader = run.scene.reader
    settings = run.settings
    assert reader is not None
    run.settle()
    steps = {}
    for layer in reader.layers:
        for bits in layers.bit_choices(layer):
            choice = LayerChoice(layer.index)
            layers.keep_bits(layer, choice, bits)
            if choice == settings.layer:
                continue
            settings.slots["A"] = choice
            name = f"{layer.index} {layers.label(layer, choice)}"
            steps[name] = run.change(name)
    settings.slots["B"] = LayerChoice(reader.layers[0].index)
    swaps = []
    for _ in range(4):
        layers.swap(settings)
        swaps.append(run.change("swap"))
    result = {
        "renderer": gl.describe(run.ctx),
        "decoder": run.scene.decode_backend,
        "work_ms": spread(run.work),
        "frames_above_50_ms": sum(ms > LIMIT_MS for ms in run.work),
        "slowest_change": run.slowest,
        "drawing_ms": spread(run.drawings),
        "hole_frames": run.hole_frames,
        "hole_pixels": run.hole_pixels,
        "frames_until_a_swap_shows": [swap["frames"] for swap in swaps],
        "swap_worst_ms": max(swap["worst_ms"] for swap in swaps),
        "changes": steps,
    }
    run.scene.release()
    run.viewport.release()
    run.ctx.release()
    return result


def spread(times: list[float]) -> dict[str, float]:
    """Median and worst."""
    return {
        "median": round(statistics.median(times), 1),
        "worst": round(max(times), 1),
        "frames": len(times),
    }


def main() -> None:
    """Measure and print one JSON object."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("file", nargs="?", help="a .ntile file; the shipped sample without it")
    options.add_argument("--overlay", action="store_true", help="with the error overlay on")
    options.add_argument(
        "--no-pick", action="store_true", help="without the readout under the cursor"
    )
    asked = options.parse_args()
    path = Path(asked.file or sample_files()[0])
    report = {
        "machine": machine(),
        "load_average": [round(x, 2) for x in os.getloadavg()],
        "file": path.name,
    }
    report |= {
        "size": SIZE,
        "overlay": asked.overlay,
        **walk(path, asked.overlay, not asked.no_pick),
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
