"""Draws tiles: one grid mesh, one instance per tile, one or two draw calls per texture page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import moderngl
import numpy as np

from neural.measure.morphometry import FLAT_DEG, NO_DIRECTION
from neural.tiles import TILE
from viewer.graphics import gl
from viewer.graphics.light import Light
from viewer.graphics.page import LATTICE, NO_ERROR, TilePage
from viewer.model import colormaps, overlays
from viewer.model.overlays import OVERLAYS
from viewer.model.settings import Settings
from viewer.tiles.stitching import ZONE
from viewer.tiles.tile_errors import ErrorMeasure

INSTANCE = np.dtype(
    [
        # north-west corner at the offset height, drawn space, relative to the eye
        ("origin", "f4", 3),
        ("size", "f4", 2),  # meters east and south
        ("extent", "f4", 4),  # `viewer.tiles.borders.Extent`
        ("skirt", "f4", 4),  # 1 where a tile meets the side: N, E, S, W
        ("about", "f4", 4),  # layer, level, offset_m, 1 with errors
        # layer, quadrant (0 or 1) east and south, offset minus the tile's
        ("parent", "f4", 4),
        ("parent_extent", "f4", 4),
        ("stitch", "f4", 2),  # row in the corrections, and the morph
    ]
)
"""Instance record of one tile as terrain.vert reads it."""

TABLE_TEXELS = 2048
"""Texels of a colormap on the GPU, sampled by nearest."""

CONTOUR_PX = 1.2
"""Width of a contour line, pixels; every `INDEX_EVERY`th is twice as wide."""

INDEX_EVERY = 5

_COMPONENTS = " ".join(f"{INSTANCE[name].shape[0]}f" for name in INSTANCE.names or ())
_FORMAT = (f"{_COMPONENTS}/i", *(f"i_{name}" for name in INSTANCE.names or ()))
_DEFINES: dict[str, float] = {
    "LATTICE": LATTICE,
    "TABLE_TEXELS": TABLE_TEXELS,
    "NO_ERROR": float(NO_ERROR),
    "FLAT_DEG": FLAT_DEG,
    "NO_DIRECTION": NO_DIRECTION,
    "INDEX_EVERY": INDEX_EVERY,
    "STITCH_ZONE": ZONE,
}
_UNITS = {
    "heights": 0,
    "gradients": 1,
    "valid": 2,
    "errors": 3,
    "gaps": 4,
    "colors": 5,
    "overlay_colors": 6,
    "blocks": 7,
}
_UNITS |= {"parent_heights": 12, "parent_gradients": 13, "stitch": 14}

_MASK, _WITHIN = (
    tuple(colormaps.linear_from_srgb(np.array(bytes_) / 255).tolist())
    for bytes_ in (colormaps.MASK, colormaps.WITHIN)
)

SHADOW_UNIT = 8
"""Texture unit of the sun's depth maps."""

_STITCHES = 6
"""Capacity of the cache of correction textures: two panes, their surveys, and shadow casters."""


def grid_mesh(quads: int) -> tuple[np.ndarray, np.ndarray]:
    """Return vertices (column, row, side) float32 [n, 3] and triangles int32 [m, 3] of a tile with
    its skirt.

    Side 0 is the surface; 1 to 4 are the lower ends of the skirt north, east, south and west.
    """
    n = quads + 1
    row, column = np.mgrid[0:n, 0:n]
    surface = np.stack([column, row, np.zeros_like(row)], axis=-1).reshape(-1, 3)
    corner = (row[:-1, :-1] * n + column[:-1, :-1]).ravel()
    east = corner + 1
    south = corner + n
    across = corner + n + 1
    # The diagonal alternates, so that ridges in either direction look alike.
    odd = ((row + column)[:-1, :-1].ravel() % 2).astype(bool)
    one = np.where(
        odd[:, None], np.stack([corner, south, east], 1), np.stack([corner, south, across], 1)
    )
    two = np.where(
        odd[:, None], np.stack([east, south, across], 1), np.stack([corner, across, east], 1)
    )
    along = np.arange(n)
    edges = (along, along * n + quads, quads * n + along, along * n)  # N, E, S, W
    # Neighboring triangles follow each other, so that vertices are still at hand when they are used
    # again.
    vertices = [surface]
    triangles = [np.stack([one, two], axis=1).reshape(-1, 3)]
    for side, edge in enumerate(edges, start=1):
        first = n * n + (side - 1) * n
        vertices.append(np.column_stack([surface[edge, :2], np.full(n, side)]))
        a = edge[:-1]
        b = edge[1:]
        low_a = first + along[:-1]
        low_b = first + along[1:]
        triangles += [np.stack([a, low_a, b], 1), np.stack([b, low_a, low_b], 1)]
    return np.concatenate(vertices).astype(np.float32), np.concatenate(triangles).astype(np.int32)


