"""The feature decoder on the lattice of a block: interpolation, two hidden layers, the gradient.

With z₀ = f at a sample, ReLU(z + b) = max(z, −b) + b moves every bias behind the next linear map:

    y₁ = W₀ᵀ f,             x₁ = max(y₁, −c₁),     c₁ = b₀
    y₂ = W₁ᵀ x₁,            x₂ = max(y₂, −c₂),     c₂ = W₁ᵀ c₁ + b₁
    h  = w₂ᵀ x₂ + c₃,                              c₃ = w₂ᵀ c₂ + b₂

so that a layer is one product and one maximum. Where a block has more samples than nodes, y₁ is
interpolated instead of f: linear maps commute with interpolation. The gradient is that of the same
pass, ∂h/∂f = W₀ (m₁ ∘ W₁ (m₂ ∘ w₂)) with the masks m of the maxima, times ∂f/∂u and ∂f/∂v.

Arrays of samples are [rows, channels, columns], a few rows at a time, so that they stay in the
processor's second cache.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from neural.methods.base import Arrays

SAMPLES = 2048
"""Samples at a time: two arrays of 64 channels take 1 MB."""


class Interpolation(NamedTuple):
    """Linear interpolation along one axis between a block's nodes `first` … `first + nodes − 1`."""

    cells: np.ndarray  # [n] int, from `first` on
    share: np.ndarray  # [n] float64, of the cell's second node
    first: int
    nodes: int
    per_side: int  # N − 1: cells in a block's side

    def weights(
        self, dtype: Any, part: slice = slice(None), first: int = 0, nodes: int | None = None
    ) -> np.ndarray:
        """Return the weights of the nodes [n, nodes], of a part of the places and nodes if
        given."""
        share = self.share[part]
        return _dense(self.cells[part] - first, 1 - share, share, nodes or self.nodes, dtype)

    def slopes(self, dtype: Any) -> np.ndarray:
        """Return the derivative of the weights per side of the block, [n, nodes]."""
        return _dense(self.cells, -self.per_side, self.per_side, self.nodes, dtype)


def _dense(cells: np.ndarray, lower: Any, upper: Any, nodes: int, dtype: Any) -> np.ndarray:
    """Return rows of two numbers each, at the nodes before and after a place, [n, nodes]."""
    dense = np.zeros((len(cells), nodes), dtype)
    places = np.arange(len(cells))
    dense[places, cells] = lower
    dense[places, cells + 1] = upper
    return dense


def interpolation(t: np.ndarray, side: int) -> Interpolation:
    """Return the interpolation at places t [n] (in sides of the block) between `side` nodes; beyond
    the ends the outermost cells go on."""
    scaled = t * (side - 1)
    cells = np.clip(np.floor(scaled).astype(np.intp), 0, side - 2)
    first = int(cells.min())
    return Interpolation(
        cells - first, scaled - cells, first, int(cells.max()) - first + 2, side - 1
    )


