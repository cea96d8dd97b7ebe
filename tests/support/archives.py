"""Small archives with made-up payloads for the container's tests; as a script, one encode that may
be killed."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from neural.container.envelope import ChildInfo
from neural.container.metadata import LayerDraft
from neural.container.reader import Reader
from neural.container.staging import Stage, StagedTile
from neural.container.writer import write_archive
from neural.errors import NtileError
from neural.grid import Grid
from neural.methods import METHODS
from neural.tiles import Tile

SMALL = Grid("", (1.0, 0.0, 500_000.0, 0.0, -1.0, 4_200_000.0), 300, 200)  # 2 levels, 3 tiles
WIDE = Grid("", (2.0, 0.0, 500_000.0, 0.0, -2.0, 4_200_000.0), 1300, 900)  # 4 levels, 33 tiles
DECODER = save({"weight": np.arange(12, dtype=np.float32).reshape(3, 4)})
SHA = hashlib.sha256(DECODER).hexdigest()
PROVENANCE = {"source": {"file": "made-up.tif"}, "attribution": "nobody"}


def staged(
    grid: Grid, layer: int = 0, absent: Sequence[Tile] = (), latents: int = 40
) -> Iterator[StagedTile]:
    """A layer's tiles, children before parents, with bounds and bytes that follow from the tile
    alone."""
    yield from _subtree(grid, layer, Tile(0, 0, 0), absent, latents)[1]


def _subtree(
    grid: Grid, layer: int, tile: Tile, absent: Sequence[Tile], latents: int
) -> tuple[ChildInfo | None, list[StagedTile]]:
    if tile.z == grid.levels or tile in absent or 0 in grid.tile_cells(tile):
        return None, []
    branches = [_subtree(grid, layer, child, absent, latents) for child in tile.children]
    finest = tile.z == grid.levels - 1
    children = [None] * 4 if finest else [info for info, _ in branches]
    rng = np.random.default_rng([layer, *tile])
    low = float(rng.uniform(100, 900))
    info = ChildInfo(
        low, low + float(rng.uniform(0, 300)), 0.0 if finest else float(rng.uniform(0, 50))
    )
    mask = (
        np.kron(rng.random((4, 4)) < 0.5, np.ones((64, 64))) > 0
        if tile.x == tile.y and finest
        else None
    )
    own = StagedTile(layer, tile, low, 12.3, tuple(children), info, mask, rng.bytes(latents))
    return info, [*([] if finest else [each for _, rows in branches for each in rows]), own]


def groups(
    tiles: Sequence[StagedTile], size: int = 8
) -> Iterator[tuple[int, Sequence[StagedTile]]]:
    yield from ((k, tiles[k * size : (k + 1) * size]) for k in range(-(-len(tiles) // size)))


def draft(layer: int = 0, decoder: str | None = SHA) -> LayerDraft:
    """Layers of varied methods, the even ones with a decoder."""
    method = ("huvr_siren", "reference")[layer % 2]
    return LayerDraft(
        method=method,
        config=METHODS[method]().config(),
        bits=8,
        decoder=None if layer % 2 else decoder,
        params={"scales": np.linspace(0, 1, 5, dtype=np.float32) / 3},
        tolerance_m=0.01 if layer % 2 else None,
        title=f"layer {layer}",
    )


def body_of(layer: int, tile: StagedTile) -> bytes:
    return bytes([layer]) + tile.latents


def write(
    out: Path, grid: Grid = SMALL, layers: int = 1, absent: Sequence[Tile] = (), link: bool = False
) -> Path:
    """Stage and write a whole archive."""
    with Stage.open(out, "key") as stage:
        for layer in range(layers):
            stage.put_group(layer, staged(grid, layer, absent))
        drafts = [draft(layer) for layer in range(layers)]
        linked = {SHA} if link else set()
        write_archive(out, grid, drafts, stage, body_of, {SHA: DECODER}, PROVENANCE, linked)
    return out


def read_all(reader: Reader) -> list[tuple[int, Tile, bytes]]:
    """(layer, tile, body) of every tile, each payload checked."""
    return [
        (k.index, tile, reader.read(k, tile).body)
        for k in reader.layers
        for tile in reader.tiles(k)
    ]


def killed_encode(out: Path, die_at: int, file_limit: int) -> None:
    """An encode of WIDE that kills itself at its `die_at`-th step, or may write files of
    `file_limit` bytes."""
    steps = 0

    def counted(function):
        def step(*args, **kwargs):
            nonlocal steps
            steps += 1
            if steps == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        return step

    for name in ("fsync", "replace", "unlink"):
        setattr(os, name, counted(getattr(os, name)))
    if file_limit:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
    tiles = [*staged(WIDE, 0, latents=9000), *staged(WIDE, 1, latents=9000)]
    print("ready", flush=True)
    with Stage.open(out, "key") as stage:
        done = stage.done_groups()
        for group, rows in groups(tiles):
            if group not in done:
                stage.put_group(group, map(counted(lambda row: row), rows))
        write_archive(
            out, WIDE, [draft(0), draft(1)], stage, counted(body_of), {SHA: DECODER}, PROVENANCE
        )
    print("steps", steps, flush=True)


if __name__ == "__main__":
    try:
        killed_encode(Path(sys.argv[1]), die_at=int(sys.argv[2]), file_limit=int(sys.argv[3]))
    except NtileError as failure:
        sys.exit(str(failure))
