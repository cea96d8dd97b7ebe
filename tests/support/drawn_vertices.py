"""The vertices that are drawn, read back from the very shader that draws them."""

from __future__ import annotations

import math

import moderngl
import numpy as np

import shaders
from viewer.graphics.passes import terrain
from viewer.model.camera import Camera
from viewer.scene.scene import Scene


def read(scene: Scene, camera: Camera, size_px: tuple[int, int]) -> np.ndarray:
    """Surface vertices of the latest `update`, relative to the eye, float64 [tiles, quads + 1,
    quads + 1, 3].

    Tiles in the order of `Selection.draw`; drawn space, meters.
    """
    part = scene._parts(camera, size_px, scene.mesh_quads)[0]
    quads = part.look.quads
    exaggeration = scene.settings.view.exaggeration
    batches = scene._drawing._placed(
        scene.store, part, camera.eye, exaggeration, scene._open.pivot_z, None
    )
    vertices = terrain.grid_mesh(quads)[0][: (quads + 1) ** 2]
    grid = scene.ctx.buffer(np.ascontiguousarray(vertices))
    aspect = size_px[0] / size_px[1]
    values = {
        **terrain._UNITS,
        "clip_from_world": camera.clip_from_world(aspect, 1.0, 1e4).astype(np.float32).tobytes(),
        "exaggeration": exaggeration,
        "ground_scale": scene.reader.grid.ground_scale,
        "quads": quads,
        "step": terrain.TILE // quads,
    }
    out = np.zeros((len(part.selection.drawn), quads + 1, quads + 1, 3))
    tangent = math.tan(math.radians(camera.fov_deg) / 2)
    for page, parent_page, holes, instances, corrections in batches:
        names = [name for name, on in (("HOLES", holes), ("MORPH", parent_page is not None)) if on]
        source = shaders.source("terrain.vert", **terrain._DEFINES, **dict.fromkeys(names, 1))
        program = scene.ctx.program(vertex_shader=source.text, varyings=["gl_Position"])
        for name, value in values.items():
            terrain.gl.set_uniforms(program, **{name: value})
        page.heights.use(terrain._UNITS["heights"])
        if parent_page is not None:
            parent_page.heights.use(terrain._UNITS["parent_heights"])
        scene._drawing._terrain._stitch(corrections).use(terrain._UNITS["stitch"])
        stream = scene.ctx.buffer(np.ascontiguousarray(instances))
        result = scene.ctx.buffer(reserve=16 * len(vertices) * len(instances))
        mesh = scene.ctx.vertex_array(
            program, [(grid, "3f", "in_grid"), (stream, *terrain._FORMAT)], skip_errors=True
        )
        mesh.transform(result, moderngl.POINTS, vertices=len(vertices), instances=len(instances))
        clip = (
            np.frombuffer(result.read(), np.float32)
            .astype(np.float64)
            .reshape(len(instances), -1, 4)
        )
        # Through the picture's own plane, not by the depth, which has few digits.
        seen = np.stack(
            [clip[..., 0] * tangent * aspect, clip[..., 1] * tangent, clip[..., 3]], axis=-1
        )
        places = instances["stitch"][:, 0].astype(int)
        out[places] = (seen @ camera.axes).reshape(-1, quads + 1, quads + 1, 3)
        for item in (mesh, result, stream, program):
            item.release()
    grid.release()
    return out


def pixels(camera: Camera, positions: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """Pixels of eye-relative positions [..., 3], NaN behind the eye: float64 [..., 2], x right and
    y down."""
    x, y, depth = np.moveaxis(positions @ camera.axes.T, -1, 0)
    scale = size_px[1] / (2 * math.tan(math.radians(camera.fov_deg) / 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = np.where(depth > 1e-3, depth, np.nan)
        return np.stack(
            [size_px[0] / 2 + scale * x / depth, size_px[1] / 2 - scale * y / depth], axis=-1
        )
