"""All that a machine with a GPU can tell in one visit: `python -m tests.bench.gpu OUT`.

First decode and frame times through EGL, then `base` models of HUVR+SIREN and HUVR trained for
`--minutes` each, on rasters that OUT's machine has in `--data` (see `--pack`); with `--area` one
network of ACORN's `pluto` preset for five minutes. Each part writes its own result, so that a visit
cut short leaves what was done:

    OUT/decode.json, frame_time.json, first_frame.json     what those benchmarks print
    OUT/acorn.json                                         row of the area, times of its tiles
    OUT/METHOD-base/log.csv, log.png, *.safetensors        training
    OUT/report.json                                        seconds and exit status of each part

`python -m tests.bench.gpu --pack DATA FOLDER` copies the training and validation rasters of a
folder, 28 MB, to take along, or the raster DATA. `python -m tests.bench.gpu OUT --area FOLDER/x.tif
--only-area` visits for ACORN alone.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from neural.bench.environment import machine

BENCHMARKS = {
    "decode": ["--samples", "256"],
    "frame_time": [],
    "first_frame": [],
}
METHODS = ("huvr_siren", "huvr")
PROBE_STEPS = 200
SPLITS = {"train", "val"}
LARGEST = 64 << 20
"""Bytes that can be taken along."""

AREA_MINUTES = 5.0
AREA_LIMIT_S = 540.0


def pack(data: Path, folder: Path) -> None:
    """Copy the rasters of SPLITS, and the rows of the manifest that name them; or one raster."""
    folder.mkdir(parents=True, exist_ok=True)
    if data.is_file():
        if data.stat().st_size > LARGEST:
            sys.exit(
                f"{data} has more than 64 MiB; cut a window out of it (gdal_translate -srcwin)."
            )
        shutil.copy2(data, folder / data.name)
        return
    with (data / "MANIFEST.csv").open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        rows = [row for row in reader if row["split"] in SPLITS]
        names = reader.fieldnames or []
    for row in rows:
        shutil.copy2(data / row["file"], folder / row["file"])
    with (folder / "MANIFEST.csv").open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, names)
        writer.writeheader()
        writer.writerows(rows)


def run(arguments: list[str], out: Path, limit_s: float) -> dict[str, object]:
    """Run a module, its output into a file; return seconds and exit status, 124 if it took too
    long."""
    start = time.monotonic()
    with out.open("w", encoding="utf-8") as text:
        try:
            status = subprocess.run(
                [sys.executable, "-m", *arguments],
                stdout=text,
                timeout=limit_s,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            status = 124
    return {"seconds": round(time.monotonic() - start, 1), "status": status}


def train(method: str, data: Path, out: Path, minutes: float) -> dict[str, object]:
    """Train a `base` model for about so many minutes, as many steps as a short run says."""

    def ntile(folder: Path, steps: int, limit_s: float) -> dict[str, object]:
        folder.mkdir(parents=True, exist_ok=True)
        options = ["--preset", "base", "--steps", str(steps), "--validate-every", "500"]
        arguments = ["train", method, "--data", str(data), "--out", str(folder), *options]
        return run(["neural.cli", *arguments], folder / "output.txt", limit_s)

    probe = out / f"{method}-probe"
    short = ntile(probe, PROBE_STEPS, 60 * minutes)
    twice = ntile(probe / "twice", 2 * PROBE_STEPS, 60 * minutes)
    rate = PROBE_STEPS / max(0.1, float(str(twice["seconds"])) - float(str(short["seconds"])))
    shutil.rmtree(probe)
    steps = max(PROBE_STEPS, int(rate * 60 * minutes * 0.85))
    done = ntile(out / f"{method}-base", steps, 60 * minutes)
    for unneeded in ("checkpoint.pt", "before_cool_down.pt"):
        (out / f"{method}-base" / unneeded).unlink(missing_ok=True)
    return done | {"steps": steps, "steps_per_second": round(rate, 2)}


def fit_area(raster: Path, out: Path) -> dict[str, object]:
    """Train ACORN's `pluto` preset on a raster and time its tiles; return its row too."""
    path = out / "acorn.json"
    arguments = ["tests.bench.gpu_acorn", str(raster), "--minutes", str(AREA_MINUTES)]
    done = run(arguments, path, AREA_LIMIT_S)
    lines = path.read_text(encoding="utf-8").splitlines()
    return done | {"row": json.loads(lines[0]) if lines else None}


def main() -> None:
    """Run every part, or pack the data."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path, help="output folder, or where --pack copies to")
    parser.add_argument("--data", type=Path, default=Path("gpu-data"))
    parser.add_argument("--pack", type=Path, metavar="DATA")
    parser.add_argument("--minutes", type=float, default=3.5)
    parser.add_argument("--methods", nargs="*", default=METHODS)
    parser.add_argument("--area", type=Path, help="raster of at most 64 MiB to fit ACORN to")
    parser.add_argument("--only-area", action="store_true", help="nothing but --area")
    arguments = parser.parse_args()
    if arguments.pack:
        pack(arguments.pack, arguments.out)
        return
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    report: dict[str, object] = {"machine": machine()}
    parts: dict[str, Callable[[], dict[str, object]]] = {}
    if not arguments.only_area:
        for name, options in BENCHMARKS.items():
            module = [f"tests.bench.{name}", *options]
            parts[name] = partial(run, module, out / f"{name}.json", 90)
    if arguments.area:
        parts["acorn"] = partial(fit_area, arguments.area, out)
    if not arguments.only_area:
        for method in arguments.methods:
            parts[method] = partial(train, method, arguments.data, out, arguments.minutes)
    for name, part in parts.items():
        report[name] = part()
        (out / "report.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
