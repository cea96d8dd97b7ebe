"""Pictures without a window: in pieces as in one, decorated, of any size."""

from dataclasses import replace

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner

from neural.container.reader import open_reader
from tests.support.scene_tools import SIZE, whole_area, world_of
from viewer import __main__ as command
from viewer.gui import theme
from viewer.measuring import look
from viewer.model.camera import Camera
from viewer.model.settings import Measurement, Settings
from viewer.pictures import decorations, lettering, measured, offscreen, tiled
from viewer.pictures.png import png_bytes, write_strips
from viewer.scene.scene import Scene

PIECE = (97, 61)


@pytest.fixture
def mountains_scene(scene, mountain_file):
    scene.open(mountain_file)
    return scene


def test_pieces_cover_a_picture_once():
    seen = np.zeros((23, 41), int)
    for row in tiled.strips((41, 23), (10, 9)):
        assert len({(piece.top, piece.height) for piece in row}) == 1
        for piece in row:
            assert piece.width <= 10
            assert piece.height <= 9
            seen[piece.top : piece.top + piece.height, piece.left : piece.left + piece.width] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize("direction", [{"pitch_deg": -30.0, "heading_deg": 25.0}, {}])
def test_a_picture_in_pieces_is_the_picture(mountains_scene, direction):
    scene = mountains_scene
    scene.settings.view.sse_px = 1.0
    camera = whole_area(scene, **direction)
    camera.zoom(
        np.array([(scene.bounds.west + scene.bounds.east) / 2, scene.bounds.north - 1000, 1000.0]),
        0.6,
    )
    one = offscreen.draw(scene, camera, SIZE).astype(int)
    many = offscreen.draw(scene, camera, SIZE, PIECE).astype(int)
    off = np.abs(one - many).max(axis=2)
    assert (off > 3).mean() < 1e-3  # single samples on silhouettes, where float32 rounds otherwise
    assert off.mean() < 0.9  # the finest step, where noise hides bands
    # And not more at the seams than elsewhere.
    seams = off[:, [SIZE[0] * k // 4 + side for k in range(1, 4) for side in (-1, 0)]]
    assert seams.mean() < off.mean() + 0.5


def test_piece_cameras_look_through_their_pixels(mountains_scene):
    camera = whole_area(mountains_scene, pitch_deg=-30.0)
    piece = tiled.Piece(200, 20, 60, 50)
    part = tiled.PieceCamera.of(camera, SIZE, piece)
    size = piece.width, piece.height
    for x, y in ((0, 0), (30, 25), (60, 50), (17.5, 3)):
        direction = camera.ray(200 + x, 20 + y, SIZE)
        assert part.ray(x, y, size) == pytest.approx(direction, abs=1e-12)
        right, up, forward = part.pyramid(size)
        through = forward + (2 * x / size[0] - 1) * right + (1 - 2 * y / size[1]) * up
        assert through / np.linalg.norm(through) == pytest.approx(direction, abs=1e-12)
        clip = np.append(direction, 1.0) @ part.clip_from_world(size[0] / size[1], 0.1, 10.0)
        assert clip[:2] / clip[3] == pytest.approx(
            [2 * x / size[0] - 1, 1 - 2 * y / size[1]], abs=1e-9
        )


def test_strips_carry_the_decorations_of_the_whole(mountains_scene):
    scene = mountains_scene
    for kind in ("scale", "north", "credits"):
        setattr(scene.settings.decorations, kind, True)
    camera = whole_area(scene, pitch_deg=-40.0)
    size = 320, 240
    plain = offscreen.draw(scene, camera, size).astype(int)
    one = offscreen.draw(scene, camera, size, decorate=True).astype(int)
    strips = list(offscreen.strips(scene, camera, size, (320, 37), decorate=True))
    assert len(strips) == 7
    many = np.concatenate(strips).astype(int)
    assert (np.abs(one - plain).max(axis=2) > 8).mean() > 0.1
    assert (np.abs(one - many).max(axis=2) > 4).mean() < 2e-3


def test_a_scale_bar_is_as_long_as_it_says(mountains_scene):
    scene = mountains_scene
    scene.settings.view.exaggeration = 3.0  # changes neither the ground nor the bar
    camera = whole_area(scene)
    offscreen.load(scene, camera, SIZE)
    scene.settings.decorations.scale = True
    scene.settings.decorations.legend = False
    decorated = decorations.for_scene(scene, camera, SIZE)
    picture = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    decorated.paint(picture)
    ink = (picture == lettering.rgb(theme.TEXT)).all(axis=2)
    rows = np.flatnonzero(ink.sum(axis=1) > 30)
    columns = np.flatnonzero(ink[rows[0]])
    bar = columns[-1] - columns[0] + 1
    assert ink[rows[0]].sum() == bar

    middle = scene.pick(camera, SIZE[0] / 2, SIZE[1] / 2)
    east, _ = world_of(camera, scene.drawn_z(middle.z_m))
    meter_px = SIZE[0] / (east[100, -1] - east[100, 0]) * (SIZE[0] - 1) / SIZE[0]
    assert bar == pytest.approx(decorated.scale_m * meter_px, abs=1.0)
    assert decorated.scale_m in (200, 500, 1000, 2000)
    assert decorated.steep


def test_a_scale_needs_ground(mountains_scene):
    camera = whole_area(mountains_scene)
    camera.pitch_deg = 60.0
    offscreen.load(mountains_scene, camera, SIZE)
    assert decorations.meters_per_px(mountains_scene, camera, SIZE) is None


@pytest.mark.parametrize("heading", [0.0, 90.0, 200.0])
def test_the_arrow_points_north(heading):
    size = 480, 360
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    decorations.Decorations(size, north=(heading, -90.0)).paint(picture)
    red = (picture == lettering.rgb(theme.ERROR)).all(axis=2)
    y, x = np.argwhere(red).mean(axis=0)
    em = decorations.Decorations(size).em
    right = x + 0.5 - (size[0] - 3.2 * em)
    up = 3.2 * em - y - 0.5
    assert np.degrees(np.arctan2(right, up)) == pytest.approx(
        (180 - heading) % 360 - 180 if heading > 180 else -heading, abs=4
    )


def test_credits_wrap_and_stay_in_the_picture():
    size = 640, 360
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    decorations.Decorations(size, credits="Somebody who measured a lot, " * 4).paint(picture)
    rows, columns = np.nonzero(picture.any(axis=2))
    assert columns.min() > size[0] / 2 - 60
    assert columns.max() < size[0]
    assert rows.max() - rows.min() > 25


def test_pngs_in_strips_are_the_same_picture(tmp_path):
    import rasterio

    picture = np.random.default_rng(2).integers(0, 256, (50, 31, 3), np.uint8)
    write_strips(tmp_path / "a.png", (31, 50), [picture[:7], picture[7:8], picture[8:]])
    with (
        pytest.warns(rasterio.errors.NotGeoreferencedWarning),
        rasterio.open(tmp_path / "a.png") as file,
    ):
        assert np.array_equal(file.read().transpose(1, 2, 0), picture)
    assert len(png_bytes(picture)) > picture.nbytes

    def fails():
        yield picture[:7]
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        write_strips(tmp_path / "b.png", (31, 50), fails())
    with pytest.raises(ValueError, match="7 rows came for a picture of 50"):
        write_strips(tmp_path / "b.png", (31, 50), [picture[:7]])
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_only_pictures_that_need_it_are_cut(ctx):
    scene = Scene(ctx, Settings())
    assert offscreen.largest_piece(scene, (1280, 720)) == (1280, 720)
    side, rows = offscreen.largest_piece(scene, (30_000, 20_000))
    assert side <= offscreen.PIECE_PX
    assert 3 * 30_000 * rows <= offscreen.STRIP_BYTES
    assert rows > 100


def test_the_command_decorates(mountain_file, tmp_path, monkeypatch):
    launches = []
    monkeypatch.setattr(command, "run", launches.append)
    for value in ("all", "none", "scale, north"):
        assert (
            CliRunner().invoke(command.main, [str(mountain_file), "--decorations", value]).exit_code
            == 0
        )
    kinds = [vars(launch.settings.decorations) for launch in launches]
    assert [sum(kind.values()) for kind in kinds] == [5, 0, 2]
    assert kinds[2] == {
        "legend": False,
        "scale": True,
        "north": True,
        "credits": False,
        "measurements": False,
    }
    assert CliRunner().invoke(command.main, [str(mountain_file)]).exit_code == 0
    assert launches[3].settings.decorations == replace(Settings().decorations)


def test_what_is_measured_is_drawn_where_it_lies(mountains_scene):
    """A vertical view without relief to speak of: the line's pixels are those of its places, and
    its label is there."""
    scene = mountains_scene
    west, south, east, north, _, high = scene.bounds
    x = (west + east) / 2
    y = (south + north) / 2
    side = (east - west) / 6
    scene.settings.measuring.items = [
        Measurement("distance", [[x - side, y], [x + side, y]]),
        Measurement("point", [[x, y + side]]),
        Measurement("saw", [[x, y]]),  # from a newer project
    ]
    scene.settings.measuring.profile = [[x, y - side], [x + side, y - side]]
    camera = Camera(x, y, high + 8 * (east - west), 0.0, -90.0, 20.0)
    scene.settings.decorations.legend = False
    picture = offscreen.draw(scene, camera, SIZE, decorate=True)
    scene.settings.decorations.measurements = False
    bare = offscreen.draw(scene, camera, SIZE, decorate=True)
    assert 200 < (np.abs(picture.astype(int) - bare).max(axis=2) > 40).sum() < 5000
    for place, color in (
        ((x, y), look.LINE),
        ((x - side / 2, y), look.LINE),
        ((x, y + side), look.LINE),
        ((x + side / 2, y - side), look.PROFILE_LINE),
    ):
        column, row = camera.project(
            np.array([*place, scene.drawn_z(scene.surface_z(*place))]), SIZE
        )
        beside = picture[round(row) - 2 : round(row) + 2, round(column)].astype(int)
        assert np.abs(beside - lettering.rgb(color)).max(axis=1).min() < 60, place
    shapes = measured.shapes(scene, camera, SIZE)
    assert [shape.words[:3] for shape in shapes] == ["1  ", "2  ", ""]
    assert f"{2 * side:.0f}"[:2] in shapes[0].words
    whole = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    measured.paint(whole, shapes, 12)
    strips = [np.zeros((SIZE[1] // 2, SIZE[0], 3), np.uint8) for _ in range(2)]
    for k, strip in enumerate(strips):
        measured.paint(strip, shapes, 12, k * (SIZE[1] // 2))
    np.testing.assert_array_equal(np.concatenate(strips), whole[: SIZE[1] // 2 * 2])


def test_the_command_draws_what_it_measures(mountain_file, tmp_path):
    with open_reader(mountain_file) as reader:
        west, south, east, north = reader.grid.bounds
    line = f"{west + 0.2 * (east - west)},{north - 9} {east - 0.2 * (east - west)},{south + 9}"
    pictures = []
    for kinds in ("none", "measurements"):
        out = tmp_path / f"{kinds}.png"
        options = [
            "--size",
            "320x200",
            "--decorations",
            kinds,
            "--screenshot",
            str(out),
            "--out",
            str(tmp_path / "a.csv"),
        ]
        done = CliRunner().invoke(
            command.main, [str(mountain_file), "--headless", "--profile", line, *options]
        )
        assert done.exit_code == 0, done.output
        with pytest.warns(rasterio.errors.NotGeoreferencedWarning), rasterio.open(out) as file:
            pictures.append(file.read().astype(int))
    assert (np.abs(pictures[0] - pictures[1]).max(axis=0) > 40).sum() > 100
