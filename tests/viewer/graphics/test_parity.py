"""GLSL and Python decode agree in meters, on every fixture and through both entries."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from neural.methods import METHODS
from neural.surface.tile_surface import TileSurface
from tests.support.common import FIXTURES, fixture_folders, load_fixture
from viewer.graphics.gpu_decoder import GPU_BACKENDS, TileDecoder, choose_backend
from viewer.graphics.page import LATTICE, TilePage
from viewer.tiles.source import gpu_input

HEIGHT_TOLERANCE_M = 1e-3
GRADIENT_TOLERANCE = 1e-4  # meters per meter
PREPARED_TOLERANCE = 2e-5  # of the prepared array's range
# lattice intervals: few, for the sake of software renderers; patch borders are among them
SAMPLES = 32


def double(arrays):
    return {name: np.asarray(value, np.float64) for name, value in arrays.items()}


@pytest.mark.parametrize("entry", GPU_BACKENDS)
@pytest.mark.parametrize(
    "folder", fixture_folders(), ids=lambda folder: folder.relative_to(FIXTURES).as_posix()
)
def test_gpu_and_numpy_agree(ctx, folder: Path, entry: str):
    if entry == "compute" and ctx.version_code < 430:
        pytest.skip("compute shaders need OpenGL 4.3")
    fixture = load_fixture(folder)
    surface = fixture.surface()
    page = TilePage(ctx)
    decoder = TileDecoder(ctx, fixture.method, fixture.weights, entry)
    flat = np.full((LATTICE, LATTICE), 7.0)
    page.write_surface(0, flat, np.dstack([flat, flat]))
    decoder.decode(
        gpu_input(surface), surface.scale_m, surface.side_m, page, layer=1, samples=SAMPLES
    )
    heights, gradients = (a[: SAMPLES + 1, : SAMPLES + 1] for a in page.read_surface(1))

    # Exact: the same function in double precision, so that the tolerances are the shader's alone.
    exact = TileSurface(
        surface.method,
        double(surface.weights),
        surface.latents.astype(np.float64),
        0.0,
        surface.scale_m,
        surface.valid,
        surface.side_m,
    )
    prepared = decoder.prepared(surface.latents)
    by_passes = surface.method.prepare_passes() or surface.method.node_passes()
    assert (prepared is None) == (not by_passes)
    if prepared is not None:
        assert set(prepared) == set(exact.prepared)
        for name, want in exact.prepared.items():
            assert prepared[name].shape == want.shape
            assert np.abs(prepared[name] - want).max() <= PREPARED_TOLERANCE * np.ptp(want)

    at = np.arange(SAMPLES + 1) / SAMPLES
    want = exact.heights(at, at, order=1)
    assert np.ptp(want.meters) > 10  # relief, not a plane that anything agrees on
    assert max(np.abs(want.east).max(), np.abs(want.north).max()) > 0.3
    assert np.abs(heights - want.meters).max() <= HEIGHT_TOLERANCE_M
    assert np.abs(gradients[..., 0] - want.east).max() <= GRADIENT_TOLERANCE
    assert np.abs(gradients[..., 1] - want.north).max() <= GRADIENT_TOLERANCE
    np.testing.assert_array_equal(page.read_surface(0)[0], flat)  # other layers are left alone
    decoder.release()
    page.release()


@pytest.mark.parametrize(
    ("renderer", "version", "asked", "entry"),
    [
        ("NVIDIA H100/PCIe/SSE2", 460, "auto", "compute"),
        ("NVIDIA H100/PCIe/SSE2", 460, "4.1", "fragment"),
        ("Apple M2", 410, "auto", "fragment"),
        ("llvmpipe (LLVM 15.0.6, 256 bits)", 450, "auto", "numpy"),
        ("Google SwiftShader", 450, "4.1", "numpy"),
    ],
)
def test_the_entry_suits_the_renderer(renderer, version, asked, entry):
    context = SimpleNamespace(info={"GL_RENDERER": renderer}, version_code=version)
    assert choose_backend(context, asked) == entry


def test_every_method_has_a_fixture():
    assert {folder.parent.name for folder in fixture_folders()} == set(METHODS)
