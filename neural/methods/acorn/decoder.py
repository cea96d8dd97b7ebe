"""The feature decoder on the lattice of a block: interpolation, two hidden layers, the gradient.

With z₀ = f at a sample, ReLU(z + b) = max(z, −b) + b moves every bias behind the next linear map:

    y₁ = W₀ᵀ f,             x₁ = max(y₁, −c₁),     c₁ = b₀
    y₂ = W₁ᵀ x₁,            x₂ = max(y₂, −c₂),     c₂ = W₁ᵀ c₁ + b₁
    h  = w₂ᵀ x₂ + c₃,                              c₃ = w₂ᵀ c₂ + b₂

so that a layer is one product and one maximum. Where a block has more samples than nodes, y₁ is
interpolated instead of f: linear maps commute with interpolation. The gradient is that of the same
pass, ∂h/∂f = W₀ (m₁ ∘ W₁ diag(w₂) m₂) with the masks m of the maxima, times ∂f/∂u and ∂f/∂v.

Arrays of samples are [rows, channels, columns], a few rows at a time, so that they stay in the
processor's second cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from neural.methods.base import Arrays

SAMPLES = 2048
"""Samples at a time: two arrays of 64 channels take 1 MB."""

COLUMNS = 512
"""Samples of a row that are taken together."""


class Interpolation(NamedTuple):
    """Linear interpolation along one axis between a block's nodes `first` … `first + nodes − 1`."""

    cells: np.ndarray  # [n] int, from `first` on
    weights: np.ndarray  # [n, nodes] of the nodes
    slopes: np.ndarray  # [n, nodes]: the weights' derivative per side of the block
    first: int

    @property
    def nodes(self) -> int:
        """Nodes that the places need."""
        return int(self.weights.shape[1])


def interpolation(t: np.ndarray, side: int, dtype: Any) -> Interpolation:
    """Return the interpolation at places t [n] (in sides of the block) between `side` nodes; beyond
    the ends the outermost cells go on."""
    scaled = t * (side - 1)
    cells = np.clip(np.floor(scaled).astype(np.intp), 0, side - 2)
    share = scaled - cells
    first = int(cells.min())
    cells -= first
    places = np.arange(len(cells))
    weights = np.zeros((len(cells), int(cells.max()) + 2), dtype)
    slopes = np.zeros_like(weights)
    weights[places, cells] = 1 - share
    weights[places, cells + 1] = share
    slopes[places, cells] = 1 - side
    slopes[places, cells + 1] = side - 1
    return Interpolation(cells, weights, slopes, first)


