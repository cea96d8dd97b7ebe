"""Moves from one partition to the next: blocks kept, split and merged."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neural.methods.acorn.tree import Partition

KEPT = 0
SPLIT = 1
MERGED = 2


class Moves(NamedTuple):
    """The change of a partition."""

    before: Partition
    after: Partition
    kinds: np.ndarray
    """KEPT, SPLIT or MERGED for every active block of the partition after, int8 [n]: it was active,
    lies within one that was, or covers some that were."""
    predecessors: np.ndarray
    """Its index in the partition before, int64 [n]: itself, the block it lies in, or the first of
    those that it covers; −1 if no block was there."""
    note: str = ""
    """One sentence if the solver ran out of time or its bound is not tight; else empty."""

    @property
    def split(self) -> int:
        """Blocks that were split."""
        return len(np.unique(self.predecessors[self.kinds == SPLIT]))

    @property
    def merged(self) -> int:
        """Blocks that others were merged to."""
        return int((self.kinds == MERGED).sum())

    @property
    def kept(self) -> int:
        """Blocks that stayed."""
        return int((self.kinds == KEPT).sum())


def moves_between(before: Partition, after: Partition, note: str = "") -> Moves:
    """Return the moves between any two partitions of a tree."""
    predecessors = before.cover(after.active)
    kinds = np.full(len(after), KEPT, np.int8)
    inside = predecessors >= 0
    same = inside.copy()
    same[inside] = before.active[predecessors[inside]] == after.active[inside]
    kinds[inside & ~same] = SPLIT
    owners = after.cover(before.active)
    covered = np.flatnonzero(owners >= 0)[::-1]  # the first block of an owner is written last
    firsts = np.full(len(after), -1)
    firsts[owners[covered]] = covered
    kinds[~inside] = MERGED
    predecessors = np.where(inside, predecessors, firsts)
    return Moves(before, after, kinds, predecessors, note)
