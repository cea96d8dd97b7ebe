"""All that a machine with a GPU can tell in one visit: `python -m tests.bench.gpu OUT`.

First decode and frame times through EGL, then `base` models of HUVR+SIREN and HUVR trained for
`--minutes` each, on rasters that OUT's machine has in `--data` (see `--pack`). Each part writes its
own result, so that a visit cut short leaves what was done:

    OUT/decode.json, frame_time.json, first_frame.json     what those benchmarks print
    OUT/METHOD-base/log.csv, log.png, *.safetensors        training
    OUT/report.json                                        seconds and exit status of each part

`python -m tests.bench.gpu --pack DATA FOLDER` copies the training and validation rasters of a
folder, 28 MB, to take along.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
import sys
import time
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


def pack(data: Path, folder: Path) -> None:
    """Copy the rasters of SPLITS, and the rows of the manifest that name them."""
    folder.mkdir(parents=True, exist_ok=True)
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


def main() -> None:
    """Run every part, or pack the data."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path, help="output folder, or where --pack copies to")
    parser.add_argument("--data", type=Path, default=Path("gpu-data"))
    parser.add_argument("--pack", type=Path, metavar="DATA")
    parser.add_argument("--minutes", type=float, default=3.5)
    parser.add_argument("--methods", nargs="*", default=METHODS)
    arguments = parser.parse_args()
    if arguments.pack:
        pack(arguments.pack, arguments.out)
        return
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    report: dict[str, object] = {"machine": machine()}
    for name, options in BENCHMARKS.items():
        report[name] = run([f"tests.bench.{name}", *options], out / f"{name}.json", 90)
        (out / "report.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    for method in arguments.methods:
        report[method] = train(method, arguments.data, out, arguments.minutes)
        (out / "report.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
