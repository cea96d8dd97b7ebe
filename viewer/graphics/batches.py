"""Instances of one selection for the terrain pass, grouped by texture page, with their seams."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from viewer.graphics.page import TilePage
from viewer.graphics.passes.terrain import INSTANCE, Batch
from viewer.graphics.tile_store import Resident, TileKey, TileStore
from viewer.tiles.borders import Sides, sides
from viewer.tiles.lod import Selection
from viewer.tiles.source import TileSource
from viewer.tiles.stitching import Seams

FADED = 1e-3
"""Morphs below this count as none: the displacement is invisible."""


class Batches:
    """Instances of a selection whose tiles are all loaded; eye and morphs come with each
    picture."""

    def __init__(
        self, store: TileStore, source: TileSource, selection: Selection, quads: int
    ) -> None:
        table = source.nodes
        grid = source.reader.grid
        rows = selection.drawn
        pages: dict[int, tuple[int, TilePage]] = {}
        # by row: the tile, its page's number, its layer
        residents: dict[int, tuple[Resident, int, int]] = {}

        def resident_at(row: int) -> tuple[Resident, int, int]:
            if row not in residents:
                key = TileKey(source.key, table.tiles[row])
                page, layer = store.cache.slot(key)  # drawn tiles and their ancestors are pinned
                residents[row] = (
                    store.cache.value(key),
                    pages.setdefault(id(page), (len(pages), page))[0],
                    layer,
                )
            return residents[row]

        def sides_of(row: int) -> Sides:
            resident = resident_at(row)[0]
            if quads not in resident.sides:
                parent = resident_at(int(table.parent[row]))[0].profile.outline if row else None
                resident.sides[quads] = sides(
                    table.tiles[row], resident.profile.outline, parent, quads
                )
            return resident.sides[quads]

        instances = []
        corners = []
        places = []
        for number, (tile, row) in enumerate(zip(selection.draw, rows.tolist(), strict=True)):
            resident, page, layer = resident_at(row)
            parent, parent_page, parent_layer = (
                resident_at(int(table.parent[row])) if row else (resident, page, layer)
            )
            west, south, east, north = grid.tile_bounds(tile)
            corners.append((west, north, resident.offset_m))
            places.append((page, parent_page, resident.holes, resident.holes or parent.holes))
            about = layer, tile.z, resident.offset_m, 0.0
            above = parent_layer, tile.x & 1, tile.y & 1, parent.offset_m - resident.offset_m
            extents = resident.profile.outline.extent, parent.profile.outline.extent
            size = east - west, north - south
            instances.append(
                ((0, 0, 0), size, extents[0], (0, 0, 0, 0), about, above, extents[1], (number, 0))
            )
        self._fixed = np.array(instances, INSTANCE)
        self._corner = np.array(corners).reshape(-1, 3)  # north-west corner and offset, CRS meters
        self._places = np.array(places, int).reshape(-1, 4)
        self._pages = [page for _, page in pages.values()]
        self._nearest_first = np.argsort(-selection.px, kind="stable")
        self.quads = quads
        self.seams: Seams | None = None
        self._corrections: tuple[np.ndarray, np.ndarray] | None = None
        if len(rows):
            self.seams = Seams(selection, quads, sides_of)
            self._fixed["skirt"] = self.seams.neighbors

    def corrections(self, morph: np.ndarray) -> np.ndarray:
        """Return `Seams.corrections`, cached for the same morphs."""
        if self._corrections is None or not np.array_equal(self._corrections[0], morph):
            count = (0, 4, self.quads + 1)
            self._corrections = (
                morph,
                np.zeros(count) if self.seams is None else self.seams.corrections(morph),
            )
        return self._corrections[1]

    def placed(
        self,
        eye: np.ndarray,
        morph: np.ndarray,
        rise: float,
        pivot_z: float,
        measured: Sequence[bool] | None = None,
        shown: Sequence[bool] | None = None,
    ) -> list[Batch]:
        """Return the batches of tiles around an eye in drawn space, with separate ones for tiles
        that morph and tiles with holes.

        `rise`: CRS meters drawn per meter of height. `measured` is a mask of tiles with errors in
        their textures (none), `shown` of those drawn (all).
        """
        instances = self._fixed.copy()
        if measured is not None:
            instances["about"][:, 3] = measured
        origin = self._corner - eye
        origin[:, 2] += (rise - 1) * (self._corner[:, 2] - pivot_z)
        instances["origin"] = origin
        instances["stitch"][:, 1] = morph
        morphing = morph > FADED
        pages, parent_pages, holes, any_holes = self._places.T
        count = len(self._pages)
        groups = 2 * np.where(morphing, any_holes, holes) + morphing
        key = (groups * count + pages) * count + np.where(morphing, parent_pages, 0)
        out = []
        order = self._nearest_first
        corrections = self.corrections(morph)
        order = order if shown is None else order[np.asarray(shown, bool)[order]]
        for value in sorted(set(key[order].tolist())):
            chosen = order[key[order] == value]
            first = chosen[0]
            parent = self._pages[parent_pages[first]] if morphing[first] else None
            out.append(
                Batch(
                    self._pages[pages[first]],
                    parent,
                    groups[first] >= 2,
                    instances[chosen],
                    corrections,
                )
            )
        return out
