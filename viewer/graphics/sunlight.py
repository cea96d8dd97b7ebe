"""Shadow maps of a picture: casters, receivers, and rendering."""

from __future__ import annotations

from collections.abc import Sequence

import moderngl
import numpy as np

from viewer.graphics import gl
from viewer.graphics.light import Light
from viewer.graphics.passes.shadow import ShadowPass
from viewer.graphics.passes.terrain import Batch, Look, TerrainPass
from viewer.graphics.shadows import cascades
from viewer.model.camera import Camera
from viewer.model.readings import BoundingBox
from viewer.model.settings import Settings
from viewer.tiles.lod import Selection

MAP_PX = 2048
"""Texels along a side of a map."""


def enabled(settings: Settings) -> bool:
    """Return True if the settings draw shadows: they are part of the relief."""
    return settings.shading.shadows and settings.shading.mode != "elevation"


def tiles_outside(selection: Selection) -> Selection:
    """Return the tiles outside the picture that cover the rest of the area, at the levels where the
    walk left them.

    They are loaded, as a walk enters a tile's children only when all are; so shadows depend on the
    view alone.
    """
    table = selection.table
    visited = selection.visited
    if table is None:
        return Selection()
    rows = visited[~np.isin(visited, selection.drawn) & ~np.isin(visited, table.parent[visited])]
    still = np.zeros(len(rows))
    return Selection(table, rows, px=still, morph=still, refined=selection.refined, visited=rows)


class Sunlight:
    """Shadow maps, redrawn for each picture with shadows."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._most = 2 if gl.is_software(ctx) else 3
        self._pass = ShadowPass(ctx, MAP_PX)

    def cast(
        self,
        terrain: TerrainPass,
        batches: Sequence[Batch],
        look: Look,
        camera: Camera,
        light: Light,
        planes_m: tuple[float, float],
        receivers: np.ndarray,
        area: BoundingBox,
    ) -> None:
        """Draw the maps: `batches` are all tiles, `receivers` the eye-relative boxes [n, 6] of
        those in the picture, `planes_m` its near and far plane, and `area` the drawn bounds of all
        files."""
        boxes = [_boxes(batch, area, camera.z) for batch in batches]
        maps = cascades(
            light.sun,
            light.sight,
            planes_m,
            receivers,
            np.concatenate(boxes or [np.zeros((0, 6))]),
            camera.eye,
            self._pass.size_px,
            self._most,
        )

        def draw(number: int, clip_from_world: np.ndarray) -> None:
            seen = [maps[number].sees(box) for box in boxes]
            chosen = [
                batch._replace(instances=batch.instances[rows])
                for batch, rows in zip(batches, seen, strict=True)
                if rows.any()
            ]
            terrain.draw_depth(chosen, clip_from_world, look)

        self._pass.draw(maps, draw)

    def use(self, unit: int) -> tuple[int, dict[str, object]]:
        """Bind the maps to a texture unit; return their number, and names and values for
        `gl.set_uniforms`."""
        return self._pass.count, self._pass.use(unit)

    def release(self) -> None:
        """Free the maps."""
        self._pass.release()


def _boxes(batch: Batch, area: BoundingBox, eye_z: float) -> np.ndarray:
    """Return eye-relative boxes [n, 6] of a batch's tiles, as high as the whole area."""
    corner = batch.instances["origin"].astype(np.float64)
    size = batch.instances["size"].astype(np.float64)
    low = np.full(len(corner), area.low - eye_z)
    high = np.full(len(corner), area.high - eye_z)
    west = corner[:, 0]
    north = corner[:, 1]
    return np.column_stack([west, north - size[:, 1], low, west + size[:, 0], north, high])
