"""From process start to the first frame with terrain, and to the whole view, on the shipped sample (headless).

Run: python -m tests.bench.first_frame [FILE] [--repeats 5]. The first of the runs is the warm-up.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys

from assets import sample_files
from neural.bench.environment import machine

PROBE = """
import os, sys, time
def age():  # seconds since this process was started
    fields = open("/proc/self/stat").read().rsplit(")", 1)[1].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
from viewer import gl
from viewer.camera import Camera
from viewer.scene import Scene
from viewer.settings import Settings
ctx = gl.create_context("auto")
scene = Scene(ctx, Settings())
scene.open(sys.argv[1])
camera, size, first = Camera(fov_deg=scene.settings.view.fov_deg), (1280, 720), None
camera.frame(scene.bounds, size[0] / size[1])
colour = ctx.texture(size, 4)
target = ctx.framebuffer([colour])
while not (first and scene.ready):
    scene.update(camera, size)
    scene.draw(target, camera)
    if scene.stats.tiles_drawn:
        ctx.finish()
        first = first or age()
    scene.wait(0.02)
ctx.finish()
print(first, age(), ctx.info["GL_RENDERER"], sep="|")
"""


def main() -> None:
    """Print medians in seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", default=None)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    path = options.file or str(sample_files()[0])
    runs = []
    for _ in range(options.repeats + 1):
        done = subprocess.run([sys.executable, "-c", PROBE, path], check=True, capture_output=True, text=True)
        runs.append(done.stdout.strip().split("|"))
    first, whole = (statistics.median(float(run[k]) for run in runs[1:]) for k in (0, 1))
    print(f"first frame with terrain {first:.2f} s, whole view {whole:.2f} s; {runs[0][2]}; {machine()}")


if __name__ == "__main__":
    main()
