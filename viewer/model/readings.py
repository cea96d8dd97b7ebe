"""Measurements and counters that the scene reports to panels: plain values, no behavior."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from neural.tiles import Tile

if TYPE_CHECKING:
    from viewer.model.settings import LayerChoice


class BoundingBox(NamedTuple):
    """Box in file CRS meters: west, south, east, north, lowest and highest height."""

    west: float
    south: float
    east: float
    north: float
    low: float
    high: float


@dataclass(frozen=True)
class FrameStats:
    """Counters of one frame; the statistics panel prints them as they are."""

    tiles_drawn: int = 0
    tiles_missing: int = 0  # missing tiles of the target selection
    tiles_loading: int = 0  # queued or running
    tiles_failed: int = 0  # unreadable; replaced by their parents
    tiles_cached: int = 0
    tiles_culled: int = 0  # subtrees outside the frustum
    finest_level: int = 0  # finest level drawn
    triangles: int = 0
    cache_bytes: int = 0  # allocated texture bytes
    cache_budget_bytes: int = 0
    read_bytes: int = 0  # payload bytes read since the file was opened
    # recent mean time to decode one tile (worker, or GPU where that is measured)
    decode_ms: float = 0.0
    upload_ms: float = 0.0  # uploads of this frame
    largest_error_px: float = 0.0  # largest screen-space error of a drawn tile
    # largest height step between tiles of one level
    edge_gap_m: float = 0.0
    shared_bytes: int = 0  # GPU memory of what tiles of a layer share
    decoder: str = ""  # "numpy", "fragment" or "compute"


@dataclass(frozen=True)
class PickedBlock:
    """Block of the layer under a pixel."""

    scale: int  # 0: the whole area
    column: int
    row: int
    side_m: float
    constant: bool  # True if it is a single height
    error_m: float | None  # root mean square; None where the encoder did not measure it


@dataclass(frozen=True)
class Pick:
    """The surface under a pixel, in file CRS and meters, never exaggerated."""

    easting: float
    northing: float
    z_m: float
    slope_deg: float
    tile: Tile  # drawn tile; its level is that of the readout
    # reference height, filtered to the tile's level
    reference_m: float | None = None
    error_m: float | None = None  # z_m − reference_m
    pending: bool = False  # approximate: the tile is being read again; no slope yet
    choice: LayerChoice | None = None  # drawn layer and bits
    block: PickedBlock | None = None  # of a layer that is made of blocks

    @property
    def file(self) -> int:
        """Index of the file that the tile belongs to."""
        return 0 if self.choice is None else self.choice.file


def with_error(pick: Pick, error_m: float) -> Pick:
    """Return a pick with its error and the reference height that follows; without both where it is
    NaN."""
    valid = not math.isnan(error_m)
    return replace(
        pick, reference_m=pick.z_m - error_m if valid else None, error_m=error_m if valid else None
    )


@dataclass(frozen=True, eq=False)
class ErrorStats:
    """Errors over the samples in view: meters, or m/m where they are of gradients."""

    samples: int
    rmse_m: float
    mae_m: float
    bias_m: float
    max_error_m: float
    le90_m: float  # 90th percentile of |error|
    edges_m: np.ndarray  # [n + 1] bins of signed error, from −reach to +reach
    shares: np.ndarray  # [n] share of samples per bin; outliers are in none
    size_edges_m: np.ndarray  # [m + 1] bins of |error|, from 0 to reach
    size_shares: np.ndarray  # [m]
    beyond: float = 0.0  # share of samples with |error| above the tolerance
    # coarsest and finest level of the samples; None for edge gaps
    levels: tuple[int, int] | None = None
