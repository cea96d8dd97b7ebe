"""Blocks of a quadtree or octree as arrays of location codes, and the partition of an area.

The code of a block is a one followed by the interleaved bits of its position (Morton order, x the
lowest bit of each group): 1 for the root, `code << d | k` for child k, `code >> d` for the parent.
Codes in ascending order run by scale, within a scale along the Morton curve. A block's scale is its
depth; block (scale, x, y) of a quadtree is the tile (z, x, y) of the pyramid, and goes on within
the finest tiles. Pure functions of arrays, one text for d = 2 and 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

MAX_BITS = 62
"""Bits of a location code below its leading one, at most."""


@dataclass(frozen=True)
class BlockTree:
    """A full tree of blocks: dimension 2 (quadtree) or 3 (octree), scales 0 … max_scale."""

    dimension: int
    max_scale: int

    def __post_init__(self) -> None:
        if self.dimension not in (2, 3):
            raise ValueError(f"a block tree has dimension 2 or 3, not {self.dimension}")
        if not 0 <= self.max_scale <= MAX_BITS // self.dimension:
            raise ValueError(f"a block tree has no scale {self.max_scale}")

    @property
    def siblings(self) -> int:
        """N_S: blocks of a sibling group, children of a block."""
        return 1 << self.dimension

    @cached_property
    def _firsts(self) -> np.ndarray:
        """Smallest code of every scale, int64 [max_scale + 1]."""
        shifts = self.dimension * np.arange(self.max_scale + 1, dtype=np.int64)
        return np.int64(1) << shifts

    def codes(self, blocks: np.ndarray) -> np.ndarray:
        """Return the location codes int64 [n] of blocks [n, 1 + d], rows (scale, x, y[, z])."""
        blocks = np.asarray(blocks, np.int64)
        scales = blocks[:, 0]
        positions = blocks[:, 1:]
        if positions.shape[1] != self.dimension:
            raise ValueError(f"blocks of {positions.shape[1]} coordinates in {self}")
        outside = (positions < 0) | (positions >> scales[:, None] > 0)
        if outside.any() or (scales > self.max_scale).any():
            raise ValueError(f"blocks outside of {self}")
        codes = np.int64(1) << (self.dimension * scales)
        for bit in range(int(scales.max(initial=0))):
            for axis in range(self.dimension):
                codes |= (positions[:, axis] >> bit & 1) << (self.dimension * bit + axis)
        return codes

    def blocks(self, codes: np.ndarray) -> np.ndarray:
        """Return blocks int64 [n, 1 + d], rows (scale, x, y[, z]), of location codes [n]."""
        scales = self.scales(codes)
        return np.concatenate([scales[:, None], self.positions(codes)], axis=1)

    def scales(self, codes: np.ndarray) -> np.ndarray:
        """Return the scales int64 of location codes of any shape."""
        scales: np.ndarray = np.searchsorted(self._firsts, codes, side="right") - 1
        return scales

    def positions(self, codes: np.ndarray) -> np.ndarray:
        """Return the positions (x, y[, z]) int64 [n, d] of location codes [n], in blocks of their
        scale."""
        codes = np.asarray(codes, np.int64)
        scales = self.scales(codes)
        morton = codes - self._firsts[scales]
        positions = np.zeros((len(codes), self.dimension), np.int64)
        for bit in range(int(scales.max(initial=0))):
            for axis in range(self.dimension):
                positions[:, axis] |= (morton >> (self.dimension * bit + axis) & 1) << bit
        return positions

    def parents(self, codes: np.ndarray) -> np.ndarray:
        """Return the parents' location codes (the root's is 0)."""
        parents: np.ndarray = np.right_shift(codes, self.dimension)
        return parents

    def children(self, codes: np.ndarray) -> np.ndarray:
        """Return the children's location codes int64 [n, N_S], x first."""
        codes = np.asarray(codes, np.int64)
        children: np.ndarray = (codes << self.dimension)[:, None] | np.arange(self.siblings)
        return children

    def ancestors(self, codes: np.ndarray, scale: int) -> np.ndarray:
        """Return the blocks of a coarser scale, or themselves, that blocks [n] lie in."""
        shifts = self.dimension * (self.scales(codes) - scale)
        ancestors: np.ndarray = np.right_shift(codes, shifts)
        return ancestors

    def interior(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the location codes of all ancestors of blocks [n], int64 [m] ascending, and the
        most generations of blocks that each has below it."""
        codes = np.asarray(codes, np.int64)
        above = [codes >> self.dimension * up for up in range(1, self.max_scale + 1)]
        generations = np.repeat(np.arange(1, self.max_scale + 1), len(codes))
        ancestors = np.concatenate([np.zeros(0, np.int64), *above])
        exists = ancestors > 0
        nodes, owner = np.unique(ancestors[exists], return_inverse=True)
        most = np.zeros(len(nodes), np.int64)
        np.maximum.at(most, owner, generations[exists])
        return nodes, most

    def volumes(self, codes: np.ndarray) -> np.ndarray:
        """Return volumes float64 (areas of a quadtree) as shares of the root's."""
        volumes: np.ndarray = np.ldexp(1.0, -self.dimension * self.scales(codes))
        return volumes

    def inputs(self, codes: np.ndarray) -> np.ndarray:
        """Return the encoder's inputs float64 [n, d + 1] before positional encoding: a block's
        center and its scale, from −1 to 1 each."""
        scales = self.scales(codes)
        centers = np.ldexp(self.positions(codes) + 0.5, 1 - scales[:, None]) - 1
        if self.max_scale == 0:
            steps = np.zeros(len(centers))
        else:
            steps = 2 * scales / self.max_scale - 1
        return np.concatenate([centers, steps[:, None]], axis=1)

    def place_codes(self, points: np.ndarray) -> np.ndarray:
        """Return the location codes int64 [n] of the finest blocks at points [n, d] in [−1, 1]^d.

        Upper edges belong to the next block, those of the root to its last one.
        """
        side = 1 << self.max_scale
        positions = np.floor((np.asarray(points) + 1) * (side / 2)).astype(np.int64)
        positions = np.clip(positions, 0, side - 1)
        scales = np.full((len(positions), 1), self.max_scale)
        return self.codes(np.concatenate([scales, positions], axis=1))


@dataclass(frozen=True, eq=False)
class Partition:
    """Disjoint blocks over an area: those of the network, and those pruned to a constant.

    What neither covers has no data.
    """

    tree: BlockTree
    active: np.ndarray
    """Location codes of the network's blocks, int64 [n], ascending."""
    constants: np.ndarray
    """Location codes of the pruned blocks, int64 [m], ascending."""
    values: np.ndarray
    """Their values, float64 [m], in the units of the data (heights: meters)."""

    @staticmethod
    def of(
        tree: BlockTree,
        active: np.ndarray,
        constants: np.ndarray | None = None,
        values: np.ndarray | None = None,
    ) -> Partition:
        """Return the partition of location codes in any order."""
        if constants is None or values is None:
            constants = np.zeros(0, np.int64)
            values = np.zeros(0)
        order = np.argsort(constants)
        active = np.sort(np.asarray(active, np.int64))
        return Partition(
            tree,
            active,
            np.asarray(constants, np.int64)[order],
            np.asarray(values, np.float64)[order],
        )

    def __len__(self) -> int:
        return len(self.active)

    @cached_property
    def blocks(self) -> np.ndarray:
        """The network's blocks int64 [n, 1 + d], rows (scale, x, y[, z])."""
        return self.tree.blocks(self.active)

    @cached_property
    def constant_blocks(self) -> np.ndarray:
        """The pruned blocks int64 [m, 1 + d], rows (scale, x, y[, z])."""
        return self.tree.blocks(self.constants)

    def per_scale(self) -> list[int]:
        """Return the number of the network's blocks of every scale."""
        counts = np.bincount(self.tree.scales(self.active), minlength=self.tree.max_scale + 1)
        return [int(count) for count in counts]

    def find(self, points: np.ndarray) -> np.ndarray:
        """Return the indexes int64 [n] of the active blocks at points [n, d] in [−1, 1]^d, −1 where
        there is none."""
        return self.cover(self.tree.place_codes(points))

    def cover(self, codes: np.ndarray) -> np.ndarray:
        """Return the indexes int64 [n] of the active blocks that blocks [n] are or lie in, −1 where
        there is none."""
        firsts, order = self._finest
        shifts = self.tree.dimension * (self.tree.max_scale - self.tree.scales(codes))
        slots = np.searchsorted(firsts, np.asarray(codes, np.int64) << shifts, side="right") - 1
        if not len(order):
            return np.full(len(slots), -1)
        indexes = order[slots]
        held = self.active[indexes]
        depth = self.tree.scales(codes) - self.tree.scales(held)
        inside = (slots >= 0) & (depth >= 0)
        inside &= np.asarray(codes, np.int64) >> self.tree.dimension * np.maximum(depth, 0) == held
        return np.where(inside, indexes, -1)

    @cached_property
    def _finest(self) -> tuple[np.ndarray, np.ndarray]:
        """First finest descendants of the active blocks in ascending order, and whose they are."""
        shifts = self.tree.dimension * (self.tree.max_scale - self.tree.scales(self.active))
        firsts = self.active << shifts
        order = np.argsort(firsts)
        return firsts[order], order
