"""Blocks of an area and of a tile: which blocks a tile needs, and how its payload says so.

A block `(scale, x, y)` is a node of the quadtree over the pyramid's root square of
`256 · 2^(levels − 1)` finest cells, so tile `(z, x, y)` is the block of the same numbers. A table
of blocks has one row for each, float [n, 6]: scale, x, y, kind, constant, error in meters. Blocks
that do not exist have no row.

A block is *in reach* of a tile when its bump is not zero somewhere in the tile, or at one of the
places that the tile averages: with the half overlap δ = side / (2 (N − 1)) of the block (0 for hard
borders) and the margin m = (½ − 1/(2K)) level-cells of the tile,

    x0 − δ < X1 + m   and   x1 + δ > X0 − m,   along both axes,

and when it touches the area. All of it is computed in integers, so every machine agrees.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np

from neural.methods.acorn.tree import BlockTree
from neural.tiles import TILE, Tile

COLUMNS = 6
SCALE, X, Y, KIND, CONSTANT, ERROR = range(COLUMNS)
"""Columns of a table of blocks."""

NETWORK = 1
PLAIN = 2
"""Kinds: features of the network, or one constant height."""

MAX_SCALE = 24
"""Deepest scale: its columns and rows are exact in float32."""

_LARGEST = 255
_SLACK = 1e-4  # an error that was decoded keeps its code


@dataclass(frozen=True)
class Reach:
    """The numbers that the reach of a block depends on."""

    width: int  # of the area, finest cells
    height: int
    levels: int
    side: int  # N, nodes along each side of a block's features
    max_scale: int
    blended: bool

    def of(self, tile: Tile, samples: int) -> TileReach:
        """Return the reach of a tile of which `samples` places are averaged along each axis of a
        level-cell."""
        unit = 4 * samples * (self.side - 1)  # a finest cell in whole steps
        span = (TILE << (self.levels - 1 - tile.z)) * unit
        margin = span // TILE * (samples - 1) // (2 * samples)
        return TileReach(
            self,
            unit,
            ((tile.x * span - margin, (tile.x + 1) * span + margin)),
            ((tile.y * span - margin, (tile.y + 1) * span + margin)),
        )


@dataclass(frozen=True)
class TileReach:
    """Square that a tile's surface is made of, in steps of 1/unit finest cell."""

    area: Reach
    unit: int
    columns: tuple[int, int]
    rows: tuple[int, int]

    def holds(self, scale: Any, x: Any, y: Any) -> Any:
        """Return True for blocks in reach; integers, or int64 arrays of one shape."""
        area = self.area
        span = (TILE << (area.levels - 1)) * self.unit
        side = span >> scale
        overlap = side // (2 * (area.side - 1)) if area.blended else 0 * side
        inside = (x * side < area.width * self.unit) & (y * side < area.height * self.unit)
        west = x * side - overlap < self.columns[1]
        east = (x + 1) * side + overlap > self.columns[0]
        north = y * side - overlap < self.rows[1]
        south = (y + 1) * side + overlap > self.rows[0]
        return inside & west & east & north & south


def select(blocks: np.ndarray, reach: TileReach) -> np.ndarray:
    """Return the rows in reach out of a table [n, 6], depth first (NW, NE, SW, SE)."""
    scale, x, y = blocks[:, :KIND].astype(np.int64).T
    inside: np.ndarray = blocks[reach.holds(scale, x, y)]
    tree = BlockTree(2, reach.area.max_scale)
    codes = tree.codes(inside[:, :KIND])
    order = np.argsort(codes << 2 * (tree.max_scale - tree.scales(codes)))
    return inside[order]


def cut(blocks: np.ndarray, generations: int) -> np.ndarray:
    """Return the coarser partition that has up to `generations` of the given one below its blocks.

    Of every chain of ancestors the largest block that is at most `generations` above each of the
    leaves in it. Rows of leaves stay; other blocks are of the network, with error 0 (unknown).
    """
    rows = {(int(row[SCALE]), int(row[X]), int(row[Y])): row for row in blocks}
    above = dict.fromkeys(rows, 0)  # generations of leaves below each block
    for scale in range(max((key[0] for key in rows), default=0), 0, -1):
        for key in [key for key in above if key[0] == scale]:
            parent = scale - 1, key[1] >> 1, key[2] >> 1
            above[parent] = max(above.get(parent, 0), above[key] + 1)
    chosen = []
    for key, count in above.items():
        parent = key[0] - 1, key[1] >> 1, key[2] >> 1
        if count <= generations < above.get(parent, generations + 1):
            chosen.append(rows.get(key, np.array([*key, NETWORK, 0, 0], blocks.dtype)))
    return np.array(sorted(chosen, key=lambda row: tuple(row[:KIND])), blocks.dtype).reshape(
        -1, COLUMNS
    )