class Batch(NamedTuple):
    """Tiles of one draw call: of one page, and either all with holes (or cut by the rim) or all
    without.

    Either all of them morph, and have their parents on one page, or none does (None).
    """

    page: TilePage
    parent_page: TilePage | None
    holes: bool
    instances: np.ndarray  # dtype INSTANCE
    corrections: np.ndarray  # `Seams.corrections` of these and other tiles


class Look(NamedTuple):
    """Colors and mesh resolution of one picture's tiles."""

    settings: Settings
    overlay: str  # a file of shaders/overlay
    quads: int  # per tile side
    elevation_m: tuple[float, float]  # heights at the two ends of the elevation colors
    measure: ErrorMeasure | None = None  # errors that the overlay shows
    # values at the two ends of the overlay's colors
    overlay_range: tuple[float, float] = (0.0, 1.0)
    contour_interval_m: float = 0.0  # between lines of equal height; 0: none
    contour_px: float = CONTOUR_PX
    ground_scale: float = 1.0  # meters on the ground per CRS meter

    @property
    def rise(self) -> float:
        """CRS meters drawn per meter of height."""
        return self.settings.view.exaggeration / self.ground_scale


class TerrainPass:
    """Programs, grid mesh and colormaps; pages come with each call."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._programs: dict[tuple[str, frozenset[tuple[str, int]], str], moderngl.Program] = {}
        self._meshes: dict[int, tuple[moderngl.Buffer, moderngl.Buffer, int]] = {}
        self._tables: dict[str, moderngl.Texture] = {}
        self._stitches: list[tuple[np.ndarray, moderngl.Texture]] = []  # latest used last

    def draw(
        self,
        batches: Sequence[Batch],
        clip_from_world: np.ndarray,
        pixel: float,
        look: Look,
        light: Light,
        shadows: tuple[int, Mapping[str, object]] | None = None,
    ) -> None:
        """Draw the batches into the bound framebuffer.

        `pixel` is the size of a pixel at distance 1; `shadows` are `Sunlight.use`'s, bound to
        SHADOW_UNIT.
        """
        (
            settings,
            overlay,
            quads,
            elevation_m,
            _,
            overlay_range,
            interval_m,
            contour_px,
            ground_scale,
        ) = look
        shading = settings.shading
        low, high = elevation_m
        values = {
            **_UNITS,
            "clip_from_world": clip_from_world.astype(np.float32).tobytes(),
            "pixel": pixel,
            "exaggeration": settings.view.exaggeration,
            "ground_scale": ground_scale,
            **light.uniforms(),
            "elevation_m": (low, max(high, low + 1e-3)),
            "colored": shading.mode != "hillshade",
            "shaded": shading.mode != "elevation",
            "overlay_range": overlay_range,
            "overlay_opacity": settings.overlay.opacity,
            "tolerance_m": settings.overlay.tolerance_m,
            "mask_color": _MASK,
            "within_color": _WITHIN,
            "contour_interval_m": interval_m,
            "contour_px": contour_px,
            "line_scale": contour_px / CONTOUR_PX,
        }
        self.table(shading.colormap).use(_UNITS["colors"])
        if overlay in OVERLAYS and OVERLAYS[overlay].colormap_kind:
            self.table(overlays.colormap_name(settings.overlay, overlay)).use(
                _UNITS["overlay_colors"]
            )
        variant = {
            "CONTOURS": int(interval_m > 0),
            "TINT": int(settings.debug.lod_tint),
            "FOG": int(shading.fog > 0),
        }
        if shadows is not None:
            variant |= {"SHADOWS": 1, "CASCADES": shadows[0]}
            values |= shadows[1]
        self._render(batches, overlay, quads, variant, values, shading.hillshade)
        if settings.debug.wireframe:
            self._ctx.wireframe = True
            self._render(batches, "none", quads, {"WIREFRAME": 1}, values)
            self._ctx.wireframe = False

    def draw_depth(self, batches: Sequence[Batch], clip_from_world: np.ndarray, look: Look) -> None:
        """Draw the batches' depths alone."""
        values = {
            **_UNITS,
            "clip_from_world": clip_from_world.astype(np.float32).tobytes(),
            "exaggeration": look.settings.view.exaggeration,
            "ground_scale": look.ground_scale,
        }
        self._render(batches, "none", look.quads, {"DEPTH": 1}, values)

    def draw_numbers(
        self, batches: Sequence[Batch], clip_from_world: np.ndarray, look: Look
    ) -> None:
        """Draw overlay values and heights (`SurveyTarget.read`) in place of colors."""
        values = {
            **_UNITS,
            "clip_from_world": clip_from_world.astype(np.float32).tobytes(),
            "exaggeration": look.settings.view.exaggeration,
            "ground_scale": look.ground_scale,
            "tolerance_m": look.settings.overlay.tolerance_m,
        }
        self._render(batches, look.overlay, look.quads, {"SURVEY": 1}, values)

    def _render(
        self,
        batches: Sequence[Batch],
        overlay: str,
        quads: int,
        variant: Mapping[str, int],
        values: Mapping[str, object],
        hillshade: str = "soft",
    ) -> None:
        vertices, triangles, count = self._mesh(quads)
        values = {**values, "quads": quads, "step": TILE // quads}
        measures = OVERLAYS[overlay].measures if overlay in OVERLAYS else ""
        self._ctx.enable_only(moderngl.DEPTH_TEST)
        told: list[moderngl.Program] = []  # of the values, which are the same for all batches
        for page, parent_page, holes, instances, corrections in batches:
            defines = {**variant, "HOLES": int(holes), "MORPH": int(parent_page is not None)}
            program = self.program(overlay, defines, hillshade)
            if program not in told:
                gl.set_uniforms(program, **values)
                told.append(program)
            page.heights.use(_UNITS["heights"])
            page.gradients.use(_UNITS["gradients"])
            page.valid.use(_UNITS["valid"])
            self._stitch(corrections).use(_UNITS["stitch"])
            if parent_page is not None:
                parent_page.heights.use(_UNITS["parent_heights"])
                parent_page.gradients.use(_UNITS["parent_gradients"])
            # An unused sampler still needs a texture of its kind.
            (page.errors.get(measures) or page.valid).use(_UNITS["errors"])
            (page.gaps or page.valid).use(_UNITS["gaps"])
            (page.blocks or page.valid).use(_UNITS["blocks"])
            stream = self._ctx.buffer(np.ascontiguousarray(instances))
            mesh = self._ctx.vertex_array(
                program,
                [(vertices, "3f", "in_grid"), (stream, *_FORMAT)],
                triangles,
                skip_errors=True,
            )
            mesh.render(moderngl.TRIANGLES, vertices=count, instances=len(instances))
            mesh.release()
            stream.release()

    def program(
        self, overlay: str, variant: Mapping[str, int], hillshade: str = "soft"
    ) -> moderngl.Program:
        """Return the program of an overlay and a hillshade, compiled on first use; `variant` are
        non-zero #defines."""
        variant = {name: value for name, value in variant.items() if value}
        key = overlay, frozenset(variant.items()), hillshade
        if key not in self._programs:
            parts = {
                "overlay": f"overlay/{overlay}.glsl",
                "hillshade": f"hillshade/{hillshade}.glsl",
            }
            self._programs[key] = gl.program(
                self._ctx,
                "terrain.vert",
                "terrain.frag",
                parts=parts,
                defines={**_DEFINES, **variant},
            )
        return self._programs[key]

    def _stitch(self, corrections: np.ndarray) -> moderngl.Texture:
        """Return the corrections as a texture, four rows a tile."""
        arrays = [id(array) for array, _ in self._stitches]
        cached = arrays.index(id(corrections)) if id(corrections) in arrays else None
        if cached is not None:
            self._stitches.append(self._stitches.pop(cached))
            return self._stitches[-1][1]
        rows = 4 * len(corrections)
        width = corrections.shape[-1]
        texture = self._stitches.pop(0)[1] if len(self._stitches) == _STITCHES else None
        if texture is None or texture.width != width or texture.height < rows:
            if texture is not None:
                texture.release()
            texture = self._ctx.texture((width, 2 * rows), 1, dtype="f4")
            texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
        texture.write(np.ascontiguousarray(corrections), (0, 0, width, rows))
        self._stitches.append((corrections, texture))
        return texture

    def _mesh(self, quads: int) -> tuple[moderngl.Buffer, moderngl.Buffer, int]:
        if quads not in self._meshes:
            vertices, triangles = grid_mesh(quads)
            self._meshes[quads] = (
                self._ctx.buffer(vertices),
                self._ctx.buffer(triangles),
                triangles.size,
            )
        return self._meshes[quads]

    def table(self, name: str) -> moderngl.Texture:
        """Return a colormap as a texture of one row, in linear light."""
        if name not in self._tables:
            fine = np.linspace(0, 255, TABLE_TEXELS)
            colors = [np.interp(fine, np.arange(256), channel) for channel in colormaps.lut(name).T]
            texels = np.ones((TABLE_TEXELS, 4), np.float32)
            texels[:, :3] = colormaps.linear_from_srgb(np.rint(np.stack(colors, axis=1)) / 255)
            table = self._ctx.texture((TABLE_TEXELS, 1), 4, texels, dtype="f4")
            table.filter = (moderngl.NEAREST, moderngl.NEAREST)
            self._tables[name] = table
        return self._tables[name]

    def release(self) -> None:
        """Free all GPU resources."""
        for program in self._programs.values():
            program.release()
        for vertices, triangles, _ in self._meshes.values():
            vertices.release()
            triangles.release()
        for texture in (*self._tables.values(), *(texture for _, texture in self._stitches)):
            texture.release()
        self._stitches.clear()
        self._programs.clear()
        self._meshes.clear()
        self._tables.clear()
