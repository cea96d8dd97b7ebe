"""Arguments of the public Python API: every library's numbers and paths, or one sentence."""

import pathlib
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import viewer
from neural.container.reader import open_reader
from neural.decode import decode, plan
from neural.encode import EncodeOptions, encode
from neural.errors import NtileError
from neural.evaluate import evaluate
from neural.progress import no_report
from neural.raster.dem import open_dem
from neural.surface.sampling import SurfaceSampler
from neural.surface.tile_surface import SurfaceDecoder
from neural.tiles import Tile
from viewer.model.camera import Camera

SIZE = (48, 32)
RECURSIVE: list[object] = []
RECURSIVE.append(RECURSIVE)
NO_NUMBERS = [None, "5", b"5", True, np.nan, -np.inf, 1j, [1.0], np.zeros(2), 10**400, object()]
NO_COUNTS = [*(value for value in NO_NUMBERS if value is not None), 2.0, np.float64(2)]
NO_STEPS = ["5", b"5", True, 1j, [1.0], np.zeros(2), 10**400, object()]
NO_BITS = ["5", b"5", True, np.nan, 1j, [1.0], 8.0, object(), {8: 4}, [None]]
NO_FLAGS = ["yes", 1, None, np.zeros(1, bool), 0.0]
NO_PATHS = [None, "", 5, np.nan, "a\0b", [], object()]
NO_NUMBERS += [Decimal("sNaN"), Fraction(10**400, 3), RECURSIVE, 1e309]
NO_SIZES = [5, "64x48", (64,), (64, 48, 3), (64.0, 48), (True, 48), None, np.ones((2, 2)), (64, "")]
NO_POINTS = [None, 5, "a", [], [1, 2], [(1,)], [(1, 2, 3)], [("a", 2)], [(np.nan, 2)], [(1j, 2)]]


@pytest.fixture(scope="module")
def shown(hills_file):
    with viewer.Viewer(hills_file, size=SIZE, decorations=()) as it:
        yield it


@pytest.fixture(scope="module")
def reader(hills_file):
    with open_reader(hills_file) as opened:
        yield opened


def line_of(shown):
    west, south, east, north = shown.scene.reader.grid.bounds
    return [(west + 50, south + 50), (east - 50, north - 50)]