class Piece(NamedTuple):
    """Blocks of one size whose places lie alike."""

    grids: np.ndarray  # features [n, N·N·C/4, 4]
    across: Interpolation

    @property
    def columns(self) -> int:
        """Samples along a row, of all blocks."""
        return len(self.grids) * len(self.across.cells)


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
        self.back_second = np.ascontiguousarray(w1 * w2[:, 0])
        shift = w1.T @ b0 + b1
        self.floors = -b0[:, None], -shift[:, None]
        self.shift = (w2.T @ shift + b2)[0]

    def evaluate(
        self, pieces: Sequence[Piece], down: Interpolation, *, slopes: bool
    ) -> list[list[np.ndarray]]:
        """Return h [n, rows, columns] of each piece, and with `slopes` ∂h/∂u and ∂h/∂v per side of
        the block, each a list in the order of the pieces."""
        results: list[list[np.ndarray]] = [[] for _ in range(3 if slopes else 1)]
        for batch in _batches(pieces):
            parts = self._batch([piece for _, piece in batch], down, slopes)
            ends = np.cumsum([piece.columns for _, piece in batch])
            for result, values in zip(results, parts, strict=True):
                for (is_first, piece), part in zip(
                    batch, np.split(values, ends[:-1], axis=1), strict=True
                ):
                    blocks = part.reshape(len(part), len(piece.grids), -1).transpose(1, 0, 2)
                    if is_first:
                        result.append(blocks)
                    else:
                        result[-1] = np.concatenate([result[-1], blocks])
        return results

    def _batch(self, pieces: list[Piece], down: Interpolation, slopes: bool) -> list[np.ndarray]:
        """Return h and its slopes of pieces side by side, [rows, columns] each."""
        dtype = self.dtype
        columns = sum(piece.columns for piece in pieces)
        nodes = [self._nodes(piece, down) for piece in pieces]
        samples = columns * len(down.cells)
        dense = samples > 2 * sum(part.size for part in nodes) // self.channels
        weights = [piece.across.weights for piece in pieces]
        if slopes or not dense:
            features = _columns(nodes, weights)
        if dense:
            hidden = _columns([_mapped(self.first, part) for part in nodes], weights)
        if slopes:
            sloping = _columns(nodes, [piece.across.slopes for piece in pieces])
        results = [np.empty((len(down.cells), columns), dtype) for _ in range(3 if slopes else 1)]
        rows_at_once = max(1, SAMPLES // columns)
        # the same memory for all rows: new arrays of this size would be new pages each time
        shape = min(rows_at_once, len(down.cells)), len(self.first), columns
        buffers = np.empty((2, *shape), dtype)
        masks = np.empty(shape, bool)
        for rows in _bands(down.cells, rows_at_once):
            cell = int(down.cells[rows.start])
            last = int(down.cells[rows.stop - 1])
            near = slice(cell, last + 2)
            share = down.weights[rows, near]
            first, second = buffers[:, : len(share)]
            if dense:
                _mix(share, hidden[near], first)
            else:
                np.matmul(self.first, _mixed(share, features[near]), out=first)
            np.maximum(first, self.floors[0], out=first)
            np.matmul(self.second, first, out=second)
            np.maximum(second, self.floors[1], out=second)
            np.add((self.last @ second)[:, 0], self.shift, out=results[0][rows])
            if not slopes:
                continue
            mask = np.greater(second, self.floors[1], out=masks[: len(share)])
            np.copyto(second, mask)
            np.greater(first, self.floors[0], out=mask)
            np.matmul(self.back_second, second, out=first)
            first *= mask
            toward = self.back_first @ first  # ∂h/∂f [rows, C, columns]
            along = _mixed(share, sloping[near])
            along *= toward
            np.sum(along, 1, out=results[1][rows])
            steps = features[near][1:] - features[near][:-1]
            steps *= dtype.type(self.side - 1)
            toward *= steps[down.cells[rows] - cell]
            np.sum(toward, 1, out=results[2][rows])
        return results

    def _nodes(self, piece: Piece, down: Interpolation) -> np.ndarray:
        """Return the features that a piece needs, [node row, channel, block, node column]."""
        across = piece.across
        grids = piece.grids.reshape(len(piece.grids), self.side, self.side, self.channels)
        used = grids[
            :,
            down.first : down.first + down.nodes,
            across.first : across.first + across.nodes,
        ]
        return np.ascontiguousarray(used.transpose(1, 3, 0, 2), self.dtype)


def _batches(pieces: Sequence[Piece]) -> Iterator[list[tuple[bool, Piece]]]:
    """Yield pieces side by side of COLUMNS or fewer, or of one block; large pieces are cut. True
    marks the first part of each."""
    batch: list[tuple[bool, Piece]] = []
    columns = 0
    for piece in pieces:
        width = len(piece.across.cells)
        start = 0
        while start < len(piece.grids):
            free = (COLUMNS - columns) // width
            if not free and batch:
                yield batch
                batch = []
                columns = 0
                continue
            stop = start + max(free, 1)
            part = piece._replace(grids=piece.grids[start:stop])
            batch.append((start == 0, part))
            columns += part.columns
            start = stop
    if batch:
        yield batch


def _columns(nodes: list[np.ndarray], weights: list[np.ndarray]) -> np.ndarray:
    """Return node rows interpolated along the columns of each piece, [node row, channel, column],
    pieces side by side."""
    parts = []
    for values, weight in zip(nodes, weights, strict=True):
        mixed = values.reshape(-1, values.shape[-1]) @ weight.T
        parts.append(mixed.reshape(*values.shape[:2], -1))
    joined: np.ndarray = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)
    return joined


def _mapped(weight: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Return features [node row, channel, block, node column] times a matrix [n, channel]."""
    mapped: np.ndarray = weight @ nodes.reshape(*nodes.shape[:2], -1)
    return mapped.reshape(len(nodes), len(weight), *nodes.shape[2:])


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
