"""Rendering of one picture: terrain, boxes, background, in that order, into a linear target and
then the caller's framebuffer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import moderngl
import numpy as np

from neural.tiles import Tile
from viewer.graphics import sunlight
from viewer.graphics.batches import Batches
from viewer.graphics.light import Light
from viewer.graphics.passes.background import BackgroundPass
from viewer.graphics.passes.bounds import BoundsPass
from viewer.graphics.passes.survey import SurveyTarget
from viewer.graphics.passes.target import EyeDome, RenderTarget
from viewer.graphics.passes.terrain import SHADOW_UNIT, Batch, Look, TerrainPass
from viewer.graphics.sunlight import Sunlight
from viewer.graphics.tile_store import TileStore
from viewer.graphics.timers import Timers
from viewer.model.camera import CLEARANCE_M, Camera
from viewer.model.readings import BoundingBox
from viewer.model.settings import ShadingSettings
from viewer.model.single_tile import belongs, tile_of
from viewer.tiles.lod import Selection
from viewer.tiles.source import TileSource

_SELECTIONS = 6
"""Capacity of the cache of instances by selection: two panes, their surveys, and shadow casters."""


class PanePart(NamedTuple):
    """Part of a picture: layer, tiles, colors and pixel columns of one pane."""

    source: TileSource
    selection: Selection
    look: Look
    columns: tuple[int, int]  # first and last + 1
    morph: np.ndarray | None = None  # of the tiles; None: the selection's own


class Drawing:
    """Render passes and their shared target."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self.timers = Timers(ctx)
        self._target = RenderTarget(ctx)
        self._background = BackgroundPass(ctx)
        self._terrain = TerrainPass(ctx)
        self._survey = SurveyTarget(ctx)
        self._bounds = BoundsPass(ctx)
        self._batches: OrderedDict[Hashable, Batches] = OrderedDict()
        self._sunlights: list[Sunlight] = []  # for each part, once there are shadows

    def background(self, fbo: moderngl.Framebuffer, camera: Camera, samples: int) -> None:
        """Draw a picture without terrain."""
        self._target.begin(fbo, samples)
        self._background.draw(Light.of(ShadingSettings(), camera, fbo.size))
        self._target.finish(fbo)

    def terrain(
        self,
        fbo: moderngl.Framebuffer,
        camera: Camera,
        store: TileStore,
        parts: Sequence[PanePart],
        *,
        samples: int,
        pivot_z: float,
        area: BoundingBox,
    ) -> None:
        """Draw the selected tiles of each part, which must all be in the store, side by side.

        `area`: drawn bounds of all open files, by which haze is scaled.
        """
        rise = parts[0].look.rise
        boxes = [_boxes(part.source, part.selection, rise, pivot_z) for part in parts]
        boxes = [box - np.tile(camera.eye, 2) for box in boxes]
        near, far = _depth_range(np.concatenate(boxes), camera)
        clip_from_world = camera.clip_from_world(fbo.size[0] / fbo.size[1], near, far)
        debug = parts[0].look.settings.debug
        shading = parts[0].look.settings.shading
        with self.timers.cpu("arrange"):
            only = tile_of(debug.tile)
            batches = [self._placed(store, part, camera.eye, rise, pivot_z, only) for part in parts]
        light = Light.of(shading, camera, fbo.size, area)
        self.timers.enabled = debug.timing
        shaded = sunlight.enabled(parts[0].look.settings)
        if shaded:
            with self.timers.time("shadows"):
                for sun, part, selected, part_boxes in zip(
                    self._suns(len(parts)), parts, batches, boxes, strict=True
                ):
                    others = part._replace(
                        selection=sunlight.tiles_outside(part.selection),
                        look=part.look._replace(measure=None),
                        morph=None,
                    )
                    tiles = selected + self._placed(store, others, camera.eye, rise, pivot_z, None)
                    sun.cast(
                        self._terrain,
                        tiles,
                        part.look,
                        camera,
                        light,
                        (near, far),
                        part_boxes,
                        area,
                    )
        self._target.begin(fbo, samples)
        with self.timers.time("terrain"):
            for k, (part, part_batches) in enumerate(zip(parts, batches, strict=True)):
                self._target.limit(part.columns)
                maps = self._sunlights[k].use(SHADOW_UNIT) if shaded else None
                self._terrain.draw(
                    part_batches, clip_from_world, camera.pixel(fbo.size), part.look, light, maps
                )
        if debug.bounds:
            with self.timers.time("boxes"):
                for part, part_boxes in zip(parts, boxes, strict=True):
                    self._target.limit(part.columns)
                    lows = part_boxes[:, :3]
                    corners = np.concatenate([lows, part_boxes[:, 3:] - lows], axis=1)
                    if len(corners):
                        self._bounds.draw(corners, clip_from_world)
        self._target.limit(None)
        with self.timers.time("background"):
            self._background.draw(light)
        with self.timers.time("finish"):
            self._target.finish(fbo, _eye_dome(shading, near, far, camera.whole(fbo.size)[1]))
        self.timers.finish_picture()

    def survey(
        self,
        camera: Camera,
        store: TileStore,
        parts: Sequence[PanePart],
        size_px: tuple[int, int],
        *,
        pivot_z: float,
    ) -> np.ndarray:
        """Render the survey of a picture of this size: see `SurveyTarget.read`."""
        rise = parts[0].look.rise
        boxes = np.concatenate(
            [_boxes(part.source, part.selection, rise, pivot_z) for part in parts]
        )
        near_far = _depth_range(boxes - np.tile(camera.eye, 2), camera)
        clip_from_world = camera.clip_from_world(size_px[0] / size_px[1], *near_far)
        only = tile_of(parts[0].look.settings.debug.tile)
        with self.timers.cpu("survey"):
            self._survey.begin(size_px)
            for part in parts:
                self._survey.limit(part.columns)
                batches = self._placed(store, part, camera.eye, rise, pivot_z, only)
                self._terrain.draw_numbers(batches, clip_from_world, part.look)
            return self._survey.read()

    def _placed(
        self,
        store: TileStore,
        part: PanePart,
        eye: np.ndarray,
        rise: float,
        pivot_z: float,
        only: Tile | None,
    ) -> list[Batch]:
        """Return the part's instances; only their positions change until other tiles are drawn."""
        source = part.source
        selection = part.selection
        look = part.look
        key = (
            source,
            source.nodes.version,
            look.quads,
            selection.drawn.tobytes(),
            selection.refined.tobytes(),
        )
        batches = self._batches.pop(key, None) or Batches(store, source, selection, look.quads)
        self._batches[key] = batches
        if len(self._batches) > _SELECTIONS:
            self._batches.popitem(last=False)
        measured = (
            [store.paint(source, tile, look.measure) for tile in selection.draw]
            if look.measure
            else None
        )
        drawn = None if only is None else [belongs(tile, only) for tile in selection.draw]
        morph = selection.morph if part.morph is None else part.morph
        return batches.placed(eye, morph, rise, pivot_z, measured, drawn)

    def forget(self) -> None:
        """Drop cached instances after a file was closed."""
        self._batches.clear()

    def _suns(self, count: int) -> list[Sunlight]:
        while len(self._sunlights) < count:
            self._sunlights.append(Sunlight(self._ctx))
        return self._sunlights[:count]

    def release(self) -> None:
        """Free all GPU resources."""
        for part in (self._target, self._background, self._terrain, self._survey, self._bounds):
            part.release()
        for sun in self._sunlights:
            sun.release()


