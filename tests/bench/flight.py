"""Frame times while flying: `python -m tests.bench.flight [--sizes 1280x720 …] [--frames 300]`, or
`--gpu`.

A low flight across a made-up area, at a speed that needs new tiles in every second; first while
they stream in, then the same way again with all of them loaded, then standing still: the peer,
which shows what streaming costs. A frame is update, draw and waiting for the renderer, without a
window and without a display's rhythm. `--gpu` flies at 1080p and 4K with 60 frames a second asked
for and adds the decode throughput of every method (`tests.bench.decode`): one command for someone
with a GPU. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from neural.bench.environment import machine
from tests.bench import area, decode
from viewer.graphics import gl
from viewer.model.camera import Camera
from viewer.model.settings import Settings
from viewer.pictures import offscreen
from viewer.scene.scene import Scene

TILES = 8  # finest tiles on each side
HEIGHT_M = 250.0
PITCH_DEG = -22.0
LENGTH_S = 20.0  # of flight
GPU_SIZES = ("1920x1080", "3840x2160")


def camera_at(scene: Scene, share: float) -> Camera:
    """The camera after this share of the flight: a curve through the area."""
    west, south, east, north, _, high = scene.bounds
    across = east - west
    along = north - south
    camera = Camera(fov_deg=scene.settings.view.fov_deg, pitch_deg=PITCH_DEG)
    camera.easting = west + across * (0.1 + 0.8 * share)
    camera.northing = south + along * (0.5 + 0.3 * math.sin(2 * math.pi * share))
    camera.heading_deg = 90.0 - math.degrees(
        math.atan2(0.6 * math.pi * math.cos(2 * math.pi * share), 0.8)
    )
    camera.z = high + HEIGHT_M
    return camera


def percentiles(ms: list[float]) -> dict[str, float]:
    """Median, 99th percentile and maximum."""
    return {
        "p50_ms": round(float(np.percentile(ms, 50)), 2),
        "p99_ms": round(float(np.percentile(ms, 99)), 2),
        "max_ms": round(max(ms), 2),
    }


def fly(
    scene: Scene, size: tuple[int, int], shares: np.ndarray, paced: bool
) -> tuple[list[float], int]:
    """Milliseconds of each frame, and the tiles that were missing on average; `paced`: frames come
    in time's rhythm."""
    color = scene.ctx.texture(size, 4)
    target = scene.ctx.framebuffer([color])
    spent = []
    missing = 0
    start = time.perf_counter()
    for number, share in enumerate(shares):
        if paced:
            time.sleep(max(0.0, start + LENGTH_S * number / len(shares) - time.perf_counter()))
        begun = time.perf_counter()
        camera = camera_at(scene, float(share))
        missing += scene.update(camera, size).tiles_missing
        scene.draw(target, camera)
        scene.ctx.finish()
        spent.append(1e3 * (time.perf_counter() - begun))
    target.release()
    color.release()
    return spent, missing // len(shares)


def measure(path: Path, size: tuple[int, int], frames: int) -> dict[str, Any]:
    """One size: streaming, loaded, still."""
    ctx = gl.create_context()
    settings = Settings()
    settings.view.cache_mb = 1024.0
    found: dict[str, Any] = {"size": size, "renderer": gl.describe(ctx)}
    shares = np.linspace(0.0, 1.0, frames)
    for streaming in (True, False):
        scene = Scene(ctx, settings)
        scene.open(path)
        offscreen.load(scene, camera_at(scene, 0.0), size)
        fly(scene, size, np.zeros(10), paced=False)  # shaders are compiled, textures made
        if streaming:
            ms, missing = fly(scene, size, shares, paced=True)
            found["streaming"] = percentiles(ms) | {"tiles_missing": missing}
        else:
            for share in shares:
                offscreen.load(scene, camera_at(scene, float(share)), size)
            ms, missing = fly(scene, size, shares, paced=False)
            found["loaded"] = percentiles(ms) | {
                "tiles_missing": missing,
                "triangles": scene.stats.triangles,
            }
            found["still"] = percentiles(
                fly(scene, size, np.full(frames // 3, 0.5), paced=False)[0]
            )
        scene.release()
    ctx.release()
    found["streaming_to_still_p50"] = round(
        found["streaming"]["p50_ms"] / found["still"]["p50_ms"], 2
    )
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", nargs="+", default=["1280x720"], metavar="WxH")
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument(
        "--gpu", action="store_true", help="1080p and 4K, 1200 frames, and decode throughput"
    )
    options = parser.parse_args()
    sizes, frames = (GPU_SIZES, 1200) if options.gpu else (options.sizes, options.frames)
    report: dict[str, Any] = {
        "machine": machine(),
        "load_average": [round(x, 2) for x in os.getloadavg()],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = area.write(Path(folder) / "flight.ntile", TILES)
        report["flights"] = [
            measure(path, tuple(map(int, size.split("x"))), frames) for size in sizes
        ]
    if options.gpu:
        report["decode"] = decode.measure(samples=256)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
