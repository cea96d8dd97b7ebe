"""Heights of a network of ACORN at any places of its area, each by the block that holds it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
import torch

from neural.methods.acorn.tree import Partition
from neural.models.acorn import AcornNetwork

_BATCH = 64  # blocks whose features are computed at once
_BATCH_SAMPLES = 1 << 16  # their samples, padding included

Owner = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From places, columns and rows in finest cells, to the index of the block that holds each."""


class Prediction:
    """A partition with the units of its heights."""

    def __init__(
        self, partition: Partition, root_cells: int, offset_m: float, scale_m: float
    ) -> None:
        self.partition = partition
        self.root_cells = root_cells
        self.offset_m = offset_m
        self.scale_m = scale_m

    @cached_property
    def _owner(self) -> Owner:
        blocks = np.concatenate([self.partition.blocks, self.partition.constant_blocks])
        return owner_of(blocks, self.partition.tree.max_scale, self.root_cells)

    def meters(self, network: AcornNetwork, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return heights float32 at places in finest cells; NaN where no block is."""
        shape = np.broadcast_shapes(np.shape(columns), np.shape(rows))
        x = np.broadcast_to(columns, shape).ravel().astype(np.float64)
        y = np.broadcast_to(rows, shape).ravel().astype(np.float64)
        owner = self._owner(x, y)
        meters = np.full(len(x), np.nan, np.float32)
        count = len(self.partition)
        constant = owner >= count
        meters[constant] = self.partition.values[owner[constant] - count]
        order = np.argsort(owner, kind="stable")
        first, last = np.searchsorted(owner[order], [0, count])
        order = order[first:last]
        used, starts, counts = np.unique(owner[order], return_index=True, return_counts=True)
        # blocks of about as many places together: the others of a batch are padded
        by_count = np.argsort(counts, kind="stable")
        done = 0
        while done < len(used):
            part = by_count[done : done + _BATCH]
            while len(part) > 1 and len(part) * counts[part[-1]] > _BATCH_SAMPLES:
                part = part[: len(part) // 2]
            done += len(part)
            slots = np.arange(counts[part].max())
            inside = slots < counts[part][:, None]
            index = order[np.minimum(starts[part][:, None] + slots, len(order) - 1)]
            values = self._heights(network, used[part], x[index], y[index])
            meters[index[inside]] = values[inside]
        return meters.reshape(shape)

    def _heights(
        self, network: AcornNetwork, owners: np.ndarray, x: np.ndarray, y: np.ndarray
    ) -> np.ndarray:
        """Return meters [n, places] at places x, y [n, places] of each of n blocks."""
        blocks = self.partition.blocks[owners]
        side = (self.root_cells >> blocks[:, :1]).astype(np.float64)
        u = 2 * (x / side - blocks[:, 1:2]) - 1
        v = 2 * (y / side - blocks[:, 2:3]) - 1
        places = torch.from_numpy(np.stack([u, v], axis=-1).astype(np.float32)[:, None])
        with torch.no_grad():
            inputs = network.inputs(blocks)
            h = network.heights(network.features(inputs), places.to(inputs.device))
        return h[:, 0].cpu().numpy() * np.float32(self.scale_m) + np.float32(self.offset_m)


def owner_of(blocks: np.ndarray, max_scale: int, root_cells: int) -> Owner:
    """Return the function that finds the block that holds a place, −1 where none of them does.

    As `Partition.find`, twenty times as fast.
    """
    side = 1 << max_scale
    owners = np.full((side, side), -1, np.int32)
    for k, (scale, x, y) in enumerate(blocks.tolist()):
        span = side >> scale
        owners[y * span : (y + 1) * span, x * span : (x + 1) * span] = k

    def owner(columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
        x = np.clip(np.asarray(columns) * (side / root_cells), 0, side - 1).astype(np.int64)
        y = np.clip(np.asarray(rows) * (side / root_cells), 0, side - 1).astype(np.int64)
        return owners[y, x]

    return owner
