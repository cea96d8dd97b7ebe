"""Targets of ACORN's training drawn on a GPU, which the CPU would keep waiting."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from neural.encoding.acorn.area import Area

MOST_BYTES = 1 << 34
"""Heights that are copied to a device, at most."""


class DeviceSamples(NamedTuple):
    """Places of blocks and their normalized heights, on the device."""

    local: Tensor  # (x, y) in [−1, 1], float32 [n, rows, columns, 2]
    heights: Tensor  # float32 [n, rows, columns]
    valid: Tensor  # bool [n, rows, columns]
    filled: Tensor  # bool [n, rows, columns]: gaps, which have heights of coarser levels


class DeviceArea:
    """Normalized heights of an area's levels on a device, and places drawn there."""

    def __init__(self, area: Area, device: torch.device) -> None:
        self.area = area
        self.device = device
        self._levels: dict[int, Tensor] = {}

    def samples(
        self, blocks: np.ndarray, level: np.ndarray, strata: tuple[int, int], seed: tuple[int, int]
    ) -> DeviceSamples:
        """Return one sample per stratum of blocks [n, 3], from so many levels above the finest, as
        `neural.models.acorn_draws.samples`; the places are others."""
        generator = torch.Generator(self.device)
        generator.manual_seed((seed[0] * 1_000_003 + seed[1]) % (1 << 63))
        rows, columns = strata
        shape = len(blocks), rows, columns
        u, v = (torch.rand(shape, generator=generator, device=self.device) for _ in range(2))
        u = (torch.arange(columns, device=self.device) + u) / columns
        v = (torch.arange(rows, device=self.device)[:, None] + v) / rows
        heights = torch.zeros(shape, device=self.device)
        valid = torch.zeros(shape, dtype=torch.bool, device=self.device)
        filled = torch.zeros_like(valid)
        for coarser in np.unique(level).tolist():
            chosen = torch.from_numpy(np.flatnonzero(level == coarser)).to(self.device)
            part = blocks[level == coarser]
            x, y = self._places(part, u[chosen], v[chosen])
            capped = min(coarser, self.area.levels - 1)
            meters, present = self.targets(x, y, capped)
            valid[chosen] = present
            if self.area.has_gaps:
                gaps = ~present
                meters[gaps], inside = self.filled(x[gaps], y[gaps], capped)
                filled[chosen] = gaps.masked_scatter(gaps, inside)
            heights[chosen] = meters
        local = torch.stack([2 * u - 1, 2 * v - 1], dim=-1)
        return DeviceSamples(local, heights, valid, filled)

    def _places(self, blocks: np.ndarray, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Return columns and rows in finest cells, float64."""
        rows = torch.from_numpy(np.ascontiguousarray(blocks)).to(self.device)[:, :, None, None]
        side = torch.bitwise_right_shift(
            torch.full_like(rows[:, 0], self.area.root_cells), rows[:, 0]
        )
        return (rows[:, 1] + u.double()) * side, (rows[:, 2] + v.double()) * side

    def targets(self, columns: Tensor, rows: Tensor, coarser: int) -> tuple[Tensor, Tensor]:
        """Return normalized heights at places, and the places that have one, as `Area.targets`."""
        level = self._level(coarser)
        height, width = level.shape
        low_x, high_x, share_x = _along(columns, coarser, width)
        low_y, high_y, share_y = _along(rows, coarser, height)
        flat = level.view(-1)
        total = torch.zeros_like(share_x)
        weights = torch.zeros_like(share_x)
        for y, weight_y in ((low_y, 1 - share_y), (high_y, share_y)):
            for x, weight_x in ((low_x, 1 - share_x), (high_x, share_x)):
                cells = flat[y * width + x]
                weight = torch.where(cells.isnan(), 0, weight_y * weight_x)
                total += weight * cells.nan_to_num()
                weights += weight
        near = torch.where(share_y > 0.5, high_y, low_y) * width
        near = near + torch.where(share_x > 0.5, high_x, low_x)
        valid = ~flat[near].isnan() & self._inside(columns, rows)
        return torch.where(valid, total / weights.clamp(min=1e-12), 0), valid

    def filled(self, columns: Tensor, rows: Tensor, coarser: int) -> tuple[Tensor, Tensor]:
        """Return normalized heights at places [n] of gaps, and the places inside the area, as
        `Area.filled`."""
        inside = self._inside(columns, rows)
        heights = torch.zeros(len(columns), device=self.device)
        rest = inside.nonzero()[:, 0]
        for level in range(coarser + 1, self.area.filled_level + 1):
            if not len(rest):
                break
            heights[rest], valid = self.targets(columns[rest], rows[rest], level)
            rest = rest[~valid]
        return heights, inside

    def _inside(self, columns: Tensor, rows: Tensor) -> Tensor:
        """Return True for places inside the area."""
        inside = (columns >= 0) & (columns <= self.area.width)
        return inside & (rows >= 0) & (rows <= self.area.height)

    def _level(self, coarser: int) -> Tensor:
        if coarser not in self._levels:
            values = self.area.normalized(self.area.level(coarser))
            self._levels[coarser] = torch.from_numpy(values).to(self.device)
        return self._levels[coarser]


def fits(area: Area) -> bool:
    """Return True for an area whose heights go onto a device."""
    return 8 * area.width * area.height <= MOST_BYTES


def _along(places: Tensor, coarser: int, cells: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return both cells of each place along an axis, and the weight of the second."""
    scaled = (places / (1 << coarser) - 0.5).clamp(0, cells - 1)
    low = scaled.long()
    return low, (low + 1).clamp(max=cells - 1), (scaled - low).float()
