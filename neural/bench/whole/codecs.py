"""Codecs at the errors of the networks: JPEG 2000 as one image, and lapped_siren with all its
levels."""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neural.bench import image
from neural.bench.accounting import IMAGE, IMAGE_TITLE
from neural.bench.codec import Stream
from neural.bench.jpeg2000 import compress, decompress
from neural.bench.whole import errors
from neural.bench.whole.runs import StagedArea
from neural.container.reader import open_reader
from neural.encode import EncodeOptions, encode
from neural.errors import NtileError
from neural.measure.height_reader import HeightReader
from neural.measure.sizes import rates
from neural.raster.dem import Dem, open_dem
from neural.surface.tile_surface import SurfaceDecoder
from neural.system import output

Say = Callable[[str], None]

LAPPED = "lapped_siren"
TITLES = {IMAGE: IMAGE_TITLE, LAPPED: "Lapped SIREN, all levels"}

_ALIKE = 0.01
"""Share by which the errors of a codec and of a network may differ where they are called equal."""

_TRIES = 6


def rows(
    staged: StagedArea, means: Sequence[dict[str, Any]], where: Path, say: Say
) -> list[dict[str, Any]]:
    """Return a row of JPEG 2000 at the RMSE of every network, and one of lapped_siren at that of
    the first; `at` names the method, `budget` its blocks.

    Rows are kept in the folder `where`, and taken from there for errors within a percent.
    """
    found = []
    for index, mean in enumerate(means):
        if not mean["rmse_m"]:
            continue
        for codec in (IMAGE, LAPPED) if index == 0 else (IMAGE,):
            row = _kept_or_measured(staged, codec, mean["rmse_m"], where, say)
            if row is not None:
                found.append({**row, "at": mean["method"], "budget": mean["budget"]})
    return found


def _kept_or_measured(
    staged: StagedArea, codec: str, rmse_m: float, where: Path, say: Say
) -> dict[str, Any] | None:
    path = where / f"{staged.area.slug}-{codec}.json"
    kept: list[dict[str, Any]] = json.loads(path.read_text()) if path.is_file() else []
    near = [row for row in kept if abs(row["target_rmse_m"] / rmse_m - 1) <= _ALIKE]
    if near:
        return min(near, key=lambda row: abs(row["target_rmse_m"] - rmse_m))
    began = time.process_time()
    try:
        with open_dem(staged.place.path, staged.place.reading) as dem:
            measure = _jpeg2000 if codec == IMAGE else _lapped
            row = measure(staged, dem, rmse_m)
    except NtileError as error:
        say(f"{staged.area.name}: {codec} at an RMSE of {rmse_m:.3g} m: {error}")
        return None
    row |= {
        "area": staged.area.name,
        "method": codec,
        "target_rmse_m": rmse_m,
        "seconds": time.process_time() - began,
    }
    say(f"{staged.area.name}: {codec}, {row['bits_per_sample']:.4f} bits/sample")
    output.write_text(path, json.dumps([*kept, row], indent=1) + "\n")
    return row


def _jpeg2000(staged: StagedArea, dem: Dem, rmse_m: float) -> dict[str, Any]:
    """Return the row of the area as one image. Memory grows with it."""
    grid = dem.grid
    heights, valid = dem.read(0, 0, grid.height, grid.width)
    stream, decoded = _image(heights, valid, rmse_m)
    measured = errors.measure(_of_array(decoded), dem, staged.extent)
    size = len(stream.body) + image.mask_bytes(valid)
    return measured.report() | {"bits_per_sample": 8 * size / staged.samples, "bytes": size}


def _image(heights: np.ndarray, valid: np.ndarray, rmse_m: float) -> tuple[Stream, np.ndarray]:
    """Return the stream of heights whose RMSE over valid samples is the nearest to `rmse_m` of a
    few, and its heights."""
    filled = heights if valid.all() else image.filled(heights, valid)
    target = rmse_m
    best: tuple[float, Stream, np.ndarray] | None = None
    for _ in range(_TRIES):
        stream = compress(filled, target, image.BITS, image.RESOLUTIONS)
        decoded = decompress(stream.body) * np.float32(stream.scale_m)
        decoded += np.float32(stream.offset_m)
        error = (decoded - heights)[valid].astype(np.float64)
        present = math.sqrt(float(error @ error) / len(error))
        miss = abs(math.log(max(present, 1e-6) / rmse_m))
        if best is None or miss < best[0]:
            best = miss, stream, decoded
        if miss <= _ALIKE / 2:
            break
        target *= rmse_m / max(present, 1e-6)
    assert best is not None
    return best[1:]


def _of_array(heights: np.ndarray) -> errors.Surface:
    def read(row: int, column: int, rows: int, columns: int) -> np.ndarray:
        window = np.zeros((rows, columns), np.float32)
        top = max(row, 0)
        left = max(column, 0)
        part = heights[top : max(row + rows, top), left : max(column + columns, left)]
        window[top - row :, left - column :][: part.shape[0], : part.shape[1]] = part
        return window

    return read


def _lapped(staged: StagedArea, dem: Dem, rmse_m: float) -> dict[str, Any]:
    """Return the row of a file with a lapped_siren layer of all levels, without its decoder."""
    options = EncodeOptions(
        methods=(LAPPED,), target_rmse_m=rmse_m, reading=staged.place.reading, jobs=1
    )
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "area.ntile"
        encode(staged.place.path, out, options)
        with open_reader(out) as reader:
            layer = reader.layers[0]
            surface = SurfaceDecoder(reader, layer)
            measured = errors.measure(_of_reader(surface), dem, staged.extent)
            rate = rates(reader, layer, staged.samples)["stack_bits_per_sample"]
    return measured.report() | {
        "bits_per_sample": rate,
        "bytes": round(rate * staged.samples / 8),
    }


def _of_reader(reader: HeightReader) -> errors.Surface:
    return lambda *window: reader.read(*window)[0]
