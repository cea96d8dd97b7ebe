"""Tiles decoded by the GPU in a scene: workers only unpack, and what the CPU needs comes back from
the textures."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from neural.methods import base
from neural.methods.base import WEIGHT_COLUMNS
from neural.methods.huvr_siren import HuvrSiren
from neural.methods.lapped.basis import SINES
from neural.methods.lapped_siren import LappedSiren
from neural.surface.tile_surface import TileSurface
from neural.tiles import Tile
from tests.support.common import random_weights
from tests.support.scene_tools import SIZE, image, whole_area
from viewer.graphics.gpu_decoder import GPU_BACKENDS, TileDecoder
from viewer.graphics.tile_store import TileStore
from viewer.pictures import offscreen
from viewer.scene.scene import Scene
from viewer.tiles.source import SourceKey, TileSource

PLANES = 0
REFERENCE = 1  # layers of the hills


@pytest.fixture(params=GPU_BACKENDS)
def entry(ctx, request) -> str:
    if request.param == "compute" and ctx.version_code < 430:
        pytest.skip("compute shaders need OpenGL 4.3")
    return request.param


@pytest.fixture
def gpu_scene(ctx, scene, entry):
    """A scene with the settings of `scene` that decodes on the GPU."""
    other = Scene(ctx, scene.settings)
    other.decode_backend = entry
    yield other
    other.release()


@pytest.fixture
def lazy(monkeypatch):
    """Makes any first decode stage in numpy fail."""

    def prepare(self, weights, latents):
        raise AssertionError("numpy prepared a tile that the GPU decodes")

    return lambda: monkeypatch.setattr(HuvrSiren, "prepare", prepare)


def test_workers_leave_learned_tiles_to_the_gpu(scene, gpu_scene, target, hills_file, lazy):
    scene.open(hills_file)
    camera = whole_area(scene, pitch_deg=-45.0)
    offscreen.load(scene, camera, SIZE)
    by_numpy = image(scene, target, camera)
    hit = scene.pick(camera, 100, 100)
    gpu_scene.open(hills_file)  # whose root tells of outliers
    lazy()
    offscreen.load(gpu_scene, camera, SIZE)
    assert gpu_scene.stats.tiles_drawn == scene.stats.tiles_drawn > 1
    by_gpu = image(gpu_scene, target, camera)
    assert (np.abs(by_gpu - by_numpy).max(axis=-1) > 2).mean() < 1e-3
    assert by_gpu.std() > 10
    picked = gpu_scene.pick(camera, 100, 100)
    assert picked.tile == hit.tile
    assert picked.z_m == pytest.approx(hit.z_m, abs=1e-3)
    assert picked.slope_deg == pytest.approx(hit.slope_deg, abs=0.01)


def test_picking_leaves_the_framebuffer_bound(ctx, gpu_scene, target, hills_file):
    gpu_scene.open(hills_file)
    camera = whole_area(gpu_scene)
    offscreen.load(gpu_scene, camera, SIZE)
    target.use()
    assert gpu_scene.pick(camera, 100, 100) is not None
    assert ctx.detect_framebuffer().glo == target.glo


def test_profiles_are_those_of_the_numpy_decode(ctx, entry, hills_file):
    from neural.container.reader import open_reader

    with open_reader(hills_file) as reader:
        tile = Tile(0, 0, 0)
        stores = []
        profiles = []
        for decode in ("numpy", entry):
            store = TileStore(ctx, decode)
            source = TileSource(reader, SourceKey(PLANES, None), numpy_decode=decode == "numpy")
            store.load_now(source, tile)
            stores.append(store)
            profiles.append(store.resident(source, tile).profile)
        want, got = profiles
        assert got.lattice.shape == want.lattice.shape == (65, 65)
        np.testing.assert_allclose(got.lattice, want.lattice, atol=1e-3)
        for side in want.edges._fields:
            np.testing.assert_allclose(
                getattr(got.edges, side), getattr(want.edges, side), atol=1e-3
            )
        assert np.ptp(want.edges.north) > 1
        np.testing.assert_allclose(got.outline.lines, want.outline.lines, atol=1e-3)
        for store in stores:
            store.clear()


def test_a_frame_compiles_one_program_at_most(gpu_scene, hills_file, monkeypatch):
    gpu_scene.settings.layer.index = REFERENCE
    gpu_scene.open(hills_file, layer=REFERENCE)
    camera = whole_area(gpu_scene)
    offscreen.load(gpu_scene, camera, SIZE)
    made = [0]
    advance = TileDecoder.advance

    def counted(self):
        made[-1] += 1
        advance(self)

    monkeypatch.setattr(TileDecoder, "advance", counted)
    gpu_scene.settings.layer.index = PLANES
    while gpu_scene.current_choice.index != PLANES or not gpu_scene.ready:
        made.append(0)
        gpu_scene.update(camera, SIZE)
        assert gpu_scene.stats.tiles_drawn > 0  # the layer before stays until the new one is there
        gpu_scene.wait(0.1)
    functions = {
        step.function or step.name
        for step in gpu_scene.panes[0].current.source.decoder.method.prepare_passes()
    }
    assert max(made) == 1
    assert sum(made) == 1 + len(functions)


def test_a_surface_is_prepared_once_and_only_when_asked():
    calls = []

    class Counting(HuvrSiren):
        def prepare(self, weights, latents):
            calls.append(latents)
            return super().prepare(weights, latents)

    method = Counting(dim=4, hyper_width=8, hyper_hidden=8, hyper_depth=1, siren_width=4)
    weights = random_weights(method, 3)
    latents = np.ones(method.latent_shape, np.float32)
    surface = TileSurface(
        method, weights, latents, 0.0, 1.0, np.ones((256, 256), bool), (256.0, 256.0)
    )
    assert calls == []
    at = np.array([0.3])
    first = surface.heights(at, at).meters
    assert surface.heights(at, at).meters == first
    assert len(calls) == 1
    elsewhere = surface.with_prepared(
        {"modulations": np.zeros_like(surface.prepared["modulations"])}
    )
    assert elsewhere.heights(at, at).meters == pytest.approx(weights["siren3_bias"][0])
    assert surface.heights(at, at).meters == first
    assert len(calls) == 1


def test_weights_lie_where_their_defines_say():
    method = HuvrSiren(dim=6, hyper_width=10, hyper_hidden=14, hyper_depth=2, siren_width=8)
    weights = random_weights(method, 9)
    # the order they come in does not matter
    stored = method.weight_texture(dict(sorted(weights.items())))
    assert stored.texels.shape[1:] == (WEIGHT_COLUMNS, 4)
    assert stored.defines["WEIGHT_COLUMNS"] == WEIGHT_COLUMNS
    flat = stored.texels.reshape(-1)
    for name, weight in weights.items():
        rows = weight.reshape(-1, weight.shape[-1] if weight.shape[-1] > 1 else weight.size)
        stride = -(-rows.shape[1] // 4) * 4
        at = 4 * stored.defines[f"W_{name.upper()}"]
        block = flat[at : at + len(rows) * stride].reshape(len(rows), stride)
        np.testing.assert_array_equal(block[:, : rows.shape[1]], rows)
        assert not block[:, rows.shape[1] :].any()
    assert dataclasses.replace(method, dim=7).weight_texture({}) is None


def test_a_context_model_stays_off_the_gpu():
    method = LappedSiren()
    weights = {name: np.full(shape, 2.0) for name, shape in method.weight_shapes().items()}
    stored = method.weight_texture(weights)
    assert tuple(stored.first) == SINES
    assert len(stored.texels) == 1
    assert stored.texels.sum() == 2 * sum(weights[name].size for name in SINES) < 100


def test_every_passes_inputs_come_before_it():
    passes = HuvrSiren().prepare_passes()
    known = {"latents"}
    for step in passes:
        assert set(step.reads) <= known
        assert len(step.samplers or step.reads) == len(step.reads)
        assert step.name not in known
        assert max(step.rows, step.columns) <= 16384
        known.add(step.name)
    assert (passes[-1].name, passes[-1].rows, passes[-1].columns) == (
        "modulations",
        256,
        6 * 256 // 4,
    )


def test_weights_beyond_a_textures_rows_get_wider_ones(monkeypatch):
    monkeypatch.setattr(base, "LARGEST_TEXTURE", 2)
    method = HuvrSiren(dim=6, hyper_width=64, hyper_hidden=64, hyper_depth=2, siren_width=16)
    weights = random_weights(method, 9)
    stored = method.weight_texture(weights)
    assert stored.texels.shape[0] <= 2
    assert stored.texels.shape[1] == stored.defines["WEIGHT_COLUMNS"] > WEIGHT_COLUMNS
    at = 4 * stored.first["siren1_weight"]
    np.testing.assert_array_equal(
        stored.texels.ravel()[at : at + 256], weights["siren1_weight"].ravel()
    )
