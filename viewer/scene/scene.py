"""Scene: terrain of the open files, loaded, drawn, picked and measured. No window, no user
interface."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import moderngl

from neural.container.reader import Reader, open_reader
from neural.errors import NtileError, UsageError
from neural.raster.reading import Raster
from neural.surface.tile_surface import SurfaceDecoder
from viewer.graphics import gl, gpu_decoder, survey
from viewer.graphics.drawing import Drawing, PanePart
from viewer.graphics.survey import Survey
from viewer.graphics.tile_store import TileStore
from viewer.graphics.timers import Timers
from viewer.model.camera import Camera
from viewer.model.height_range import LEAST_M, ColorRange, HeightRange
from viewer.model.overlays import BLOCK_ERROR, BLOCKS, EDGE_GAP
from viewer.model.readings import BoundingBox, ErrorStats, FrameStats, Pick, with_error
from viewer.model.settings import LayerChoice, Settings
from viewer.scene.coloring import Coloring
from viewer.scene.ground import PictureGround
from viewer.scene.pane import Pane, frame_stats
from viewer.scene.scene_files import SceneFiles
from viewer.tiles import tile_errors
from viewer.tiles.level_reference import error_at
from viewer.tiles.lod import Frustum
from viewer.tiles.reference import ErrorReference
from viewer.tiles.terrain_file import TerrainFile
from viewer.tiles.tile_errors import TileSample


class Scene:
    """One file on screen, or several compared ones. All methods belong to the GL thread.

    Each frame: `update` (select tiles, upload finished ones), then `draw`. Settings are read, never
    written.
    """

    def __init__(self, ctx: moderngl.Context, settings: Settings, gl_version: str = "auto") -> None:
        self.ctx = ctx
        self.settings = settings
        self.decode_backend = gpu_decoder.choose_backend(ctx, gl_version)
        """Decode backend: "numpy", "compute" or "fragment"; may be set before `open`."""
        self.fade_s = 0.0
        """Fade-in time of late tiles, seconds; 0: a picture depends on the view and the loaded
        tiles alone."""
        self.load_ahead = False
        """True to prefetch tiles of both slots while the view rests, so that toggling never
        waits."""
        self.stats = FrameStats()
        """Result of the latest `update`."""
        self.messages: list[str] = []
        """Error sentences of tiles that failed to load; taken out by the caller."""
        self.waits = True
        """True if `pick`, `surface_z` and `close` may block on reads and workers; False on a
        window's thread."""
        self.survey = survey.NOTHING
        """Survey of the latest picture, for automatic colors and contours."""
        self.coloring = Coloring(settings)
        self._drawing = Drawing(ctx)
        self._open: SceneFiles | None = None
        self._size_px = (1, 1)

    # Files and layers

    @property
    def files(self) -> Sequence[TerrainFile]:
        """Open files, the main one first; indexed by `LayerChoice.file`."""
        return () if self._open is None else self._open.files

    @property
    def reader(self) -> Reader | None:
        """The main file (`.layers`, `.grid`, `.metadata`), or None."""
        return None if self._open is None else self._open.files[0].reader

    @property
    def main_reader(self) -> Reader:
        """The main file. Raises UsageError without one."""
        return self._opened.files[0].reader

    @property
    def _opened(self) -> SceneFiles:
        """The open files. Raises UsageError without any."""
        if self._open is None:
            raise UsageError("No file is open; open a .ntile file.")
        return self._open

    @property
    def store(self) -> TileStore | None:
        """Tile store of all open files; None without a file."""
        return None if self._open is None else self._open.store

    @property
    def timers(self) -> Timers:
        """Timers of stages and passes."""
        return self._drawing.timers

    def reader_of(self, choice: LayerChoice) -> Reader:
        """Return the reader of a choice's file; a file must be open."""
        return self.files[min(max(choice.file, 0), len(self.files) - 1)].reader

    def decoder(self, choice: LayerChoice) -> SurfaceDecoder | None:
        """Return the decoder of a choice, shared with the picture; None without a file or for an
        unreadable layer."""
        try:
            return None if self._open is None else self._open.source(choice).decoder
        except NtileError:
            return None

    @property
    def reference(self) -> ErrorReference | None:
        """Error reference of the active slot."""
        return None if self.pane is None else self._reference_of(self.pane)

    def _reference_of(self, pane: Pane) -> ErrorReference | None:
        return self._opened.files[self._opened.file_of(pane.current.source)].reference

    def problem(self, index: int, file: int = 0) -> str | None:
        """Return the error sentence of a layer that failed to load, or None."""
        return None if self._open is None else self._open.problem(index, file)

    def open(
        self,
        file: str | Path | Reader | TerrainFile,
        reference_dem: Raster | None = None,
        layer: int = 0,
    ) -> None:
        """Show a file in place of all present ones; load its root unless loaded
        (`viewer.tiles.pending_file`).

        The scene owns a Reader or TerrainFile from then on. `reference_dem` replaces the file's own
        reference layer; `layer` is the first one shown. Raises NtileError; the present files then
        stay open.
        """
        terrain = _open_file(file, reference_dem)
        store = TileStore(self.ctx, self.decode_backend)
        opened = SceneFiles(store, terrain, LayerChoice(layer))
        self.close()
        self._open = opened

    @contextmanager
    def replacing(self) -> Iterator[None]:
        """Keep the present files until the block has opened others; where it raises, they come
        back and the others are closed."""
        before = self._open
        self._open = None
        try:
            yield
        except BaseException:
            failed = self._open
            self._open = before
            if failed is not None:
                failed.close(wait=self.waits)
            raise
        finally:
            self._drawing.forget()
            self.coloring.forget()
        if before is not None:
            before.close(wait=self.waits)
            self.stats = FrameStats()

    def add(self, file: str | Path | Reader | TerrainFile, layer: int = 0) -> int:
        """Open another file for comparison; return its index in `files`.

        Grid and extent may differ, the coordinate system must not. A `TerrainFile` is already
        loaded. Raises NtileError and changes nothing then.
        """
        if self._open is None:
            raise UsageError("Open a file before another is compared with it.")
        return self._open.add(_open_file(file, self.files[0].reference_dem), LayerChoice(layer))

    def remove(self, index: int) -> None:
        """Close a compared file (index 1 or more); its slots get the first file's first layer."""
        self._opened.remove(index, self.settings)

    def close(self) -> None:
        """Close all files and free their textures; the scene can open others."""
        if self._open is not None:
            self._open.close(wait=self.waits)
            self._drawing.forget()
            self.coloring.forget()
        self._open = None
        self.stats = FrameStats()

    def release(self) -> None:
        """Close all files and free all GPU resources; the scene is unusable afterwards.

        In a forked child nothing is done: threads and resources are the parent's.
        """
        if gl.is_forked():
            return
        self.waits = True
        self.close()
        self._drawing.release()

    # The picture

    @property
    def panes(self) -> Sequence[Pane]:
        """Panes on screen: one, or slot A's and slot B's from left to right."""
        return () if self._open is None else self._open.panes

    @property
    def pane(self) -> Pane | None:
        """Pane of the active slot; None without a file."""
        by_slot = {pane.slot: pane for pane in self.panes}
        return by_slot.get(self.settings.active) or next(iter(self.panes), None)

    def columns(self, camera: Camera, size_px: tuple[int, int]) -> list[tuple[int, int]]:
        """Return the first and last + 1 pixel column of each pane, in a picture of this size."""
        return [] if self._open is None else self._open.columns(self.settings, camera, size_px)

    def pane_at(self, x_px: float) -> Pane | None:
        """Return the pane at a pixel column of the latest `update`'s picture."""
        columns = self.columns(Camera(), self._size_px)
        return next(
            (pane for pane, (_, end) in zip(self.panes, columns, strict=True) if x_px < end),
            self.pane,
        )

    def choice_in(self, pane: Pane) -> LayerChoice:
        """Return the file, layer and bits on screen in a pane; during a change still those before
        it."""
        key = pane.current.source.key
        return LayerChoice(key.layer, key.keep_bits, self._opened.file_of(pane.current.source))

    @property
    def current_choice(self) -> LayerChoice | None:
        """Choice on screen in the active slot's pane; None without a file."""
        return None if self.pane is None else self.choice_in(self.pane)

    @property
    def reference_name(self) -> str | None:
        """Name of the errors' reference: a layer's title or the DEM's file name; None without a
        reference."""
        return None if self.reference is None else self.reference.name

    @property
    def picture(self) -> tuple[Hashable, ...]:
        """Key of the picture: equal values mean the same tiles of the same layers, bits and
        errors."""
        return tuple(
            (pane.current, pane.fading.generation, *pane.selection.draw) for pane in self.panes
        )

    @property
    def changing(self) -> bool:
        """True if part of the picture still precedes a change of slot, layer, bits or overlay."""
        return any(pane.changing for pane in self.panes)

    @property
    def ready(self) -> bool:
        """True if every tile (and error) of the latest `update` is on screen."""
        return self._open is not None and self._open.ready

    @property
    def settled(self) -> bool:
        """True if the scene is ready and has nothing left to prefetch."""
        return self.ready and self._open is not None and self._open.prefetch.settled

    def rmse_in_view(self, choice: LayerChoice) -> float | None:
        """Return the root mean square error in meters of a choice over this view; None unless
        measured."""
        return tile_errors.rmse(tile_errors.summaries(self._errors_of(choice)))

    def errors_in_view(self, choice: LayerChoice) -> ErrorStats | None:
        """Return the error statistics of a choice over this view; None unless measured."""
        return self.coloring.of_errors(self._errors_of(choice))

    def _errors_of(self, choice: LayerChoice) -> list[TileSample]:
        return [] if self._open is None else self._open.errors_of(choice, self.settings.view.sse_px)

    def update(self, camera: Camera, size_px: tuple[int, int]) -> FrameStats:
        """Upload finished tiles, select the tiles to draw and request missing ones.

        `size_px`: width and height of the picture. Never blocks: coarser tiles stand in for missing
        ones. Raises ForkedError in a forked child.
        """
        gl.check_process()
        opened = self._open
        self._size_px = size_px
        if opened is None:
            return self.stats
        opened.prefetch.enabled = self.load_ahead
        for pane in opened.panes:
            pane.fading.seconds = self.fade_s
        view = Frustum.of(camera, size_px, self.rise, opened.pivot_z, self.ground_scale)
        with self.timers.cpu("update"):
            self.messages += opened.update(self.settings, view, camera, size_px)
        self.stats = frame_stats(opened.store, opened.panes, self.mesh_quads)
        return self.stats

    def draw(self, fbo: moderngl.Framebuffer, camera: Camera) -> None:
        """Draw background and terrain into the whole of `fbo` (color only is enough; depth is
        internal). Raises ForkedError in a forked child."""
        gl.check_process()
        opened = self._open
        if opened is None or opened.panes[0].view is None:
            self._drawing.background(fbo, camera, self.samples)
            return
        for pane in opened.panes:
            overlay = self.overlay_of(pane)
            if overlay == EDGE_GAP:
                opened.store.show_gaps(pane.current.source, pane.selection.draw)
            elif overlay in (BLOCKS, BLOCK_ERROR):
                opened.store.show_blocks(pane.current.source, pane.selection.draw)
        self.run_survey_pass(camera, fbo.size)
        parts = self._parts(camera, fbo.size, self.mesh_quads)
        self._drawing.terrain(
            fbo,
            camera,
            opened.store,
            parts,
            samples=self.samples,
            pivot_z=opened.pivot_z,
            area=self.bounds,
        )

    def run_survey_pass(self, camera: Camera, size_px: tuple[int, int]) -> None:
        """Render the small survey pass that auto ranges, contour interval and labels are computed
        from."""
        opened = self._open
        self.survey = survey.NOTHING
        piece = camera.whole(size_px) != size_px  # ranges of a larger picture are fixed
        if (
            opened is not None
            and opened.panes[0].view is not None
            and survey.needed(self.settings)
            and not piece
        ):
            small = survey.size(size_px)
            parts = self._parts(camera, small, min(self.mesh_quads, survey.QUADS))
            numbers = self._drawing.survey(
                camera, opened.store, parts, small, pivot_z=opened.pivot_z
            )
            pixel_px = size_px[0] / small[0] / survey.scale(size_px)
            self.survey = Survey(numbers, pixel_px, self._least_interval_m)

    def _parts(self, camera: Camera, size_px: tuple[int, int], quads: int) -> list[PanePart]:
        """Return the parts of a picture of this size with their colors."""
        look = self.coloring.look(
            self.panes, self.survey, self.elevation_range, survey.scale(camera.whole(size_px))
        )
        parts = []
        for pane, columns in zip(self.panes, self.columns(camera, size_px), strict=True):
            if columns[0] < columns[1]:
                pane_look = look._replace(
                    overlay=self.overlay_of(pane),
                    measure=pane.current.measure,
                    quads=quads,
                    ground_scale=self.ground_scale,
                )
                parts.append(
                    PanePart(
                        pane.current.source, pane.selection, pane_look, columns, pane.fading.morph
                    )
                )
        return parts

    def wait(self, timeout_s: float) -> bool:
        """Wait for a worker to finish a job; for programs without a frame rate, such as headless
        pictures."""
        return self._open is not None and self._open.store.streamer.wait(timeout_s)

    # Places

    def pick(self, camera: Camera, x_px: float, y_px: float) -> Pick | None:
        """Return the surface under a pixel of the latest `update`'s picture, x right and y down
        from its top left."""
        pane = self.pane_at(x_px)
        ground = None if pane is None else pane.ground(wait=self.waits)
        picked = (
            None
            if ground is None
            else ground.pick(camera.eye, camera.ray(x_px, y_px, self._size_px))
        )
        if pane is None or picked is None:
            return None
        picked = replace(picked, choice=self.choice_in(pane))
        against = self._reference_of(pane)
        if against is None or not self.waits:
            return picked
        source = pane.current.source
        place = (picked.easting, picked.northing)
        surface = self.store.surface(source, picked.tile) if self.store is not None else None
        return with_error(picked, error_at(against, source.decoder, surface, picked.tile, *place))

    @property
    def ground(self) -> PictureGround | None:
        """Surface of the latest `update`'s picture, where both panes have it that of the active
        slot; None without a file."""
        panes = sorted(self.panes, key=lambda pane: pane is not self.pane)
        grounds = [pane.ground(wait=self.waits) for pane in panes]
        drawn = [ground for ground in grounds if ground is not None]
        return PictureGround(drawn) if drawn else None

    def surface_z(self, easting: float, northing: float) -> float | None:
        """Return the drawn (exaggerated) height of the surface, the camera's lower bound; None
        outside or in a hole."""
        grounds = [pane.ground(wait=self.waits) for pane in self.panes]
        heights = [
            None if ground is None else ground.height(easting, northing) for ground in grounds
        ]
        return max((self.drawn_z(height) for height in heights if height is not None), default=None)

    def drawn_z(self, z_m: float) -> float:
        """Return the drawn height of a true one, vertical exaggeration included: z of `Camera`
        points such as pivots."""
        pivot = 0.0 if self._open is None else self._open.pivot_z
        return pivot + (z_m - pivot) * self.rise

    @property
    def ground_scale(self) -> float:
        """Meters on the ground per meter of the CRS that all open files share."""
        return 1.0 if self._open is None else self._open.files[0].reader.grid.ground_scale

    @property
    def rise(self) -> float:
        """CRS meters drawn per meter of height."""
        return self.settings.view.exaggeration / self.ground_scale

    @property
    def bounds(self) -> BoundingBox:
        """Drawn (exaggerated) bounds of all open files without outliers, for `Camera.frame`."""
        if not self.files:
            return BoundingBox(0, 0, 1, 1, 0, 1)
        west, south, east, north = zip(
            *(file.reader.grid.bounds for file in self.files), strict=True
        )
        low, high = self.heights.ends()
        return BoundingBox(
            min(west), min(south), max(east), max(north), self.drawn_z(low), self.drawn_z(high)
        )

    @property
    def heights(self) -> HeightRange:
        """Range of heights of all layers of all files."""
        return HeightRange(0, 1, 0, 1) if self._open is None else self._open.heights

    # How it is drawn

    @property
    def mesh_quads(self) -> int:
        """Effective number of quads per tile side."""
        return self.settings.view.mesh_quads or (64 if gl.is_software(self.ctx) else 128)

    @property
    def samples(self) -> int:
        """Effective number of MSAA samples, 0 for none."""
        chosen = self.settings.view.msaa
        return chosen if chosen >= 0 else (0 if gl.is_software(self.ctx) else 4)

    @property
    def elevation_range(self) -> tuple[float, float]:
        """Heights in meters at both ends of the elevation colors."""
        return self.elevation_colors[:2]

    @property
    def elevation_colors(self) -> ColorRange:
        """Range of the elevation colors."""
        shading = self.settings.shading
        if not shading.elevation_auto or self._open is None:
            return ColorRange(shading.elevation_min_m, shading.elevation_max_m)
        return self.heights.colors(self._open.step_m, full=shading.elevation_full)

    @property
    def _least_interval_m(self) -> float:
        step_m = 0.0 if self._open is None else self._open.step_m
        full = self.settings.shading.elevation_full
        is_flat = bool(self.heights.colors(step_m, full=full).flat)
        return math.inf if is_flat else max(LEAST_M, step_m)

    @property
    def overlay(self) -> str:
        """Overlay of the active slot's picture."""
        return "none" if self.pane is None else self.overlay_of(self.pane)

    def overlay_of(self, pane: Pane) -> str:
        """Return the overlay of a pane's picture: the chosen one, or "none" while its errors are
        missing."""
        return self.coloring.overlay(pane)

    @property
    def against_name(self) -> str | None:
        """Name of the overlay's error reference, shown or not."""
        against = (
            None
            if self._open is None or self.pane is None
            else self._open.against_of(self.pane, self.settings)
        )
        return None if against is None else against.name

    @property
    def overlay_range(self) -> tuple[float, float]:
        """Values at both ends of the overlay's colors, in its unit; the same in all panes."""
        return self.coloring.range(self.panes, self.survey)

    @property
    def overlay_limit(self) -> float:
        """Upper end of the overlay's colors, before amplification."""
        return self.coloring.color_limit(self.panes, self.survey)

    @property
    def error_stats(self) -> ErrorStats | None:
        """Error statistics over the active slot's view; None without an error overlay or measured
        errors."""
        return None if self.pane is None else self.coloring.stats(self.pane)


def _open_file(
    file: str | Path | Reader | TerrainFile, reference_dem: Raster | None
) -> TerrainFile:
    if isinstance(file, TerrainFile):
        return file
    return TerrainFile(file if isinstance(file, Reader) else open_reader(file), reference_dem)
