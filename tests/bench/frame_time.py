"""Frame time at 1280×720 with about half a million triangles: `python -m tests.bench.frame_time [--msaa N]`.

64 tiles of 64×64 quads, looked at from above so that all are drawn; PyVista draws a mesh of as many triangles in
the same run where it is installed (`pip install pyvista`). Medians, with the machine and the renderer named.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from neural.bench.environment import machine
from neural.tiles import TILE
from tests.bench import area
from tests.bench.area import CELL_M, heights
from viewer.camera import Camera
from viewer.draw import gl
from viewer.pictures import headless
from viewer.settings import Settings
from viewer.terrain.scene import Scene

SIZE = (1280, 720)
TILES = 8  # on each side
CELLS = TILES * TILE
QUADS = 64
FRAMES = 21


def median_ms(frame: Callable[[int], None]) -> float:
    """Median over FRAMES, after three to warm up."""
    times = []
    for number in range(FRAMES + 3):
        start = time.perf_counter()
        frame(number)
        times.append(1e3 * (time.perf_counter() - start))
    return float(np.median(times[3:]))


def ours(path: Path, msaa: int) -> dict[str, object]:
    """Update and draw, the camera turning a little each frame."""
    settings = Settings()
    settings.view.mesh_quads, settings.view.msaa = QUADS, msaa
    settings.view.sse_px = 1e-3
    ctx = gl.create_context()
    scene = Scene(ctx, settings)
    scene.open(path)
    settings.layer.index = 1  # the raster
    camera = Camera()
    camera.frame(scene.bounds, SIZE[0] / SIZE[1], heading_deg=0.0, pitch_deg=-50.0)
    headless.load(scene, camera, SIZE)
    fbo = ctx.framebuffer([ctx.texture(SIZE, 4)])
    pivot = np.array([CELLS * CELL_M / 2, -CELLS * CELL_M / 2, 0.0])

    def frame(number: int) -> None:
        camera.orbit(0.2, 0.0, pivot)
        scene.update(camera, SIZE)
        scene.draw(fbo, camera)
        ctx.finish()

    ms = median_ms(frame)
    result = {
        "renderer": gl.describe(ctx),
        "ms": round(ms, 1),
        "tiles": scene.stats.tiles_drawn,
        "triangles": scene.stats.triangles,
    }
    scene.release()
    ctx.release()
    return result


def pyvista_frame(msaa: int) -> dict[str, object] | None:
    """The same heights as one PyVista mesh, smooth shaded and coloured by height; None when not installed."""
    try:
        import pyvista
    except ImportError:
        return None
    n = 8 * QUADS + 1
    at = np.linspace(0, CELLS, n)
    z = heights(at[None, :], at[:, None])
    x, y = np.meshgrid(at * CELL_M, -at * CELL_M)
    surface = pyvista.StructuredGrid(x, y, z).extract_surface(algorithm=None).triangulate()
    plotter = pyvista.Plotter(off_screen=True, window_size=SIZE)
    if msaa > 1:
        plotter.enable_anti_aliasing("msaa", multi_samples=msaa)
    else:
        plotter.disable_anti_aliasing()
    plotter.add_mesh(surface, scalars=z.ravel(order="F"), smooth_shading=True, show_scalar_bar=False)
    plotter.show(auto_close=False)

    def frame(number: int) -> None:
        plotter.camera.azimuth += 0.2
        plotter.render()
        plotter.render_window.WaitForCompletion()

    ms = median_ms(frame)
    return {"version": pyvista.__version__, "ms": round(ms, 1), "triangles": surface.n_cells}


def main() -> None:
    """Measure and print one JSON object."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--msaa", type=int, default=0, help="samples per pixel, 0 for none")
    msaa = options.parse_args().msaa
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.ntile"
        area.write(path, TILES)
        report: dict[str, object] = {
            "machine": machine(),
            "load_average": [round(x, 2) for x in os.getloadavg()],
            "size": SIZE,
            "msaa": msaa,
            "ours": ours(path, msaa),
            "pyvista": pyvista_frame(msaa),
        }
    mine, peer = report["ours"], report["pyvista"]
    if isinstance(mine, dict) and isinstance(peer, dict):
        report["ratio_to_pyvista"] = round(mine["ms"] / peer["ms"], 2)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