CALLS = {
    "size": (lambda v, x: viewer.Viewer(v.path, size=x), NO_SIZES),
    "path": (lambda v, x: viewer.Viewer(x), NO_PATHS),
    "compare": (lambda v, x: viewer.Viewer(v.path, compare=x), NO_PATHS[1:]),
    "reference": (lambda v, x: viewer.Viewer(v.path, reference=x), NO_PATHS[1:]),
    "method": (lambda v, x: viewer.Viewer(v.path, method=x), [5, [None], object(), {"a": 1}]),
    "bits": (lambda v, x: viewer.Viewer(v.path, bits=x), NO_BITS),
    "decorations": (lambda v, x: viewer.Viewer(v.path, decorations=x), [None, 5.5j, {"legend": 1}]),
    "gl_version": (lambda v, x: viewer.Viewer(v.path, gl_version=x), [4.3, None, b"auto", ["4.3"]]),
    "render size": (lambda v, x: v.render(x), [value for value in NO_SIZES if value is not None]),
    "render decorate": (lambda v, x: v.render(decorate=x), NO_FLAGS),
    "save out": (lambda v, x: v.save(x), NO_PATHS),
    "setter size": (lambda v, x: setattr(v, "size", x), NO_SIZES),
    "setter camera": (lambda v, x: setattr(v, "camera", x), [None, "top", Camera(z=np.nan)]),
    "view": (lambda v, x: v.look(x), [5, b"a", np.zeros(3), [], Camera(easting=np.inf)]),
    "view name": (lambda v, x: v.bookmarks.add(v.camera, x), [5, b"a", [], " ", "a.json"]),
    "old": (lambda v, x: v.bookmarks.rename(x, "new"), [None, 5, b"a"]),
    "bookmark name": (lambda v, x: v.bookmarks.delete(x), [None, 5, np.zeros(2)]),
    "bookmark camera": (lambda v, x: v.bookmarks.add(x, "a"), [None, "top", {}]),
    "heading_deg": (lambda v, x: v.camera.look(x, 0), NO_NUMBERS),
    "view z": (lambda v, x: v.look(Camera().to_json() | {"z": x}), NO_NUMBERS),
    "setting exaggeration": (lambda v, x: v.set(exaggeration=x), NO_NUMBERS),
    "setting split": (lambda v, x: v.set(split=x), NO_FLAGS),
    "setting overlay": (lambda v, x: v.set(overlay=x), [None, 5, b"slope", ["slope"], np.nan]),
    "setting msaa": (lambda v, x: v.set(msaa=x), NO_COUNTS),
    "save_project out": (lambda v, x: v.save_project(x), NO_PATHS),
    "open_project path": (lambda v, x: v.open_project(x), NO_PATHS),
    "path_of path": (lambda v, x: v.path_of(x), NO_PATHS),
    "path_of duration_s": (lambda v, x: v.path_of("orbit", x), [*NO_NUMBERS[1:], 0, -3]),
    "film out": (lambda v, x: v.film("orbit", x), NO_PATHS),
    "film fps": (lambda v, x: v.film("orbit", "out", fps=x), [*NO_NUMBERS[1:], 0, -1, 1e9]),
    "film resume": (lambda v, x: v.film("orbit", "out", resume=x), NO_FLAGS),
    "film progress": (lambda v, x: v.film("orbit", "out", progress=x), [5, "print"]),
    "frames fps": (lambda v, x: v.frames("orbit", fps=x), NO_NUMBERS[1:]),
    "x_px": (lambda v, x: v.pick(x, 1), NO_NUMBERS),
    "y_px": (lambda v, x: v.pick(1, x), NO_NUMBERS),
    "profile points": (lambda v, x: v.profile(x), NO_POINTS),
    "profile show": (lambda v, x: v.profile(line_of(v), show=x), NO_FLAGS),
    "kind": (lambda v, x: v.measure(x, line_of(v)), [None, "volume", 5, b"area"]),
    "measure points": (lambda v, x: v.measure("area", x), NO_POINTS),
    "source": (lambda v, x: encode(x, pathlib.Path("out.ntile"), EncodeOptions()), NO_PATHS),
    "encode out": (lambda v, x: encode(v.path, x, EncodeOptions()), NO_PATHS),
    "options": (lambda v, x: encode(v.path, "out.ntile", x), [None, {}, "fast"]),
    "step_m": (lambda v, x: encode(v.path, "o", EncodeOptions(step_m=x)), NO_STEPS),
    "encode jobs": (lambda v, x: encode(v.path, "o", EncodeOptions(jobs=x)), NO_COUNTS),
    "open_reader path": (lambda v, x: open_reader(x), NO_PATHS),
    "open_dem path": (lambda v, x: open_dem(x), NO_PATHS),
    "nodata": (lambda v, x: viewer.ReadOptions(nodata=x), [None, "0", [None], [True], 1j]),
    "grid": (lambda v, x: plan(x, None, None), [None, (100, 100)]),
    "models": (lambda v, x: encode(v.path, "o", EncodeOptions(models=(x,))), [None, "", 5]),
    "unit": (lambda v, x: viewer.ReadOptions(unit=x), [5, b"m", ["m"], np.nan]),
}