def _boxes(source: TileSource, selection: Selection, rise: float, pivot_z: float) -> np.ndarray:
    """Return drawn boxes of tiles, float64 [n, 6]: west, south, low, east, north, high."""
    boxes = source.nodes.boxes(selection.drawn)
    boxes[:, [2, 5]] = pivot_z + (boxes[:, [2, 5]] - pivot_z) * rise
    return boxes


def _eye_dome(shading: ShadingSettings, near: float, far: float, height_px: int) -> EyeDome | None:
    return EyeDome((near, far), shading.edl_strength, height_px) if shading.edl else None


def _depth_range(boxes: np.ndarray, camera: Camera) -> tuple[float, float]:
    """Return near and far planes around eye-relative boxes, as tight as possible for depth
    precision."""
    if not len(boxes):
        return 1.0, 1000.0
    low = boxes[:, :3]
    high = boxes[:, 3:]
    outside = np.maximum(0.0, np.maximum(low, -high))
    nearest = float(np.sqrt((outside**2).sum(axis=1)).min())
    forward = camera.axes[2]
    far = float((np.maximum(low * forward, high * forward).sum(axis=1)).max())
    # The sides of the picture are nearer than its middle by the cosine of half the field of view.
    near = max(0.5 * nearest, 0.4 * CLEARANCE_M)
    return near, max(1.01 * far, 2.0 * near)
