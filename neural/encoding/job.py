"""Facts that an encode depends on, so that only the same job resumes its work file, and the room
that it takes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import neural
from neural.container.staging import Stage, staged_bytes
from neural.encoding.pyramid import count_tiles
from neural.encoding.tile_encoders import TileEncoder
from neural.errors import DemError, NtileError
from neural.raster import raster_name
from neural.raster.dem import Dem
from neural.raster.facts import Facts, changes, file_facts, summary
from neural.system import output
from neural.tiles import TILE

BATCH = 8
"""Tiles per forward pass and per committed group: fixed, so that a resumed run repeats the same
arithmetic."""

_PROBED_ROWS = 16


def input_paths(source: str, files: Mapping[str, Facts]) -> list[str]:
    """Return paths of a raster and of the files of its `neural.raster.facts.file_facts`."""
    main = raster_name.local_file(source)
    folder = "" if main is None else os.path.dirname(os.path.abspath(main))
    return [source, *(os.path.join(folder, name) for name in files)]


def job_facts(
    dem: Dem,
    files: Mapping[str, Facts],
    encoders: Sequence[TileEncoder],
    options: Mapping[str, Any],
) -> Facts:
    """Return all facts that determine the staged tiles (`neural.raster.facts.changes`), with the
    options by their names."""
    methods = [encoder.method.name for encoder in encoders]
    identities = [encoder.identity for encoder in encoders]
    return {
        "files": files,
        "raster": dem.facts(),
        "grid": dem.grid.to_json(),
        "options": {"--method": methods, **options},
        "models": dict(zip(methods, identities, strict=True)),
        "program": {"version": neural.__version__},
    }


def check_unchanged(source: str, files: Mapping[str, Facts], stage: Stage) -> None:
    """Raise DemError where a raster's files are no longer those that the encode began with."""
    if changed := changes({"files": files}, {"files": file_facts(source)}):
        raise DemError(
            f"{source} was changed while it was encoded: {summary(changed)}; the tiles in "
            f"{stage.path} may be of both "
            "states: add --restart to begin anew."
        )


def check_room(dem: Dem, encoders: Sequence[TileEncoder], stage: Stage, out: Path) -> None:
    """Raise NtileError where the disk is clearly too small for the tiles that are yet to be
    staged."""
    sizes = [encoder.latent_bytes for encoder in encoders]
    most = count_tiles(dem.grid)
    try:
        output.check_room(out, staged_bytes(sizes, most, BATCH), stage.size_bytes)
    except NtileError:  # unless much of the area is empty
        try:
            output.check_room(
                out, staged_bytes(sizes, most * _share_with_data(dem), BATCH), stage.size_bytes
            )
        except NtileError:
            if not stage.done_groups():
                stage.discard()
            raise


def _share_with_data(dem: Dem) -> float:
    """Return the share of tiles that hold data, judged by rows of cells spread over the raster."""
    rows = min(_PROBED_ROWS, dem.grid.height)
    starts = np.arange(0, dem.grid.width, TILE)
    with_data = 0
    for k in range(rows):
        _, valid = dem.read((2 * k + 1) * dem.grid.height // (2 * rows), 0, 1, dem.grid.width)
        with_data += int(np.logical_or.reduceat(valid[0], starts).sum())
    return with_data / (rows * len(starts))
