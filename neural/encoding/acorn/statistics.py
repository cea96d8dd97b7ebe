"""Facts about every block of an area: its valid cells, its constant if it is flat, and the squared
error that a grid of bilinear nodes leaves in it.

The grid stands in for the network when blocks are chosen before training. Its N × N nodes lie on
the block's edges, fitted by least squares to the finest cells. The spaces of such grids are nested
(a block's nodes split its sides into N − 1 parts, its children's into halves of these), so the fit
of a block follows exactly from its children's coefficients, and one pass over the cells, window by
window, gives all scales. N is the side of the network's feature grid by default. A grid with the
C·N² degrees of freedom of the features, N·√C a side, would hold more detail than a trained network
does; only ratios and order of the errors matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from neural.errors import DemError
from neural.methods.acorn.tree import BlockTree, Partition
from neural.progress import Report, no_report
from neural.raster.fill import fill
from neural.tiles import TILE, levels_for

WINDOW = 1024
"""Cells along each side of the windows that an area is read in."""

FLAT = 1e-5
"""Range of heights in a constant block, at most, as a share of the area's relief."""


@dataclass(frozen=True, eq=False)
class BlockStatistics:
    """Facts about all blocks of a tree; of every scale an array with the axes (…, y, x).

    Blocks beyond an array's ends, and those without valid cells, do not exist.
    """

    tree: BlockTree
    cells: tuple[np.ndarray, ...]
    """Valid cells, float64."""
    constants: tuple[np.ndarray, ...]
    """Value of constant blocks, float64; NaN for others."""
    errors: tuple[np.ndarray, ...]
    """Squared error of the bilinear grid, summed over the cells, float64."""

    @staticmethod
    def uniform(tree: BlockTree) -> BlockStatistics:
        """Return statistics of a full tree with nothing known: no block absent, constant or without
        error."""
        cells = []
        constants = []
        errors = []
        for scale in range(tree.max_scale + 1):
            shape = (1 << scale,) * tree.dimension
            volume = float(tree.siblings ** (tree.max_scale - scale))
            cells.append(np.full(shape, volume))
            constants.append(np.full(shape, np.nan))
            errors.append(np.full(shape, volume))
        return BlockStatistics(tree, tuple(cells), tuple(constants), tuple(errors))

    @staticmethod
    def of_heights(
        heights: np.ndarray,
        valid: np.ndarray | None = None,
        *,
        leaf: int = 16,
        grid: int = 16,
        levels: int | None = None,
        flat: float = FLAT,
        report: Report = no_report,
    ) -> BlockStatistics:
        """Measure an area of heights [H, W] in meters, memory-mapped or not; NaN is no data.

        `leaf` is the side of the smallest block in cells, a power of two up to 256; `grid` the
        nodes along each side of the bilinear grid; `levels` those of the pyramid, whose root square
        is the root block. Memory does not grow with the area but for some 40 bytes a leaf. Raises
        DemError if the area is smaller than one leaf or has no data.
        """
        rows, columns = heights.shape
        check_size(columns, rows, leaf)
        levels = levels or levels_for(columns, rows)
        if leaf < 1 or TILE % leaf:
            raise ValueError(f"blocks of {leaf} cells do not divide a tile of {TILE}")
        tree = BlockTree(2, levels - 1 + (TILE // leaf).bit_length() - 1)
        survey = _Survey(tree, heights.shape, leaf, grid)
        windows = list(survey.windows())
        for done, window in enumerate(windows):
            survey.measure(heights, valid, *window)
            report(done + 1, len(windows))
        survey.join()
        return survey.statistics(flat)

    @cached_property
    def total_cells(self) -> float:
        """Valid cells of the area."""
        return float(self.cells[0].sum())

    @cached_property
    def flat_or_empty_share(self) -> float:
        """Share of the area's leaves that are constant or hold no data."""
        flat = np.isfinite(self.constants[-1]).sum() + (self.cells[-1] == 0).sum()
        return float(flat / self.cells[-1].size)

    def _at(self, arrays: tuple[np.ndarray, ...], codes: np.ndarray, beyond: float) -> np.ndarray:
        """Return the values of blocks of any shape of location codes; `beyond` outside."""
        shape = np.shape(codes)
        codes = np.ravel(codes)
        scales = self.tree.scales(codes)
        places = self.tree.positions(codes)[:, ::-1]
        values = np.full(len(codes), beyond)
        for scale in np.unique(scales):
            array = arrays[scale]
            inside = (scales == scale) & (places < array.shape).all(axis=1)
            values[inside] = array[tuple(places[inside].T)]
        return values.reshape(shape)

    def cells_of(self, codes: np.ndarray) -> np.ndarray:
        """Return the valid cells of blocks, float64; 0 for those that do not exist."""
        return self._at(self.cells, codes, 0.0)

    def errors_of(self, codes: np.ndarray) -> np.ndarray:
        """Return the squared errors of the grid in blocks, summed over their cells."""
        return self._at(self.errors, codes, 0.0)

    def constants_of(self, codes: np.ndarray) -> np.ndarray:
        """Return the values of constant blocks; NaN for others."""
        return self._at(self.constants, codes, np.nan)

    def volumes_of(self, codes: np.ndarray) -> np.ndarray:
        """Return volumes of blocks: their valid cells as shares of the area's."""
        return self.cells_of(codes) / self.total_cells

    def blocks_of(self, scale: int) -> np.ndarray:
        """Return the location codes of the blocks of a scale that exist, ascending."""
        places = np.argwhere(self.cells[scale] > 0)[:, ::-1]
        scales = np.full((len(places), 1), scale)
        return np.sort(self.tree.codes(np.concatenate([scales, places], axis=1)))

    def pruned(self, leaves: np.ndarray) -> Partition:
        """Return the partition of leaves whose constant blocks are pruned.

        One block at least stays the network's: the root if all of them are constant.
        """
        values = self.constants_of(leaves)
        constant = np.isfinite(values)
        if constant.all():
            return Partition.of(self.tree, np.ones(1, np.int64))
        return Partition.of(self.tree, leaves[~constant], leaves[constant], values[constant])

    def children_of(self, codes: np.ndarray, prune: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return the children [n, N_S] of blocks, and a mask of those that take of the budget:
        they exist, and are not to be pruned."""
        if not len(codes):
            empty = np.zeros((0, self.tree.siblings), np.int64)
            return empty, empty.astype(bool)
        children = self.tree.children(codes)
        counted = self.cells_of(np.minimum(children, self._last)) > 0
        counted &= (self.tree.scales(codes) < self.tree.max_scale)[:, None]
        if prune:
            counted &= np.isnan(self.constants_of(np.minimum(children, self._last)))
        return children, counted

    @property
    def _last(self) -> int:
        """Largest location code of the tree."""
        return (2 << self.tree.dimension * self.tree.max_scale) - 1


class _Survey:
    """One pass over an area that fills the arrays of its statistics."""

    def __init__(self, tree: BlockTree, shape: tuple[int, ...], leaf: int, grid: int) -> None:
        self._tree = tree
        self._shape = shape
        self._root = leaf << tree.max_scale
        self._leaf = leaf
        self._grid = grid
        self._window = min(WINDOW, self._root)
        self._top = (self._root // self._window).bit_length() - 1  # scale of a window
        self._cells = self._arrays(0)
        self._low = self._arrays(np.inf)
        self._high = self._arrays(-np.inf)
        self._errors = self._arrays(0)
        nodes = min(grid, self._window)
        rows, columns = self._extent(self._top)
        self._coefficients = np.zeros((rows, nodes, columns, nodes))

    def _extent(self, scale: int) -> tuple[int, int]:
        """Return the rows and columns of blocks of a scale that meet the area."""
        side = self._root >> scale
        return -(-self._shape[0] // side), -(-self._shape[1] // side)

    def _arrays(self, value: float) -> list[np.ndarray]:
        """Return one array for each scale."""
        return [
            np.full(self._extent(scale), float(value)) for scale in range(self._tree.max_scale + 1)
        ]

    def windows(self) -> Iterator[tuple[int, int]]:
        """Yield the (row, column) of all windows, in windows."""
        yield from np.ndindex(self._extent(self._top))

    def measure(self, heights: np.ndarray, valid: np.ndarray | None, row: int, column: int) -> None:
        """Fill in the blocks of one window, and keep the coefficients of its largest."""
        size = self._window
        part = np.s_[row * size : (row + 1) * size, column * size : (column + 1) * size]
        meters = np.zeros((size, size))
        present = np.zeros((size, size), bool)
        read = np.asarray(heights[part], np.float32)
        inner = np.s_[: read.shape[0], : read.shape[1]]
        present[inner] = np.isfinite(read) if valid is None else valid[part] & np.isfinite(read)
        meters[inner] = read
        if not present.any():
            return
        self._extremes(meters, present, row, column)
        # Masked least squares would not be separable: gaps and the window's part beyond the area
        # continue their rims, and add little error of their own.
        filled = fill(np.where(present, meters, 0), present).astype(np.float64)
        coefficients = filled.reshape(size // self._leaf, self._leaf, size // self._leaf, -1)
        basis = _basis(self._leaf, self._grid)
        coefficients, errors = _project(coefficients, basis)
        for scale in range(self._tree.max_scale, self._top - 1, -1):
            if scale < self._tree.max_scale:
                side = self._root >> scale
                coefficients, lost = _project(_joined(coefficients), _lift(side, self._grid))
                errors = _sum4(errors) + lost
            self._set(self._errors[scale], errors, scale, row, column)
        self._coefficients[row, :, column] = coefficients[0, :, 0]

    def _extremes(self, meters: np.ndarray, present: np.ndarray, row: int, column: int) -> None:
        """Fill in counts and extremes of the leaves of a window."""
        scale = self._tree.max_scale
        shape = (self._window // self._leaf, self._leaf, self._window // self._leaf, self._leaf)
        count = present.reshape(shape).sum(axis=(1, 3))
        low = np.where(present, meters, np.inf).reshape(shape).min(axis=(1, 3))
        high = np.where(present, meters, -np.inf).reshape(shape).max(axis=(1, 3))
        self._set(self._cells[scale], count, scale, row, column)
        self._set(self._low[scale], low, scale, row, column)
        self._set(self._high[scale], high, scale, row, column)

    def _set(
        self, target: np.ndarray, values: np.ndarray, scale: int, row: int, column: int
    ) -> None:
        """Copy the blocks of a window into the array of their scale."""
        n = 1 << scale - self._top
        place = target[row * n : (row + 1) * n, column * n : (column + 1) * n]
        place[:] = values[: place.shape[0], : place.shape[1]]

    def join(self) -> None:
        """Fill in the scales coarser than windows, and the sums and extremes of all."""
        for scale in range(self._tree.max_scale - 1, -1, -1):
            rows, columns = self._extent(scale)
            for arrays, merge, empty in (
                (self._cells, np.sum, 0.0),
                (self._low, np.min, np.inf),
                (self._high, np.max, -np.inf),
            ):
                pairs = _even(arrays[scale + 1], empty).reshape(rows, 2, columns, 2)
                arrays[scale][:] = merge(pairs, axis=(1, 3))
        coefficients = self._coefficients
        for scale in range(self._top - 1, -1, -1):
            errors = _sum4(_even(self._errors[scale + 1], 0))
            even = _even_blocks(coefficients, self._cells[scale + 1] > 0)
            coefficients, lost = _project(_joined(even), _lift(self._root >> scale, self._grid))
            self._errors[scale][:] = errors + lost

    def statistics(self, flat: float) -> BlockStatistics:
        """Return the statistics; raise DemError if no cell is valid."""
        if not self._cells[0].any():
            raise DemError("the area holds nothing but nodata; give one with heights.")
        relief = float(self._high[0][0, 0] - self._low[0][0, 0])
        constants = []
        for low, high, cells in zip(self._low, self._high, self._cells, strict=True):
            full = cells > 0
            value = np.full(cells.shape, np.nan)
            value[full] = (low[full] + high[full]) / 2
            steep = np.zeros(cells.shape, bool)
            steep[full] = high[full] - low[full] > flat * relief
            value[steep] = np.nan
            constants.append(value)
        return BlockStatistics(
            self._tree, tuple(self._cells), tuple(constants), tuple(self._errors)
        )


def _even(array: np.ndarray, value: float) -> np.ndarray:
    """Return an array [rows, columns] with another row and column where their number is odd."""
    odd = [(0, length % 2) for length in array.shape]
    return np.pad(array, odd, constant_values=value)


def _even_blocks(coefficients: np.ndarray, full: np.ndarray) -> np.ndarray:
    """Return coefficients [rows, k, columns, k] with even numbers of blocks.

    Blocks without data take the mean coefficients of their siblings: no cliff to the parent's fit.
    """
    rows, k, columns, _ = coefficients.shape
    wide = np.zeros((rows + rows % 2, k, columns + columns % 2, k))
    wide[:rows, :, :columns] = coefficients
    weight = _even(full, False)
    count = np.maximum(_sum4(weight.astype(float)), 1)
    pairs = (wide * weight[:, None, :, None]).reshape(len(wide) // 2, 2, k, -1, 2, k)
    means = pairs.sum(axis=(1, 4)) / count[:, None, :, None]
    spread = means.repeat(2, axis=0).repeat(2, axis=2)
    return np.where(weight[:, None, :, None], wide, spread)


def _sum4(array: np.ndarray) -> np.ndarray:
    """Sum 2×2 blocks."""
    rows, columns = array.shape
    sums: np.ndarray = array.reshape(rows // 2, 2, columns // 2, 2).sum(axis=(1, 3))
    return sums


def _joined(coefficients: np.ndarray) -> np.ndarray:
    """Join the coefficients [2·r, k, 2·c, k] of sibling blocks to [r, 2·k, c, 2·k]."""
    rows, k, columns, _ = coefficients.shape
    return coefficients.reshape(rows // 2, 2 * k, columns // 2, 2 * k)


def _project(blocks: np.ndarray, basis: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the coefficients [r, m, c, m] of blocks [r, k, c, k] in an orthonormal basis [k, m],
    and the squares [r, c] that are lost. None is the basis of everything: nothing is lost."""
    rows, k, columns, _ = blocks.shape
    if basis is None:
        return blocks, np.zeros((rows, columns))
    m = basis.shape[1]
    across = blocks.reshape(rows, k, columns * k)
    left = (basis.T @ across).reshape(rows * m * columns, k)
    coefficients = left @ basis
    # the difference itself, not of sums of squares: exact where next to nothing is lost
    back = (coefficients @ basis.T).reshape(rows, m, columns * k)
    rest = (across - basis @ back).reshape(blocks.shape)
    lost: np.ndarray = np.einsum("rkcl,rkcl->rc", rest, rest)
    return coefficients.reshape(rows, m, columns, m), lost


@lru_cache(maxsize=64)
def _basis(side: int, grid: int) -> np.ndarray | None:
    """Return an orthonormal basis [side, grid] of bilinear nodes along a block of cells; None if
    there are nodes enough for every cell."""
    if grid >= side:
        return None
    places = (np.arange(side) + 0.5) * ((grid - 1) / side)
    hats = np.maximum(1 - np.abs(places[:, None] - np.arange(grid)), 0)
    basis: np.ndarray = np.linalg.qr(hats)[0]
    return basis


@lru_cache(maxsize=64)
def _lift(side: int, grid: int) -> np.ndarray | None:
    """Return the basis of a block [2·k, m] in the coordinates of its two halves' bases."""
    whole = _basis(side, grid)
    if whole is None:
        return None
    half = _basis(side // 2, grid)
    if half is None:
        return whole
    return np.concatenate([half.T @ whole[: side // 2], half.T @ whole[side // 2 :]])


def check_size(columns: int, rows: int, leaf: int) -> None:
    """Raise DemError for an area of so many cells that is smaller than one leaf."""
    if max(rows, columns) < leaf:
        raise DemError(
            f"the area has {columns} × {rows} cells, fewer than one block of {leaf} × {leaf}; "
            "give a larger area or another method."
        )
