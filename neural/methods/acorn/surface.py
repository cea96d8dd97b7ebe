"""The surface of a tile: heights and derivatives of blocks that overlap a little, or of hard ones.

A block with its north-western corner at (u₀, v₀) and side a, all in tile units, has the features F
at N × N nodes, corner to corner. At the place p = (u, v)

    t = (p − (u₀, v₀)) / a,   k = clamp(⌊t (N − 1)⌋, 0, N − 2),   r = t (N − 1) − k
    f = bilinear(F, k, r)           beyond the edge the outermost cell goes on linearly
    h = w₂ᵀ ReLU(W₁ᵀ ReLU(W₀ᵀ f + b₀) + b₁) + b₂

or a constant. Blocks blend over half a feature cell to either side of their edges, δ = ½/(N − 1) in
units of t, by a partition of unity:

    S(d) = 3 d² − 2 d³ of d clamped to [0, 1]
    φ(t) = Π over both axes of S((t + δ) / 2δ) · S((1 + δ − t) / 2δ)
    h = Σ φᵢ hᵢ / Σ φᵢ
    ∇h = (Σ (φᵢ ∇hᵢ + hᵢ ∇φᵢ) − h Σ ∇φᵢ) / Σ φᵢ

Every φ is C¹, so value and gradient are the same on both sides of every border, whatever the
scales. Where no block is, h = 0. With hard borders the last block, depth first, decides whose
closed square holds the place: of two that share it, the one to the south-east.

On a coarse level h is the mean over K × K places of a level-cell around the place, each moved into
the area first, of those that some block covers; derivatives are the means of theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from neural.methods.acorn import blocks
from neural.methods.acorn.decoder import Decoder, Interpolation, Piece, interpolation
from neural.methods.base import Arrays, Surface
from neural.tiles import TILE

COVERED = 1e-12
"""Least Σφ where blocks are."""


@dataclass(frozen=True)
class Layout:
    """Sizes of a block's features and the kind of its borders."""

    side: int
    channels: int
    blended: bool

    @property
    def overlap(self) -> float:
        """Half the width over which blocks blend, δ, as a share of a block's side."""
        return 0.5 / (self.side - 1) if self.blended else 0.0


class _Line(NamedTuple):
    """Places of an axis that a block reaches, as seen from the block: shared by blocks of one size
    whose places lie alike."""

    size: int  # places
    side: float  # of the blocks, tile units
    nodes: Interpolation | None  # None without places
    ramp: list[np.ndarray]  # the bump along the axis, and its derivatives per tile unit; blended


class _Span(NamedTuple):
    """Places of a lattice's axis that one block reaches."""

    part: slice
    key: int  # of the line
    line: _Line


def evaluate(
    layout: Layout, weights: Arrays, prepared: Arrays, u: np.ndarray, v: np.ndarray, order: int
) -> Surface:
    """Return the surface of a prepared tile on the lattice v × u (ascending, tile units)."""
    nodes = np.asarray(prepared["nodes"]).reshape(-1, 8)
    _, x, y, samples, *edges = nodes[0, : blocks.COLUMNS].astype(np.float64).tolist()
    lattice = _Lattice(layout, weights, prepared["features"], nodes, order)
    count = round(samples)
    if count == 1:
        parts, _ = lattice.parts(u.astype(np.float64), v.astype(np.float64))
        return Surface(*parts)
    across = _Averaged.of(u, count, -x, edges[0])
    down = _Averaged.of(v, count, -y, edges[1])
    parts, covered = lattice.parts(across.places, down.places)
    total = down.summed(across.summed(covered.astype(parts[0].dtype).T).T)
    total = np.maximum(total, 1)
    inner = [(None, None), (across, None), (None, down), (across, None), (None, down)]
    means = []
    for part, (moved_u, moved_v) in zip(parts, inner, strict=False):
        for axis, moved in ((1, moved_u), (0, moved_v)):
            if moved is not None:
                part = part * np.expand_dims(moved.is_inside, 1 - axis)
        means.append(down.summed(across.summed(part.T).T) / total)
    return Surface(*means)


