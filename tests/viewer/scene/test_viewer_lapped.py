"""A layer whose tiles decode from one another, in a scene: numpy and both shaders agree, edges
meet, bits drop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neural.encode import EncodeOptions, encode
from neural.raster.reading import ReadOptions
from tests.support.lapped_area import rough
from tests.support.rasters import write
from tests.support.scene_tools import SIZE, image, open_file, whole_area
from viewer.graphics.gpu_decoder import GPU_BACKENDS
from viewer.model import layers
from viewer.pictures import offscreen
from viewer.scene import labels
from viewer.scene.scene import Scene

STEP_M = 0.1


@pytest.fixture(scope="module")
def lapped_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lapped")
    options = EncodeOptions(
        step_m=STEP_M,
        reference_m=0.01,
        reading=ReadOptions(crs="local", unit="m"),
        link_decoder=True,
    )
    encode(write(folder / "dem.tif", rough(540, 300)), folder / "lapped.ntile", options)
    return folder / "lapped.ntile"


@pytest.mark.parametrize("entry", GPU_BACKENDS)
def test_shaders_draw_what_numpy_decodes(ctx, scene, target, lapped_file, entry):
    if entry == "compute" and ctx.version_code < 430:
        pytest.skip("compute shaders need OpenGL 4.3")
    scene.settings.view.sse_px = 0.5
    gpu_scene = Scene(ctx, scene.settings)
    gpu_scene.decode_backend = entry
    pictures = []
    picks = []
    for each in (scene, gpu_scene):
        open_file(each, lapped_file)
        camera = whole_area(each, pitch_deg=-45.0)
        offscreen.load(each, camera, SIZE)
        pictures.append(image(each, target, camera))
        picks.append(each.pick(camera, 100, 100))
        assert each.stats.tiles_drawn > 1
        assert 0 < each.stats.edge_gap_m < 1e-4  # rounding alone: neighbors share their nodes
    gpu_scene.release()
    assert (np.abs(pictures[0] - pictures[1]).max(axis=-1) > 2).mean() < 1e-3
    assert pictures[0].std() > 10
    assert picks[1].z_m == pytest.approx(picks[0].z_m, abs=1e-3)
    assert picks[1].slope_deg == pytest.approx(picks[0].slope_deg, abs=0.01)


def test_errors_grow_as_bits_are_dropped(scene, lapped_file):
    scene.settings.view.sse_px = 0.5
    scene.settings.overlay.name = "error"
    open_file(scene, lapped_file)
    camera = whole_area(scene)
    layer = scene.reader.layers[0]
    errors = []
    for bits in (8, 7, 6, 5):
        layers.keep_bits(layer, scene.settings.layer, bits)
        offscreen.load(scene, camera, SIZE)
        assert labels.active_label(scene)[1] == layers.label(layer, scene.settings.layer)
        errors.append(scene.error_stats.rmse_m)
    assert errors == sorted(errors)
    assert errors[0] < 0.5 * STEP_M < errors[-1]
