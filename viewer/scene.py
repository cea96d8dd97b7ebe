"""The terrain of one open file: what is loaded, drawn, picked and measured. No window, no user interface."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import replace
from pathlib import Path

import moderngl

from neural.container import Reader, open_reader
from neural.surface import SurfaceDecoder
from viewer import decoder, gl, overlay_kinds, reference, tile_errors
from viewer.camera import Camera
from viewer.drawing import Drawing
from viewer.ground import DrawnGround
from viewer.lod import View
from viewer.openfile import OpenFile
from viewer.overlay_kinds import KINDS
from viewer.passes.terrain import Look
from viewer.settings import LayerChoice, Settings
from viewer.source import SourceKey
from viewer.stats import Bounds, ErrorStats, FrameStats, Pick
from viewer.store import TileStore
from viewer.timers import Timers


class Scene:
    """One file on screen. All methods belong to the thread that owns the GL context.

    Each frame: `update` (choose tiles, take in finished ones), then `draw`. Settings are read, never written.
    """

    def __init__(self, ctx: moderngl.Context, settings: Settings, gl_version: str = "auto") -> None:
        self.ctx = ctx
        self.settings = settings
        self.decode_entry = decoder.choose(ctx, gl_version)
        """How tiles are decoded: "numpy", "compute" or "fragment"; may be set before `open`."""
        self.stats = FrameStats()
        """What the latest `update` returned."""
        self.messages: list[str] = []
        """Sentences about tiles that could not be loaded; the app takes them out and shows them."""
        self.waits = True
        """Whether `pick` and `surface_z` wait for what has to be read first, and `pick` for the reference; a window's
        thread must not."""
        self._drawing = Drawing(ctx)
        self._file: OpenFile | None = None
        self._size_px = (1, 1)

    @property
    def reader(self) -> Reader | None:
        """The open file (`.layers`, `.grid`, `.metadata`), or None."""
        return None if self._file is None else self._file.reader

    @property
    def store(self) -> TileStore | None:
        """Tiles on the GPU and on their way there, for those who look into the machinery; None without a file."""
        return None if self._file is None else self._file.store

    @property
    def timers(self) -> Timers:
        """Where the time of pictures goes."""
        return self._drawing.timers

    @property
    def reference_name(self) -> str | None:
        """What errors are measured against: a layer's title or the DEM's file name; None without a reference."""
        return None if self._file is None or self._file.reference is None else self._file.reference.name

    @property
    def shown(self) -> LayerChoice | None:
        """The layer and bits of the picture; during a change still those before it. None without a file."""
        return None if self._file is None else LayerChoice(*self._file.shown.source.key)

    @property
    def picture(self) -> tuple[Hashable, ...]:
        """What is drawn: equal values mean the same tiles of the same layer, bits and overlay."""
        file = self._file
        return () if file is None else (file.shown.source.key, file.shown.measure, *file.selection.draw)

    @property
    def changing(self) -> bool:
        """Whether the picture is still the one before a change of slot, layer, bits or overlay."""
        return self._file is not None and self._file.shown != self._file.wanted

    def problem(self, index: int) -> str | None:
        """Why a layer of the file cannot be shown, once that has been tried."""
        return None if self._file is None else self._file.problem(index)

    def rmse_in_view(self, choice: LayerChoice) -> float | None:
        """Root mean square error in metres of any layer and bits in this view; None unless it has been measured."""
        if self._file is None:
            return None
        errors = self._file.errors_of(SourceKey(choice.index, choice.keep_bits), self.settings.view.sse_px)
        return tile_errors.rmse(errors)

    def open(self, file: str | Path | Reader, reference_dem: str | Path | None = None, layer: int = 0) -> None:
        """Show a file (a Reader then belongs to the scene) in place of the present one and load its root tile.

        `reference_dem` is a raster that errors are measured against instead of the file's own reference layer;
        `layer` is the one to begin with. Raises NtileError; the present file then stays open.
        """
        reader = file if isinstance(file, Reader) else open_reader(file)
        opened = OpenFile(self.ctx, reader, reference_dem, self.decode_entry, layer)
        self.close()
        self._file = opened

    def close(self) -> None:
        """Close the file and free its textures; the scene can open another."""
        if self._file is not None:
            self._file.close()
        self._file = None
        self.stats = FrameStats()

    def release(self) -> None:
        """Close and free everything on the GPU; the scene is unusable afterwards."""
        self.close()
        self._drawing.release()

    def update(self, camera: Camera, size_px: tuple[int, int]) -> FrameStats:
        """Take in finished tiles, choose what to draw and ask for what is missing.

        `size_px` is the picture's width and height in pixels. Never waits: tiles that are not there yet are
        stood in for by coarser ones.
        """
        file, self._size_px = self._file, size_px
        if file is None:
            return self.stats
        exaggeration = self.settings.view.exaggeration
        with self.timers.cpu("update"):
            self.messages += file.update(self.settings, View.of(camera, size_px, exaggeration, file.pivot_z))
        store, selection = file.store, file.selection
        self.stats = FrameStats(
            tiles_drawn=len(selection.draw),
            tiles_wanted=len(file.target.load),
            tiles_loading=store.streamer.pending,
            tiles_failed=len(store.failed),
            tiles_cached=len(store.cache),
            tiles_culled=selection.culled,
            finest_level=max((tile.z for tile in selection.draw), default=0),
            triangles=2 * self.mesh_quads**2 * len(selection.draw),
            cache_bytes=store.cache.bytes,
            cache_budget_bytes=store.cache.budget_bytes,
            read_bytes=store.read_bytes,
            decode_ms=store.decode_ms,
            upload_ms=store.upload_ms,
            largest_error_px=max(selection.errors_px.values(), default=0.0),
            edge_gap_m=store.edge_gap_m.get(file.shown.source.key, 0.0),
            decoder=store.entry,
        )
        return self.stats

    def draw(self, fbo: moderngl.Framebuffer, camera: Camera) -> None:
        """Draw background and terrain into the whole of `fbo` (colour only is enough; depth is our own)."""
        file = self._file
        if file is None or file.view is None:
            self._drawing.background(fbo, camera, self.samples)
            return
        if self.overlay == "edge_gap":
            file.store.show_gaps(file.shown.source, file.selection.draw)
        self._drawing.terrain(
            fbo,
            camera,
            file.store,
            file.shown.source,
            file.selection,
            Look(
                self.settings,
                self.overlay,
                self.mesh_quads,
                self.elevation_range,
                file.shown.measure,
                self.overlay_range,
            ),
            samples=self.samples,
            pivot_z=file.pivot_z,
        )

    def wait(self, timeout_s: float) -> bool:
        """Wait for a worker to finish something; for programs without a frame rate, such as headless pictures."""
        return self._file is not None and self._file.store.streamer.wait(timeout_s)

    def pick(self, camera: Camera, x_px: float, y_px: float) -> Pick | None:
        """The surface under a pixel of the latest `update`'s picture, x right and y down from its top left."""
        ground = self.ground
        picked = None if ground is None else ground.pick(camera.eye, camera.ray(x_px, y_px, self._size_px))
        if picked is None or self._file is None or self._file.reference is None or not self.waits:
            return picked
        known = float(self._file.reference.heights_at(picked.easting, picked.northing, picked.tile.z))
        if math.isnan(known):
            return picked
        return replace(picked, reference_m=known, error_m=picked.z_m - known)

    @property
    def ground(self) -> DrawnGround | None:
        """The surface of the latest `update`'s picture; None without a file."""
        return None if self._file is None else self._file.ground(wait=self.waits)

    def decoder(self, choice: LayerChoice) -> SurfaceDecoder | None:
        """How what a slot holds is decoded, shared with the picture; None without a file or where it cannot be."""
        return None if self._file is None else self._file.decoder(SourceKey(choice.index, choice.keep_bits))

    @property
    def reference(self) -> reference.Reference | None:
        """What errors are measured against."""
        return None if self._file is None else self._file.reference

    def surface_z(self, easting: float, northing: float) -> float | None:
        """Height of the drawn (exaggerated) surface: what the camera must stay above. None outside or in a hole."""
        ground = self.ground
        height = None if ground is None else ground.height(easting, northing)
        return None if height is None else self.drawn_z(height)

    def drawn_z(self, z_m: float) -> float:
        """Where a height is drawn, vertical exaggeration included: z for `Camera` points such as pivots."""
        pivot = 0.0 if self._file is None else self._file.pivot_z
        return pivot + (z_m - pivot) * self.settings.view.exaggeration

    @property
    def ready(self) -> bool:
        """Whether every tile (and error) that the latest `update` wanted is on screen."""
        return self._file is not None and self._file.ready

    @property
    def mesh_quads(self) -> int:
        """Quads per tile side in use."""
        return self.settings.view.mesh_quads or (64 if gl.is_software(self.ctx) else 128)

    @property
    def samples(self) -> int:
        """MSAA samples in use, 0 for none."""
        chosen = self.settings.view.msaa
        return chosen if chosen >= 0 else (0 if gl.is_software(self.ctx) else 4)

    @property
    def bounds(self) -> Bounds:
        """The layer's valid area as it is drawn (exaggerated): what `Camera.frame` takes."""
        if self.reader is None:
            return Bounds(0, 0, 1, 1, 0, 1)
        root = self.reader.layers[min(self.settings.layer.index, len(self.reader.layers) - 1)].root
        return Bounds(*self.reader.grid.bounds, self.drawn_z(root.min_m), self.drawn_z(root.max_m))

    @property
    def elevation_range(self) -> tuple[float, float]:
        """Heights in metres at the two ends of the elevation colours."""
        shading = self.settings.shading
        if not shading.elevation_auto or self.reader is None:
            return shading.elevation_min_m, shading.elevation_max_m
        # One range for all layers, so that switching between them compares like with like.
        roots = [layer.root for layer in self.reader.layers]
        return min(root.min_m for root in roots), max(root.max_m for root in roots)

    @property
    def overlay(self) -> str:
        """The overlay of the picture: the one chosen, or "none" while the errors it needs are not there."""
        name = self.settings.overlay.name
        measures = KINDS[name].measures if name in KINDS else ""
        shown = None if self._file is None else self._file.shown.measure
        there = not measures or (shown is not None and shown.quantity == measures)
        return name if there else "none"

    @property
    def against_name(self) -> str | None:
        """What the overlay's errors are, or would be, measured against."""
        against = None if self._file is None else self._file.against(self.settings.overlay.against)
        return None if against is None else against.name

    @property
    def overlay_range(self) -> tuple[float, float]:
        """Values at the two ends of the overlay's colours, in its unit."""
        return overlay_kinds.ends(self.settings.overlay, self.overlay_reach)

    @property
    def overlay_reach(self) -> float:
        """Where the overlay's colours end, before amplification."""
        errors = [] if self._file is None else self._file.errors
        return overlay_kinds.reach(self.settings.overlay, lambda: tile_errors.percentile(errors, 0.95))

    @property
    def error_stats(self) -> ErrorStats | None:
        """Errors over what is in view; None while no error overlay is on or nothing has been measured."""
        if self._file is None:
            return None
        return tile_errors.combine(self._file.errors, self.settings.overlay.tolerance_m)