def pack_blocks(blocks: np.ndarray, reach: TileReach) -> bytes:
    """Map the blocks in reach of a tile, float [n, 6], to bytes.

    Bits of the tree, depth first from the root square, branches out of reach left out: 1 for a
    block that is split (none at the last scale); then, of one that is not, 1 for the network, 01
    for a constant, 00 for none. Zeros fill the last byte. Then one byte for each block's error and
    a float32 for each constant. Raises ValueError for blocks that overlap or are out of reach.
    """
    rows = {(int(row[SCALE]), int(row[X]), int(row[Y])): row for row in blocks}
    split = set()
    for scale, x, y in rows:
        while scale:
            scale, x, y = scale - 1, x >> 1, y >> 1
            split.add((scale, x, y))
    if len(rows) < len(blocks) or split & set(rows):
        raise ValueError("blocks overlap")
    bits: list[int] = []
    leaves = []
    walk = _walk(reach)
    block = next(walk)
    while block is not None:
        if block[0] < reach.area.max_scale:
            bits.append(block in split)
        if block not in split:
            row = rows.get(block)
            bits += [0, 0] if row is None else [1] if row[KIND] == NETWORK else [0, 1]
            if row is not None:
                leaves.append(row)
        block = walk.send(block in split)
    if len(leaves) < len(rows):
        raise ValueError("a block is out of the tile's reach")
    errors = bytes(_error_code(float(row[ERROR])) for row in leaves)
    constants = [row[CONSTANT] for row in leaves if row[KIND] != NETWORK]
    packed = np.packbits(np.array(bits, np.uint8)).tobytes()
    return packed + errors + np.array(constants, "<f4").tobytes()


def unpack_blocks(data: bytes, reach: TileReach) -> np.ndarray:
    """Return the inverse of `pack_blocks`, float32 [n, 6], depth first. Raises ValueError for bytes
    that it does not write."""
    bits = iter(np.unpackbits(np.frombuffer(data, np.uint8)).tolist())
    used = 0
    rows = []
    walk = _walk(reach)
    block = next(walk)
    try:
        while block is not None:
            is_split = False
            if block[0] < reach.area.max_scale:
                is_split = bool(next(bits))
                used += 1
            if not is_split:
                kind = NETWORK if next(bits) else PLAIN if next(bits) else 0
                used += 1 if kind == NETWORK else 2
                if kind:
                    rows.append((*block, kind, 0.0, 0.0))
            block = walk.send(is_split)
    except StopIteration:
        raise ValueError("its body ends within the tree of blocks") from None
    table = np.array(rows, np.float32).reshape(-1, COLUMNS)
    plain = table[:, KIND] == PLAIN
    start = -(-used // 8)
    constants = start + len(rows)
    expected = constants + 4 * int(plain.sum())
    if len(data) != expected:
        raise ValueError(f"its body has {len(data)} bytes of blocks, {expected} expected")
    if data[start - 1] & (1 << (8 * start - used)) - 1:
        raise ValueError("its body has bits after the tree of blocks")
    codes = np.frombuffer(data[start:constants], np.uint8)
    table[:, ERROR] = np.where(codes, 2.0 ** ((codes - 128.0) / 8), 0.0)
    table[plain, CONSTANT] = np.frombuffer(data[constants:], "<f4")
    if not np.isfinite(table).all():
        raise ValueError("its body has a constant that is not finite")
    return table


def _walk(reach: TileReach) -> Generator[Any, bool]:
    """Yield the blocks in reach depth first, then None; the receiver sends back True for a block
    that is split."""
    stack = [(0, 0, 0)]
    while stack:
        scale, x, y = stack.pop()
        if (yield scale, x, y):
            for k in (3, 2, 1, 0):
                child = scale + 1, 2 * x + (k & 1), 2 * y + (k >> 1)
                if reach.holds(*child):
                    stack.append(child)
    yield None


def _error_code(error_m: float) -> int:
    """Return the byte of an error in meters, rounded up: the envelope's code, 255 for 60 km
    and more."""
    if error_m <= 0:
        return 0
    if not error_m < 2.0 ** ((_LARGEST - 128) / 8):
        return _LARGEST
    return max(1, int(np.ceil(128 + 8 * np.log2(error_m) - _SLACK)))