@pytest.mark.parametrize("call", CALLS)
def test_other_values_are_one_sentence_that_names_the_argument(shown, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    act, values = CALLS[call]
    for value in values:
        with pytest.raises(NtileError) as caught:
            act(shown, value)
        sentence = str(caught.value)
        assert "\n" not in sentence
        assert len(sentence) < 500
        name = call.split()[-1]
        assert name in sentence or name == "view", (value, sentence)
    assert not list(tmp_path.iterdir())
    shown.render()


def test_numbers_of_any_library(shown, hills_file, tmp_path):
    first = shown.render()
    shown.set(exaggeration=np.float32(2), split=np.bool_(True), msaa=np.int8(4), fog=Fraction(1, 4))
    shown.set(overlay=np.str_("slope"))
    shown.set(exaggeration=np.array(1), split=False, msaa=-1, fog=np.float16(0), overlay="none")
    for size in (np.array(SIZE), [np.uint16(48), np.int64(32)], (np.array(48), 32)):
        np.testing.assert_array_equal(shown.render(size), first)
    shown.size = np.array(SIZE)
    assert shown.size == SIZE
    assert shown.pick(np.float32(20), np.int16(20)) == shown.pick(20, 20)
    line = line_of(shown)
    numpy_line = np.array(line, np.float64)
    assert (
        shown.measure("distance", numpy_line).to_json() == shown.measure("distance", line).to_json()
    )
    shown.profile(numpy_line, show=np.bool_(True))
    shown.settings.measuring.profile = []
    camera = {name: np.float64(value) for name, value in shown.camera.to_json().items()}
    shown.look(camera)
    shown.look()
    shown.save(str(tmp_path / "a.png").encode(), SIZE)
    options = {
        "size": SIZE,
        "bits": np.int32(8),
        "method": np.str_("huvr_siren"),
        "decorations": "legend",
    }
    with viewer.Viewer(pathlib.Path(hills_file), **options) as other:
        assert other.settings.decorations.legend
        other.render()


def test_settings_changed_in_place_are_checked(shown):
    shown.settings.view.exaggeration = np.nan
    with pytest.raises(NtileError, match=r"view.exaggeration.*nan"):
        shown.render()
    shown.settings.view.exaggeration = 1.0
    first = shown.render()
    for kind in (Decimal, np.array, np.float32):
        shown.camera.fov_deg = kind(45)
        np.testing.assert_array_equal(shown.render(), first)
    assert shown.pick(1e308, 5) is None
    shown.camera.heading_deg = np.inf
    with pytest.raises(NtileError, match="heading_deg"):
        shown.pick(1, 1)
    shown.look()


def test_tiles_and_layers_of_a_reader(reader):
    tile = next(reader.tiles(0))
    stored = reader.payload_bytes(0, tile)
    assert reader.payload_bytes(np.int8(0), Tile(*np.array(tile))) == stored
    assert reader.read(reader.layers[0], tuple(tile)) is not None
    assert reader.run(np.uint8(0), np.int16(0)) == reader.run(0, 0)
    for wrong in (None, "0", -1, 99, 10**30, True, 0.0, slice(1), [0]):
        for call in (
            lambda wrong=wrong: reader.payload_bytes(wrong, tile),
            lambda wrong=wrong: reader.has(wrong, tile),
            lambda wrong=wrong: list(reader.tiles(wrong)),
            lambda wrong=wrong: reader.unpack(stored, wrong, tile),
        ):
            with pytest.raises(NtileError, match="layer cannot be"):
                call()
        with pytest.raises(NtileError, match="z cannot be"):
            reader.run(0, wrong)
    for wrong in (None, 5, "abc", (0, 0), (0, 0, 0.0), [0, 0, 0], Tile("0", 0, 0)):
        for call in (reader.payload_bytes, reader.has, reader.read):
            with pytest.raises(NtileError, match="tile cannot be"):
                call(0, wrong)
    for wrong in (None, 5, b"a"):
        with pytest.raises(NtileError, match="sha cannot be"):
            reader.decoder_bytes(wrong)
        with pytest.raises(NtileError, match="data cannot be"):
            reader.unpack(None, 0, tile)
    with pytest.raises(NtileError, match="name_or_index cannot be"):
        reader.layer(None)


def test_numbers_of_the_codec(reader, tmp_path):
    layer = reader.layers[0]
    sampler = SurfaceSampler.of(reader, layer)
    west, south, east, north = reader.grid.bounds
    x = (west + east) / 2
    y = (south + north) / 2
    height = sampler.at(x, y).meters
    assert sampler.at(np.float64(x), Fraction(y), np.int8(0)).meters == height
    for wrong in (None, "x", 1j, [object()], [[1], [1, 2]]):
        with pytest.raises(NtileError, match="easting cannot be"):
            sampler.at(wrong, y)
    for name in ("order", "level"):
        for wrong in ("1", 1.0, True, -1, 99, 1j):
            with pytest.raises(NtileError, match=f"{name} cannot be"):
                sampler.at(x, y, **{name: wrong})
    for wrong in ("8", 8.0, True):
        with pytest.raises(NtileError, match="keep_bits cannot be"):
            SurfaceDecoder(reader, layer, wrong)
    for wrong in (5.0, [], np.zeros((2, 2)), "x"):
        with pytest.raises(NtileError, match="eastings cannot be"):
            sampler.lattice(wrong, [y])
    np.testing.assert_array_equal(sampler.lattice([x], [y]).meters, [[height]])
    with pytest.raises(NtileError, match="keep_tiles cannot be"):
        SurfaceSampler(SurfaceDecoder(reader, layer), -1)
    for name, wrong in {"reader": None, "layer": 0}.items():
        with pytest.raises(NtileError, match=f"{name} cannot be"):
            SurfaceSampler.of(**{"reader": reader, "layer": layer} | {name: wrong})
    for wrong in (5, "abcd", [1, 2, 3], [1, 2, 3, np.nan], [1, 2, 3, "x"]):
        with pytest.raises(NtileError, match="bbox cannot be"):
            plan(reader.grid, wrong, None)
    with pytest.raises(NtileError, match="resolution_m cannot be"):
        plan(reader.grid, None, "5")
    target = plan(reader.grid, np.array(reader.grid.bounds), np.float32(200))
    for name, wrong in {"decoder": reader, "target": None, "report": 5}.items():
        given = {"decoder": SurfaceDecoder(reader, layer), "target": target, "report": no_report}
        with pytest.raises(NtileError, match=f"{name} cannot be"):
            decode(out=tmp_path / "no.tif", **given | {name: wrong})
    for name, wrong in {"reader": layer, "layer": 0, "reference": None, "report": 5}.items():
        given = {"reader": reader, "layer": layer, "reference": SurfaceDecoder(reader, layer)}
        with pytest.raises(NtileError, match=f"{name} cannot be"):
            evaluate(**given | {name: wrong})
    decode(SurfaceDecoder(reader, layer), str(tmp_path / "out.tif"), target)