class _Averaged(NamedTuple):
    """Places along one axis that are averaged, ascending, and the sum over those of one cell."""

    places: np.ndarray  # [n·samples]
    is_inside: np.ndarray  # [n·samples]: not moved into the area
    order: np.ndarray  # place of each in the sorted ones
    samples: int

    @classmethod
    def of(cls, axis: np.ndarray, samples: int, low: float, high: float) -> _Averaged:
        """Return the places of an axis: `samples` midpoints of the cell around each, moved into
        [low, high]."""
        offsets = ((np.arange(samples) + 0.5) / samples - 0.5) / TILE
        spread = (axis.astype(np.float64)[:, None] + offsets).ravel()
        sorting = np.argsort(spread, kind="stable")
        order = np.empty_like(sorting)
        order[sorting] = np.arange(len(sorting))
        ascending = spread[sorting]
        return cls(
            np.clip(ascending, low, high), (ascending > low) & (ascending < high), order, samples
        )

    def summed(self, values: np.ndarray) -> np.ndarray:
        """Return the sums over the places of each cell, [n, …] of [n·samples, …]."""
        result: np.ndarray = values[self.order].reshape(-1, self.samples, *values.shape[1:]).sum(1)
        return result


class _Lattice:
    """The blocks of one tile, evaluated on lattices."""

    def __init__(
        self, layout: Layout, weights: Arrays, features: Any, nodes: np.ndarray, order: int
    ) -> None:
        self.layout = layout
        self.order = order
        self.features = np.asarray(features)
        self.decoder = Decoder(weights, layout.side, layout.channels)
        z, x, y = nodes[0, :3].astype(np.float64)
        rows = nodes[1:].astype(np.float64)
        self.side = 2.0 ** (z - rows[:, blocks.SCALE])
        self.u = rows[:, blocks.X] * self.side - x
        self.v = rows[:, blocks.Y] * self.side - y
        self.constant = rows[:, blocks.CONSTANT]
        network = rows[:, blocks.KIND] == blocks.NETWORK
        self.row = np.where(network, np.cumsum(network) - 1, -1)

    def parts(self, us: np.ndarray, vs: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        """Return h and its derivatives up to the order, [nv, nu] each (the mixed one left out), and
        where blocks are."""
        dtype = self.decoder.dtype
        shape = len(vs), len(us)
        count = (1, 3, 5)[self.order]
        sums = [np.zeros(shape, dtype) for _ in range(count)]  # Σφh and its derivatives
        columns = self._spans(us, self.u)
        rows = self._spans(vs, self.v)
        groups: dict[int, dict[int, list[int]]] = {}
        for k, (column, row) in enumerate(zip(columns, rows, strict=True)):
            if column.line.size and row.line.size:
                alike = groups.setdefault(row.key, {})
                # constants are a group of their own
                alike.setdefault(column.key if self.row[k] >= 0 else -1 - column.key, []).append(k)
        valued = (self._values(list(alike.values()), columns, rows) for alike in groups.values())
        if not self.layout.blended:
            covered = np.zeros(shape, bool)
            # the last block whose closed square holds a place: the south-eastern one
            for k, values in sorted(chain.from_iterable(valued), key=itemgetter(0)):
                part = rows[k].part, columns[k].part
                covered[part] = True
                for whole, value in zip(sums, values, strict=False):
                    whole[part] = value
            return sums, covered
        for k, values in chain.from_iterable(valued):
            part = rows[k].part, columns[k].part
            for whole, value in zip(sums, values, strict=True):
                whole[part] += value
        bumps = [np.zeros(shape, dtype) for _ in range(count)]  # Σφ and its derivatives
        for members in chain.from_iterable(alike.values() for alike in groups.values()):
            bump = self._bump(columns[members[0]].line, rows[members[0]].line)
            for k in members:
                part = rows[k].part, columns[k].part
                for whole, value in zip(bumps, bump, strict=True):
                    whole[part] += value
        covered = bumps[0] > COVERED
        return _quotient(sums, bumps, covered), covered

    def _spans(self, places: np.ndarray, corners: np.ndarray) -> list[_Span]:
        """Return the part of an ascending axis that each block reaches: the closed one of blocks
        with hard borders."""
        pairs, inverse = np.unique(corners + 1j * self.side, return_inverse=True)
        starts = pairs.real
        reach = self.layout.overlap * pairs.imag
        ends = starts + pairs.imag
        if self.layout.blended:
            first = np.searchsorted(places, starts - reach, "right")
            last = np.searchsorted(places, ends + reach, "left")
        else:
            first = np.searchsorted(places, starts, "left")
            last = np.searchsorted(places, ends, "right")
        spans: list[_Span] = []
        lines: dict[Any, tuple[int, _Line]] = {}
        for k, side in enumerate(pairs.imag.tolist()):
            part = slice(int(first[k]), int(last[k]))
            t = (places[part] - starts[k]) / side
            alike = side, t.tobytes()
            if alike not in lines:
                lines[alike] = len(lines), self._line(t, side)
            spans.append(_Span(part, *lines[alike]))
        return [spans[k] for k in inverse.tolist()]

    def _line(self, t: np.ndarray, side: float) -> _Line:
        """Return the places t of an axis, in sides of a block."""
        nodes = interpolation(t, self.layout.side, self.decoder.dtype) if len(t) else None
        ramp = []
        if self.layout.blended:
            parts = _ramp(t, self.layout.overlap, side, self.order)
            ramp = [part.astype(self.decoder.dtype) for part in parts]
        return _Line(len(t), side, nodes, ramp)

    def _values(
        self, alike: list[list[int]], columns: list[_Span], rows: list[_Span]
    ) -> Iterator[tuple[int, list[np.ndarray]]]:
        """Yield blocks and their φh (h of blocks with hard borders) and derivatives, [rows,
        columns] each.

        All blocks are of one size and their rows lie alike; `alike` are those whose columns do,
        too, of one kind.
        """
        down = rows[alike[0][0]].line
        dtype = self.decoder.dtype
        pieces = []
        for members in alike:
            across = columns[members[0]].line
            if self.row[members[0]] >= 0 and across.nodes is not None:
                pieces.append(Piece(self.features[self.row[members]], across.nodes))
        decoded: Iterator[Any] = iter(())
        if pieces and down.nodes is not None:
            decoded = zip(
                *self.decoder.evaluate(pieces, down.nodes, slopes=self.order > 0), strict=True
            )
        for members in alike:
            across = columns[members[0]].line
            if self.row[members[0]] >= 0:
                h, *slopes = next(decoded)
                slopes = [slope * dtype.type(1 / down.side) for slope in slopes]
            else:
                h = np.empty((len(members), down.size, across.size), dtype)
                h[:] = self.constant[members, None, None]
                slopes = [np.zeros_like(h)] * (2 if self.order else 0)
            values = [h, *slopes]
            if self.layout.blended:
                values = _products(self._bump(across, down), values)
            for number, member in enumerate(members):
                yield member, [value[number] for value in values]

    def _bump(self, across: _Line, down: _Line) -> list[np.ndarray]:
        """Return φ of a block and its derivatives up to the order, [rows, columns] each."""
        count = (1, 3, 5)[self.order]
        return [down.ramp[j][:, None] * across.ramp[i] for j, i in _ORDERS[:count]]


def _products(bump: list[np.ndarray], values: list[np.ndarray]) -> list[np.ndarray]:
    """Return φh and its derivatives, as many as there are of φ; second derivatives of h are 0."""
    h, *slopes = values
    products = [bump[0] * h]
    for axis, slope in enumerate(slopes, start=1):
        products.append(bump[0] * slope + bump[axis] * h)
    if len(bump) == 5:
        for axis, slope in enumerate(slopes, start=1):
            products.append(2 * bump[axis] * slope + bump[axis + 2] * h)
    return products


_ORDERS = ((0, 0), (0, 1), (1, 0), (0, 2), (2, 0))
"""Derivatives along v and u of the parts of a `Surface`."""


def _quotient(
    sums: list[np.ndarray], bumps: list[np.ndarray], covered: np.ndarray
) -> list[np.ndarray]:
    """Return Σφh / Σφ and its derivatives; 0 where no block is."""
    inverse = np.where(covered, 1 / np.where(covered, bumps[0], 1), 0).astype(sums[0].dtype)
    h = sums[0] * inverse
    parts = [h]
    for k in range(1, min(len(sums), 3)):
        parts.append((sums[k] - h * bumps[k]) * inverse)
    for k in range(3, len(sums)):
        parts.append((sums[k] - 2 * parts[k - 2] * bumps[k - 2] - h * bumps[k]) * inverse)
    return parts


def _ramp(t: np.ndarray, overlap: float, side: float, order: int) -> list[np.ndarray]:
    """Return a bump along one axis at places t of a block, and derivatives up to `order` per tile
    unit, float64."""
    rising = _smooth((t + overlap) / (2 * overlap))
    falling = _smooth((1 + overlap - t) / (2 * overlap))
    per_unit = 1 / (2 * overlap * side)
    # at most one of the two is not constant anywhere
    ramp = [rising[0] * falling[0]]
    if order >= 1:
        ramp.append((rising[1] * falling[0] - rising[0] * falling[1]) * per_unit)
    if order >= 2:
        ramp.append((rising[2] * falling[0] + rising[0] * falling[2]) * per_unit**2)
    return ramp


def _smooth(d: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the smoothstep 3 d² − 2 d³ of d clamped to [0, 1] and its two derivatives."""
    inner = np.clip(d, 0, 1)
    bent = (d > 0) & (d < 1)
    return (
        inner * inner * (3 - 2 * inner),
        6 * inner * (1 - inner),
        np.where(bent, 6 - 12 * inner, 0.0),
    )