class Decoder:
    """The small network behind the features; weights are transposed once."""

    def __init__(self, weights: Arrays, side: int, channels: int) -> None:
        w0, w1, w2 = (np.asarray(weights[f"decoder{k}_weight"]) for k in range(3))
        b0, b1, b2 = (np.asarray(weights[f"decoder{k}_bias"]) for k in range(3))
        self.dtype = w0.dtype
        self.side = side
        self.channels = channels
        self.first = np.ascontiguousarray(w0.T)  # [hidden, C]
        self.second = np.ascontiguousarray(w1.T)
        self.last = np.ascontiguousarray(w2.T)
        self.back_first = np.ascontiguousarray(w0)
        self.back_second = np.ascontiguousarray(w1)
        shift = w1.T @ b0 + b1
        self.floors = -b0[:, None], -shift[:, None]
        self.shift = (w2.T @ shift + b2)[0]

    def evaluate(
        self, grids: np.ndarray, across: Interpolation, down: Interpolation, *, slopes: bool
    ) -> list[np.ndarray]:
        """Return h [n, rows, columns] of blocks with features `grids` [n, N·N·C/4, 4], and with
        `slopes` ∂h/∂u and ∂h/∂v per side of the block."""
        count = len(grids)
        shape = count, len(down.cells), len(across.cells)
        results = [np.empty(shape, self.dtype) for _ in range(3 if slopes else 1)]
        batch = max(1, SAMPLES // 4 // shape[2])
        for start in range(0, count, batch):
            part = slice(start, start + batch)
            self._batch(grids[part], across, down, [result[part] for result in results])
        return results

    def _batch(
        self,
        grids: np.ndarray,
        across: Interpolation,
        down: Interpolation,
        results: list[np.ndarray],
    ) -> None:
        count = len(grids)
        dtype = self.dtype
        columns = count * len(across.cells)
        used = grids.reshape(count, self.side, self.side, self.channels)[
            :,
            down.first : down.first + down.nodes,
            across.first : across.first + across.nodes,
        ]
        # [node row, channel, block, node column]
        nodes = np.ascontiguousarray(used.transpose(1, 3, 0, 2), dtype)
        slopes = len(results) > 1
        to_columns = across.weights(dtype).T
        features = (nodes @ to_columns).reshape(down.nodes, self.channels, columns)
        dense = len(down.cells) * len(across.cells) > 2 * down.nodes * across.nodes
        if dense:
            hidden = self.first @ nodes.reshape(down.nodes, self.channels, -1)
            hidden = hidden.reshape(down.nodes, -1, count, across.nodes) @ to_columns
            hidden = hidden.reshape(down.nodes, -1, columns)
        if slopes:
            sloping = nodes @ across.slopes(dtype).T
            sloping = sloping.reshape(down.nodes, self.channels, columns)
        rows_at_once = max(1, SAMPLES // columns)
        # the same memory for all rows: new arrays of this size would be new pages each time
        shape = min(rows_at_once, len(down.cells)), len(self.floors[0]), columns
        buffers = np.empty((2, *shape), dtype)
        masks = np.empty(shape, bool)
        for rows in _bands(down.cells, rows_at_once):
            cell = int(down.cells[rows.start])
            last = int(down.cells[rows.stop - 1])
            near = slice(cell, last + 2)
            share = down.weights(dtype, rows, cell, last - cell + 2)
            first, second = buffers[:, : len(share)]
            if dense:
                _mix(share, hidden[near], first)
            else:
                np.matmul(self.first, _mixed(share, features[near]), out=first)
            np.maximum(first, self.floors[0], out=first)
            np.matmul(self.second, first, out=second)
            np.maximum(second, self.floors[1], out=second)
            h = (self.last @ second)[:, 0] + self.shift
            results[0][:, rows] = _split(h, count)
            if not slopes:
                continue
            mask = np.greater(second, self.floors[1], out=masks[: len(share)])
            np.multiply(mask, self.last.T, out=second)
            np.greater(first, self.floors[0], out=mask)
            np.matmul(self.back_second, second, out=first)
            first *= mask
            toward = self.back_first @ first  # ∂h/∂f [rows, C, columns]
            along = _mixed(share, sloping[near])
            along *= toward
            results[1][:, rows] = _split(along.sum(1), count)
            steps = features[near][1:] - features[near][:-1]
            steps *= dtype.type(down.per_side)
            toward *= steps[down.cells[rows] - cell]
            results[2][:, rows] = _split(toward.sum(1), count)


def _bands(cells: np.ndarray, most: int) -> list[slice]:
    """Return runs of up to `most` rows, which end where a cell does if that makes them no
    shorter than half."""
    bands = []
    start = 0
    while start < len(cells):
        stop = min(start + most, len(cells))
        inside = start + int(np.searchsorted(cells[start:stop], cells[start], "right"))
        if 2 * (inside - start) >= most:
            stop = inside
        bands.append(slice(start, stop))
        start = stop
    return bands


def _mix(share: np.ndarray, nodes: np.ndarray, out: np.ndarray) -> None:
    """Write weighted sums of node rows [nodes, channels, columns] to `out` [rows, channels,
    columns]."""
    np.matmul(share, nodes.reshape(len(nodes), -1), out=out.reshape(len(share), -1))


def _mixed(share: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Return weighted sums of node rows [nodes, channels, columns], [rows, channels, columns]."""
    out = np.empty((len(share), *nodes.shape[1:]), nodes.dtype)
    _mix(share, nodes, out)
    return out


def _split(values: np.ndarray, count: int) -> np.ndarray:
    """Return [blocks, rows, columns] of [rows, blocks · columns]."""
    return values.reshape(len(values), count, -1).transpose(1, 0, 2)
