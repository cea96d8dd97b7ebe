"""The metric grid an archive describes: CRS, placement, size and units. Needs neither rasterio nor
torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from neural.tiles import MAX_LEVEL, TILE, Tile, levels_for


class Bounds(NamedTuple):
    """A rectangle in CRS meters."""

    west: float
    south: float
    east: float
    north: float


def bounds_of(transform: Sequence[float], width: int, height: int) -> Bounds:
    """Return outline of a north-up raster given by its affine coefficients and its columns and
    rows."""
    a, _, c, _, e, f = transform[:6]
    return Bounds(c, f + e * height, c + a * width, f)


@dataclass(frozen=True)
class Grid:
    """A north-up raster of cells in meters. Row 0 is the northern edge, column 0 the western
    one."""

    crs_wkt: str
    """Projected CRS as WKT2, or "" where meters are local and unplaced."""
    transform: tuple[float, float, float, float, float, float]
    """Affine a, b, c, d, e, f: easting = a·column + c, northing = e·row + f, with b = d = 0, a > 0,
    e < 0."""
    width: int
    height: int
    vertical_unit: str = "m"
    """Unit of the heights as read, always meters."""
    vertical_datum: str | None = None
    assumptions: tuple[str, ...] = ()
    """Assumptions where the source says nothing, one sentence each."""
    ground_scale: float = 1.0
    """Meters on the ground per CRS meter, the same in all directions: far from 1 in Web
    Mercator."""

    def __post_init__(self) -> None:
        a, b, _, d, e, _ = self.transform
        if not all(map(math.isfinite, self.transform)) or b or d or a <= 0 or e >= 0:
            raise ValueError(f"the transform {self.transform} is not a north-up grid")
        if self.width < 1 or self.height < 1:
            raise ValueError(f"a grid of {self.width}×{self.height} cells is empty")
        if not (math.isfinite(self.ground_scale) and self.ground_scale > 0):
            raise ValueError(f"a ground scale of {self.ground_scale} is not possible")
        if levels_for(self.width, self.height) > MAX_LEVEL + 1:
            raise ValueError(
                f"a grid of {self.width}×{self.height} cells is larger than a tile pyramid may be"
            )

    @property
    def cell_x_m(self) -> float:
        """Width of a cell in meters on the ground, eastward."""
        return self.transform[0] * self.ground_scale

    @property
    def cell_y_m(self) -> float:
        """Height of a cell in meters on the ground, southward."""
        return -self.transform[4] * self.ground_scale

    @property
    def cell(self) -> float:
        """Shorter side of a cell in CRS meters, for comparing grids of one CRS."""
        return min(self.transform[0], -self.transform[4])

    def level_cell_m(self, level: int) -> float:
        """Return the size of a level's cells in meters, the longer side."""
        return max(self.cell_x_m, self.cell_y_m) * (1 << (self.levels - 1 - level))

    @property
    def levels(self) -> int:
        """Levels of the pyramid; the finest, `levels - 1`, has these very cells."""
        return levels_for(self.width, self.height)

    @property
    def bounds(self) -> Bounds:
        """Outline of the raster itself, in CRS meters."""
        return bounds_of(self.transform, self.width, self.height)

    def tile_span(self, tile: Tile) -> int:
        """Return cells of this grid along one side of a tile: 256·2^(levels − 1 − z)."""
        return TILE << (self.levels - 1 - tile.z)

    def block_side_m(self, scale: int) -> float:
        """Return the side of a block in meters on the ground, east-west: tiles of level 0 have
        scale 0, and scales go on beyond the finest level."""
        return (TILE << (self.levels - 1)) * self.cell_x_m * 0.5**scale

    def tile_bounds(self, tile: Tile) -> Bounds:
        """Return the area of a whole tile in CRS meters; tiles at the eastern and southern rim
        reach beyond the raster."""
        a, _, c, _, e, f = self.transform
        span = self.tile_span(tile)
        x = tile.x * span
        y = tile.y * span
        return Bounds(c + a * x, f + e * (y + span), c + a * (x + span), f + e * y)

    def tile_cells(self, tile: Tile) -> tuple[int, int]:
        """Return columns and rows of the tile's own 256×256 cells that touch the raster, (0…256,
        0…256)."""
        step = self.tile_span(tile) // TILE
        columns = -(-(self.width - tile.x * TILE * step) // step)
        rows = -(-(self.height - tile.y * TILE * step) // step)
        return min(max(columns, 0), TILE), min(max(rows, 0), TILE)

    def tile_inside(self, tile: Tile) -> np.ndarray:
        """Return the tile's cells that touch the raster, bool [256, 256]: the mask of a tile
        without nodata."""
        columns, rows = self.tile_cells(tile)
        inside = np.zeros((TILE, TILE), bool)
        inside[:rows, :columns] = True
        return inside

    def cell_of(self, easting: Any, northing: Any) -> tuple[Any, Any]:
        """Return fractional column and row of a point in CRS meters, or of arrays; cell centers lie
        at halves."""
        a, _, c, _, e, f = self.transform
        return (easting - c) / a, (northing - f) / e

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; `Grid.from_json` rebuilds the grid."""
        scale = {} if self.ground_scale == 1 else {"ground_scale": self.ground_scale}
        return {
            "crs_wkt": self.crs_wkt,
            "transform": list(self.transform),
            "width": self.width,
            "height": self.height,
            "vertical_unit": self.vertical_unit,
            "vertical_datum": self.vertical_datum,
            "assumptions": list(self.assumptions),
            **scale,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Grid:
        """Return the inverse of `to_json`. Raises ValueError when the values cannot be a grid."""
        try:
            transform = tuple(float(value) for value in data["transform"])
            if len(transform) != 6:
                raise ValueError(f"the transform has {len(transform)} numbers instead of 6")
            datum = data.get("vertical_datum")
            return cls(
                crs_wkt=str(data["crs_wkt"]),
                transform=transform,
                width=int(data["width"]),
                height=int(data["height"]),
                vertical_unit=str(data["vertical_unit"]),
                vertical_datum=None if datum is None else str(datum),
                assumptions=tuple(map(str, data.get("assumptions", ()))),
                ground_scale=float(data.get("ground_scale", 1.0)),
            )
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(
                f"the grid is not described in full ({type(error).__name__}: {error})"
            ) from error
