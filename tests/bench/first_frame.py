"""From process start to the first frame with terrain, and to the whole view, on the shipped sample,
without a window.

Run: python -m tests.bench.first_frame [FILE] [--repeats 5] [--window]. With `--window` also to the
first frame with terrain of the program's own window, its configuration empty; that needs a display
(`xvfb-run` will do). The first run is the warm-up: it also fills a folder of bytecode that all
share, so that an environment that writes none is no slower. Prints one JSON object: medians and
minima of seconds since the process started, and of its processor time (other programs on the
machine spoil the former). The peer is a process that only imports numpy and moderngl and makes a
context: nothing can be quicker.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

from assets import sample_files
from neural.bench.environment import machine

AGE = """
import os, sys, time
def mark(name):  # seconds since this process was started, and processor seconds
    fields = open("/proc/self/stat").read().rsplit(")", 1)[1].split()
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    print(name, age, time.process_time(), sep="|")
"""

FLOOR = """
import numpy, moderngl
ctx = moderngl.create_context(standalone=True, backend="egl")
mark("floor")
"""

PROBE = """
from viewer.session import open_scene
from viewer.session.launch import Launch
mark("imported")
launch = Launch(path=sys.argv[1])
with open_scene.opened(launch) as session:
    mark("opened")
    scene = session.document.scene
    camera = session.camera
    size = launch.size
    ctx = scene.ctx
    first = False
    color = ctx.texture(size, 4)
    target = ctx.framebuffer([color])
    while not (first and scene.ready):
        scene.update(camera, size)
        scene.draw(target, camera)
        if scene.stats.tiles_drawn and not first:
            ctx.finish()
            mark("first_frame")
            first = True
        scene.wait(0.02)
    ctx.finish()
    mark("whole_view")
    renderer = ctx.info["GL_RENDERER"]
print(renderer)
"""

WINDOW = """
from viewer import __main__ as program, app
start, finish = app.App.start, app.App.finish_frame
def started(self, ctx):
    mark("window_context")
    start(self, ctx)
    mark("window_opened")
def finished(self):
    finish(self)
    if self.viewport.pictures and self.session.stats.tiles_drawn:
        mark("window_first_frame")
        app.App.finish_frame = finish
        self.window.close()
app.App.start, app.App.finish_frame = started, finished
program.main([sys.argv[1]], standalone_mode=False)
"""


def run(code: str, *arguments: str, bytecode: str) -> list[list[str]]:
    """Lines that a fresh interpreter prints, split."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", AGE + code, *arguments]
    environment = kept | {"PYTHONPYCACHEPREFIX": bytecode, "XDG_CONFIG_HOME": bytecode}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return [line.split("|") for line in done.stdout.splitlines()]


def summary(runs: list[list[list[str]]]) -> dict[str, dict[str, float]]:
    """Per mark: median and least seconds since the start, least processor seconds."""
    out = {}
    for rows in zip(*runs, strict=True):
        if len(rows[0]) == 3:
            age, cpu = ([float(row[k]) for row in rows] for k in (1, 2))
            values = {
                "median_s": statistics.median(age),
                "least_s": min(age),
                "least_cpu_s": min(cpu),
            }
            out[rows[0][0]] = {name: round(value, 3) for name, value in values.items()}
    return out


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", default=None)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--window", action="store_true")
    options = parser.parse_args()
    path = options.file or str(sample_files()[0])
    with tempfile.TemporaryDirectory() as bytecode:
        runs = []
        for _ in range(options.repeats + 1):
            runs.append(run(FLOOR, bytecode=bytecode) + run(PROBE, path, bytecode=bytecode))
            if options.window:
                runs[-1] += run(WINDOW, path, bytecode=bytecode)
    measured = summary(runs[1:])
    ratio = measured["first_frame"]["least_s"] / measured["floor"]["least_s"]
    report = {
        "machine": machine(),
        "renderer": next(row[0] for row in runs[0] if len(row) == 1),
        "load_average": [round(x, 2) for x in os.getloadavg()],
        "repeats": options.repeats,
        **measured,
        "first_frame_to_floor": round(ratio, 2),
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
