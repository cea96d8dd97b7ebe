"""Nodes that tiles of a layer share, prepared once on the GPU: an LRU cache of texture rows.

Of a method with `Method.node_passes`. The texture doubles until it holds its budget; nodes are then
prepared again, which takes a fraction of what decoding a tile does.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import moderngl
import numpy as np

from neural.methods.base import Method, TileNodes
from viewer.graphics import gl
from viewer.graphics.preparation import WEIGHT_UNIT, Preparation, Rows, float_texture

BUDGET_BYTES = 128 << 20
"""Bytes of prepared nodes of one layer."""

BATCH = 64
"""Nodes prepared at once."""

SLOT_COLUMNS = 1024
"""Nodes per row of the texture of slots."""

NODES_UNIT = WEIGHT_UNIT + 2
"""Texture unit of the prepared nodes; their slots are bound to the next one."""

LEAST = 64
"""Rows to begin with, and however small the budget: more than a single sample ever reads."""


class Portion(NamedTuple):
    """Texels of a tile that are decoded together, and the numbers of the nodes that they read."""

    first: tuple[int, int]  # column and row
    size: tuple[int, int]  # columns and rows
    nodes: np.ndarray


class NodeCache:
    """Prepared nodes of one layer, with the programs that prepare them."""

    def __init__(
        self,
        ctx: moderngl.Context,
        method: Method,
        first_texel: Mapping[str, int],
        decode_backend: str,
        *,
        parts: Mapping[str, str],
        defines: Mapping[str, gl.Define],
    ) -> None:
        """Create the preparation of a method with `Method.node_passes`; the rest is as for
        `Preparation`."""
        self._ctx = ctx
        self._method = method
        self._draws = decode_backend == "fragment"
        passes = method.node_passes()
        self._columns = passes[-1].columns
        limit = int(ctx.info["GL_MAX_TEXTURE_SIZE"])
        self.most = max(LEAST, min(BUDGET_BYTES // self._row_bytes, limit))
        """Nodes that a portion of a tile can read."""
        batched = tuple(replace(step, rows=BATCH) for step in passes)
        self.preparation = Preparation(
            ctx,
            batched,
            (BATCH, method.node_dim),
            first_texel,
            decode_backend,
            parts=parts,
            defines=defines,
        )
        self._rows: OrderedDict[Hashable, int] = OrderedDict()  # latest used last
        self._texture: moderngl.Texture | None = None
        self._target: moderngl.Framebuffer | None = None
        self._slots = float_texture(ctx, (1, 1))
        self.prepared = 0
        """Nodes prepared so far."""

    @property
    def _row_bytes(self) -> int:
        return 16 * self._columns

    @property
    def bytes(self) -> int:
        """Allocated texture bytes of nodes."""
        return 0 if self._texture is None else self._texture.height * self._row_bytes

    def portions(self, nodes: TileNodes, samples: int) -> Iterator[Portion]:
        """Iterate over parts of the texels 0 … samples of a tile that read no more nodes than the
        cache holds."""
        waiting = [((0, 0), (samples + 1, samples + 1))]
        while waiting:
            first, size = waiting.pop()
            low = np.array(first) / samples
            high = (np.array(first) + size - 1) / samples
            ends = nodes.extents
            read = (ends[:, :2] <= high).all(1) & (ends[:, 2:] >= low).all(1)
            numbers = np.flatnonzero(read)
            if len(numbers) <= self.most or max(size) == 1:
                yield Portion(first, size, numbers[: self.most])
            else:
                waiting += _quarters(first, size)

    def use(self, nodes: TileNodes, portion: Portion) -> None:
        """Prepare what is missing of a portion's nodes and bind them to `NODES_UNIT`, their slots
        to the next one. Binds as `Preparation.run`."""
        keys = [nodes.keys[number] for number in portion.nodes.tolist()]
        missing = [key for key in keys if key not in self._rows]
        if missing and self._grow(len(keys)):
            missing = keys
        for key in keys:
            if key in self._rows:
                self._rows.move_to_end(key)
        self._fill(dict(zip(nodes.keys, nodes.inputs, strict=True)), missing)
        texture = self._texture or self._slots  # a tile without nodes reads neither
        texture.use(NODES_UNIT)
        rows = np.zeros(max(1, -(-len(nodes.keys) // SLOT_COLUMNS)) * SLOT_COLUMNS, np.float32)
        rows[portion.nodes] = [self._rows[key] for key in keys]
        self._bind_slots(rows.reshape(-1, SLOT_COLUMNS))

    def read(self, latents: np.ndarray) -> dict[str, np.ndarray]:
        """Prepare all of a tile's nodes and return the arrays of `Method.prepare`; blocks and binds
        as `Preparation.run`."""
        nodes = self._method.tile_nodes(latents)
        last = self._method.node_passes()[-1].name
        parts = [np.zeros((0, self._columns, 4), np.float32)]
        for start in range(0, len(nodes.inputs), BATCH):
            batch = nodes.inputs[start : start + BATCH]
            self.preparation.run(batch)
            parts.append(self.preparation.read(len(batch))[last])
        return nodes.arrays | {last: np.concatenate(parts)}

    def _grow(self, count: int) -> bool:
        """Make room for so many nodes and, within the budget, for all so far; return True if that
        emptied the cache."""
        present = 0 if self._texture is None else self._texture.height
        if present == self.most or len(self._rows) + count <= present:
            return False
        self._rows.clear()
        rows = min(self.most, max(LEAST, 2 * present, 2 * count))
        before = self._target, self._texture
        self._texture = float_texture(self._ctx, (rows, self._columns))
        self._target = self._ctx.framebuffer([self._texture])
        if self._draws:
            self._target.use()  # a framebuffer must not be freed while it is bound
        _release(before)
        return True

    def _fill(self, inputs: Mapping[Hashable, np.ndarray], missing: Sequence[Hashable]) -> None:
        """Prepare nodes, in rows that are free or were used longest ago."""
        if self._texture is None or self._target is None:
            return
        placed = []
        for key in missing:
            if len(self._rows) < self._texture.height:
                row = len(self._rows)
            else:
                row = self._rows.popitem(last=False)[1]
            self._rows[key] = row
            placed.append((row, inputs[key]))
        placed.sort(key=lambda pair: pair[0])
        start = 0
        while start < len(placed):
            end = start + 1
            while (
                end < min(len(placed), start + BATCH) and placed[end][0] == placed[end - 1][0] + 1
            ):
                end += 1
            batch = np.stack([values for _, values in placed[start:end]])
            self.preparation.run(batch, Rows(self._texture, self._target, placed[start][0]))
            start = end
        self.prepared += len(placed)

    def _bind_slots(self, rows: np.ndarray) -> None:
        if (self._slots.height, self._slots.width) != rows.shape:
            self._slots.release()
            self._slots = self._ctx.texture(rows.shape[::-1], 1, dtype="f4")
            self._slots.filter = (moderngl.NEAREST, moderngl.NEAREST)
        self._slots.write(np.ascontiguousarray(rows))
        self._slots.use(NODES_UNIT + 1)

    def release(self) -> None:
        """Free programs and textures."""
        _release((self._target, self._texture, self._slots))
        self.preparation.release()


def _release(items: Iterable[moderngl.Framebuffer | moderngl.Texture | None]) -> None:
    for item in items:
        if item is not None:
            item.release()


def _quarters(
    first: tuple[int, int], size: tuple[int, int]
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return the quarters of a rectangle of texels; halves where it is one texel wide."""
    (column, row), (columns, rows) = first, size
    left = (columns + 1) // 2
    upper = (rows + 1) // 2
    parts = []
    for y, height in ((row, upper), (row + upper, rows - upper)):
        for x, width in ((column, left), (column + left, columns - left)):
            if width and height:
                parts.append(((x, y), (width, height)))
    return parts
