"""A flight of a thousand frames, low and high, turning and zooming: no hole, no gap, no jump when
levels change."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import moderngl
import numpy as np
import pytest

from neural.grid import Grid
from neural.tiles import Tile
from tests.support import areas, drawn_vertices
from tests.support.scene_tools import Magenta, is_background
from viewer.model.camera import Camera
from viewer.model.settings import Settings
from viewer.pictures import offscreen
from viewer.scene.scene import Scene
from viewer.tiles.borders import EAST, NORTH, SOUTH, WEST

SIZE = (160, 100)
GRID = Grid("", (4.0, 0.0, 1000.0, 0.0, -4.0, 9000.0), 1300, 1100)  # 4 levels, 44 tiles
DISAGREE_M = (0.0, 6.0)
"""How far neighboring tiles are apart on their edges, before they are stitched."""
MARGIN_M = 12.0
"""How far the drawn surface may be from the area's function: coarse tiles are."""


@pytest.fixture(scope="module")
def ridge_files(tmp_path_factory: pytest.TempPathFactory) -> dict[float, Path]:
    """The area, and the same with tiles that disagree on their edges by meters."""
    folder = tmp_path_factory.mktemp("flight")
    return {
        meters: areas.write(folder / f"{meters}.ntile", GRID, areas.ridges, meters)
        for meters in DISAGREE_M
    }


class Flight:
    """A scene over the area, and what its pixels must show."""

    def __init__(self, ctx: moderngl.Context, path: Path) -> None:
        self.scene = Scene(ctx, Settings())
        self.scene._drawing._background.release()
        self.scene._drawing._background = Magenta(ctx)
        view = self.scene.settings.view
        view.mesh_quads = 16
        view.msaa = 0
        view.sse_px = 0.7
        self.scene.settings.shading.mode = "hillshade"
        self.scene.open(path)
        self.color = ctx.texture(SIZE, 4)
        self.fbo = ctx.framebuffer([self.color])

    def load_everything(self) -> None:
        """Have all tiles in memory."""
        camera = Camera()
        view = self.scene.settings.view
        camera.frame(self.scene.bounds, SIZE[0] / SIZE[1], heading_deg=0.0, pitch_deg=-80.0)
        usual = view.sse_px
        view.sse_px = 1e-3
        offscreen.load(self.scene, camera, SIZE)
        view.sse_px = usual

    def draw(self, camera: Camera) -> np.ndarray:
        """The picture, int [h, w, 3]."""
        self.scene.draw(self.fbo, camera)
        return (
            np.frombuffer(self.fbo.read(components=3), np.uint8)
            .reshape(SIZE[1], SIZE[0], 3)[::-1]
            .astype(int)
        )

    def holes(self, camera: Camera, picture: np.ndarray, margin_m: float = MARGIN_M) -> int:
        """How many pixels show the background though their ray ends below the surface, at least by
        `margin_m`."""
        west, south, east, north, low, _ = self.scene.bounds
        row, column = np.nonzero(is_background(picture))
        right, up, forward = camera.pyramid(SIZE)
        x = (column + 0.5) / SIZE[0] * 2 - 1
        y = 1 - (row + 0.5) / SIZE[1] * 2
        rays = forward + x[:, None] * right + y[:, None] * up
        inside = np.array([[west + 8, south + 8], [east - 8, north - 8]])
        with np.errstate(divide="ignore", invalid="ignore"):
            leaves = (
                np.where(rays[:, :2] > 0, inside[1] - camera.eye[:2], inside[0] - camera.eye[:2])
                / rays[:, :2]
            )
            sinks = np.where(rays[:, 2] < 0, (low - margin_m - camera.z) / rays[:, 2], np.inf)
        x, y, z = (camera.eye + np.minimum(leaves.min(axis=1), sinks)[:, None] * rays).T
        return int((z < areas.ridges(x - 1000, 9000 - y) - margin_m).sum())

    def drawn(self) -> tuple[Tile, ...]:
        return tuple(self.scene.pane.selection.draw)

    def release(self) -> None:
        self.scene.release()
        self.fbo.release()
        self.color.release()


@pytest.fixture(params=DISAGREE_M)
def flight(ctx: moderngl.Context, ridge_files: dict[float, Path], request) -> Iterator[Flight]:
    made = Flight(ctx, ridge_files[request.param])
    yield made
    ctx.simple_framebuffer((4, 4)).use()
    made.release()


def tour(frames: int) -> Iterator[Camera]:
    """Round the area in loops, 20 m to 1 km above the ground, the head turning, nodding and
    zooming."""
    west, south, east, north = GRID.bounds
    for frame in range(frames):
        angle = 2 * math.pi * frame / 500
        reach = 0.42 * (0.7 + 0.3 * math.cos(3 * angle))
        x = (west + east) / 2 + reach * (east - west) * math.cos(angle)
        y = (south + north) / 2 + reach * (north - south) * math.sin(angle)
        above = 20 + 250 * (1 - math.cos(5 * angle)) ** 2
        yield Camera(
            x,
            y,
            float(areas.ridges(np.array(x - 1000), np.array(9000 - y))) + above,
            math.degrees(-angle) + 60 * math.sin(4 * angle),
            -30 + 28 * math.cos(7 * angle),
            45 + 15 * math.sin(3 * angle),
        )


