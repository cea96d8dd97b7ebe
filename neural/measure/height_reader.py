"""Protocol of the rasters and surfaces that a decoded layer is compared with."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class HeightReader(Protocol):
    """Reader of heights by window of the finest grid: `ReferenceHeights`, a `Dem` or a
    `SurfaceDecoder`."""

    def read(self, row: int, col: int, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
        """Return heights [rows, cols] in meters and their validity, bool of the same shape."""
