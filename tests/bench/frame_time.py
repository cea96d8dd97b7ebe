"""Frame time at 1280×720 with about half a million triangles: `python -m tests.bench.frame_time
[--msaa N]`.

64 tiles of 64×64 quads, looked at from above so that all are drawn; PyVista draws a mesh of as many
triangles from the same places, frame by frame in turns, where it is installed (`pip install
pyvista`). Medians, with the machine and the renderer named.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from neural.bench.environment import machine
from neural.tiles import TILE
from tests.bench import area
from tests.bench.area import CELL_M, heights
from viewer.graphics import gl
from viewer.model.camera import Camera
from viewer.model.readings import BoundingBox
from viewer.model.settings import Settings
from viewer.pictures import offscreen
from viewer.scene.scene import Scene

SIZE = (1280, 720)
TILES = 8  # on each side
CELLS = TILES * TILE
QUADS = 64
FRAMES = 31


PIVOT = np.array([CELLS * CELL_M / 2, -CELLS * CELL_M / 2, 0.0])


def first_view() -> Camera:
    """Where both begin, seeing the whole area."""
    at = np.linspace(0, CELLS, TILES * QUADS + 1)
    z = heights(at[None, :], at[:, None])
    camera = Camera()
    side = CELLS * CELL_M
    box = BoundingBox(0.0, -side, side, 0.0, float(z.min()), float(z.max()))
    camera.frame(box, SIZE[0] / SIZE[1], heading_deg=0.0, pitch_deg=-50.0)
    return camera


class Ours:
    """Update and draw, the camera turning a little each frame."""

    def __init__(self, path: Path, msaa: int) -> None:
        settings = Settings()
        settings.view.mesh_quads = QUADS
        settings.view.msaa = msaa
        settings.view.sse_px = 1e-3
        self.ctx = gl.create_context()
        self.scene = Scene(self.ctx, settings)
        self.scene.open(path)
        settings.layer.index = 1  # the raster
        self.camera = first_view()
        offscreen.load(self.scene, self.camera, SIZE)
        self.fbo = self.ctx.framebuffer([self.ctx.texture(SIZE, 4)])

    def frame(self) -> None:
        """One frame, done when this returns."""
        self.camera.orbit(0.2, 0.0, PIVOT)
        self.scene.update(self.camera, SIZE)
        self.scene.draw(self.fbo, self.camera)
        self.ctx.finish()

    def report(self) -> dict[str, object]:
        """Describe the drawn pictures and the machine."""
        stats = self.scene.stats
        return {
            "renderer": gl.describe(self.ctx),
            "tiles": stats.tiles_drawn,
            "triangles": stats.triangles,
        }


class PyVista:
    """The same heights as one PyVista mesh, smooth shaded and colored by height. Raises
    ImportError."""

    def __init__(self, msaa: int) -> None:
        import pyvista

        self.camera = first_view()
        n = TILES * QUADS + 1
        at = np.linspace(0, CELLS, n)
        z = heights(at[None, :], at[:, None])
        x, y = np.meshgrid(at * CELL_M, -at * CELL_M)
        surface = pyvista.StructuredGrid(x, y, z).extract_surface(algorithm=None).triangulate()
        self.plotter = pyvista.Plotter(off_screen=True, window_size=SIZE)
        if msaa > 1:
            self.plotter.enable_anti_aliasing("msaa", multi_samples=msaa)
        else:
            self.plotter.disable_anti_aliasing()
        self.plotter.add_mesh(
            surface, scalars=z.ravel(order="F"), smooth_shading=True, show_scalar_bar=False
        )
        self.plotter.show(auto_close=False)
        self.about = {"version": pyvista.__version__, "triangles": surface.n_cells}

    def frame(self) -> None:
        """See `Ours.frame`."""
        self.camera.orbit(0.2, 0.0, PIVOT)
        seen = self.plotter.camera
        seen.position = self.camera.eye
        seen.focal_point = self.camera.eye + self.camera.axes[2]
        seen.up = (0.0, 0.0, 1.0)
        seen.view_angle = self.camera.fov_deg
        self.plotter.renderer.ResetCameraClippingRange()
        self.plotter.render()
        self.plotter.render_window.WaitForCompletion()

    def report(self) -> dict[str, object]:
        """See `Ours.report`."""
        return self.about


def serve(renderer: type[Ours | PyVista], arguments: tuple[Any, ...], pipe: Connection) -> None:
    """Draw a frame and send its milliseconds for each message, but for the last (None) send
    `report`."""
    try:
        drawn = renderer(*arguments)
    except ImportError:
        pipe.send(None)
        return
    pipe.send(True)
    while pipe.recv():
        start = time.perf_counter()
        drawn.frame()
        pipe.send(1e3 * (time.perf_counter() - start))
    pipe.send(drawn.report())


def measure(renderers: dict[type[Ours | PyVista], tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Median time and report of each one's frames; renderers that are not installed are left out.

    Frames are drawn in turns, so that other load on the machine meets all alike; each renderer has
    a process of its own, because VTK draws into whatever context it finds.
    """
    spawn = multiprocessing.get_context("spawn")
    pipes = []
    for renderer, arguments in renderers.items():
        mine, its = spawn.Pipe()
        spawn.Process(target=serve, args=(renderer, arguments, its), daemon=True).start()
        if mine.recv():
            pipes.append(mine)
    times = np.empty((FRAMES + 3, len(pipes)))
    for row in times:
        for k, pipe in enumerate(pipes):
            pipe.send(True)
            row[k] = pipe.recv()
    found = []
    for pipe, ms in zip(pipes, np.median(times[3:], axis=0), strict=True):
        pipe.send(None)
        found.append({"ms": round(float(ms), 1)} | pipe.recv())
    return found


def main() -> None:
    """Measure and print one JSON object."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--msaa", type=int, default=0, help="samples per pixel, 0 for none")
    msaa = options.parse_args().msaa
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.ntile"
        area.write(path, TILES)
        report: dict[str, Any] = {
            "machine": machine(),
            "load_average": [round(x, 2) for x in os.getloadavg()],
            "size": SIZE,
            "msaa": msaa,
        }
        ours, *peers = measure({Ours: (path, msaa), PyVista: (msaa,)})
    report["ours"] = ours
    for peer in peers:
        report |= {"pyvista": peer, "ratio_to_pyvista": round(ours["ms"] / peer["ms"], 2)}
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