def edge_gaps_px(flight: Flight, camera: Camera) -> list[float]:
    """Distances in pixels between the lines that tiles draw along common edges, at all their
    vertices in sight."""
    vertices = drawn_vertices.read(flight.scene, camera, SIZE)
    lines: dict[tuple[int, float], list[tuple[int, np.ndarray]]] = {}
    for tile, own in zip(flight.drawn(), vertices, strict=True):
        for side, line in (
            (NORTH, own[0]),
            (EAST, own[:, -1]),
            (SOUTH, own[-1]),
            (WEST, own[:, 0]),
        ):
            axis = int(side in (EAST, WEST))
            place = (tile.x + (side == EAST)) if axis else (tile.y + (side == SOUTH))
            lines.setdefault((axis, place / 2**tile.z), []).append((side, line))
    out: list[float] = []
    for (axis, _), meeting in lines.items():
        for side, line in meeting:
            for other, facing in meeting:
                if side == other:
                    continue
                inside = (line[:, axis] > facing[:, axis].min()) & (
                    line[:, axis] < facing[:, axis].max()
                )
                pixel = drawn_vertices.pixels(camera, line, SIZE)
                here = line[inside & ((pixel > 0) & (pixel < SIZE)).all(axis=1)]
                order = np.argsort(facing[:, axis])
                there = here.copy()
                there[:, 2] = np.interp(here[:, axis], facing[order, axis], facing[order, 2])
                apart = drawn_vertices.pixels(camera, here, SIZE) - drawn_vertices.pixels(
                    camera, there, SIZE
                )
                out += np.hypot(*apart.T).tolist()
    return out


def test_a_flight_shows_no_hole_and_no_gap(flight):
    flight.load_everything()
    seen = 0
    gaps = []
    levels = set()
    selections = set()
    for number, camera in enumerate(tour(500)):
        offscreen.load(flight.scene, camera, SIZE)
        picture = flight.draw(camera)
        assert flight.holes(camera, picture) == 0, f"frame {number}, {camera}"
        seen += int((~is_background(picture)).sum())
        levels.update(tile.z for tile in flight.drawn())
        selections.add(flight.drawn())
        if number % 25 == 0:
            gaps += edge_gaps_px(flight, camera)
    assert seen > 500 * SIZE[0] * SIZE[1] / 4  # there was something to see
    assert len(selections) > 50
    assert len(levels) >= 3
    assert len(gaps) > 1000
    assert max(gaps) <= 0.1


def test_no_hole_and_no_gap_while_tiles_arrive(flight):
    flight.scene.settings.view.upload_budget_ms = 0.0  # one tile a frame
    mixtures = set()
    for number, camera in enumerate(tour(18)):
        camera.look(200.0 if number > 9 else 0.0, 0.0)
        for _ in range(3):
            flight.scene.update(camera, SIZE)
            # the root tile is as far off
            assert flight.holes(camera, flight.draw(camera), 60.0) == 0
            if number % 3 == 0:
                assert max(edge_gaps_px(flight, camera), default=0.0) <= 0.1
            mixtures.add(tuple(sorted({tile.z for tile in flight.drawn()})))
            if not flight.scene.ready:
                flight.scene.wait(1.0)
    # levels further apart than a settled picture has
    assert any(mixed[-1] - mixed[0] > 1 for mixed in mixtures)


def around_a_swap(flight: Flight, camera: Camera) -> tuple[float, float]:
    """Errors allowed, nearly the same, of which one refines a tile that the other does not."""
    offscreen.load(flight.scene, camera, SIZE)
    selection = flight.scene.pane.selection
    view = flight.scene.pane.view
    table = selection.table
    refined = selection.refined
    distance = np.maximum(view.distances_m(table.center[refined], table.half[refined]), 1e-3)
    nearest = float((table.error_m[refined] * view.px_per_radian / distance).min())
    return nearest * (1 - 1e-6), nearest * (1 + 1e-6)


def changes(flight: Flight, cameras: list[Camera]) -> tuple[float, float]:
    """Share of pixels that change visibly at a swap, and the largest height in pixels by which
    vertices jump."""
    view = flight.scene.settings.view
    shares = []
    jumps = []
    for camera in cameras:
        usual = view.sse_px
        pictures = []
        vertices = []
        for view.sse_px in around_a_swap(flight, camera):
            offscreen.load(flight.scene, camera, SIZE)
            pictures.append(flight.draw(camera))
            own = drawn_vertices.read(flight.scene, camera, SIZE)
            vertices.append(dict(zip(flight.drawn(), own, strict=True)))
        view.sse_px = usual
        fine, coarse = vertices
        assert fine.keys() != coarse.keys()
        shares.append((np.abs(pictures[0] - pictures[1]).max(axis=-1) > 4).mean())
        for tile, own in coarse.items():
            quads = len(own) - 1
            for child in tile.children if tile not in fine else (tile,):
                if child not in fine:
                    continue
                if child == tile:
                    before = own
                    after = fine[tile]
                else:
                    half = quads // 2
                    row = half * (child.y & 1)
                    column = half * (child.x & 1)
                    before = own[row : row + half + 1, column : column + half + 1]
                    after = fine[child][::2, ::2]
                there = drawn_vertices.pixels(camera, before, SIZE)
                seen = ((there > 0) & (there < SIZE)).all(axis=-1)
                apart = there - drawn_vertices.pixels(camera, after, SIZE)
                jumps.append(np.hypot(*apart[seen].T).max(initial=0.0))
    return float(max(shares)), float(max(jumps))


def test_no_level_pops_in(flight, monkeypatch):
    """The same camera just before and just after tiles give way to their children: nothing moves or
    changes color."""
    flight.load_everything()
    cameras = [camera for number, camera in enumerate(tour(500)) if number % 50 == 3]
    share, jump = changes(flight, cameras)
    assert share < 1e-3
    assert jump < 0.1
    monkeypatch.setattr(
        "viewer.tiles.lod.morphs", lambda parent_px, sse_px: np.zeros(len(parent_px))
    )
    flight.scene.pane.current.source.nodes.version += 1
    share, jump = changes(flight, cameras)
    assert share > 0.01  # without morphs there is much to see
    assert jump > 0.5
