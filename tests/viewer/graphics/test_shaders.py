"""Shader assembly as text, and every program compiled on whatever OpenGL there is."""

from __future__ import annotations

import math
import re
from pathlib import Path

import moderngl
import numpy as np
import pytest

import shaders
from neural.methods import METHODS
from viewer.graphics import gl, gpu_decoder
from viewer.graphics.passes.background import BackgroundPass
from viewer.graphics.passes.bounds import BoundsPass
from viewer.graphics.passes.terrain import INSTANCE, TerrainPass, grid_mesh
from viewer.model import colormaps
from viewer.model.overlays import NAMES
from viewer.model.settings import HILLSHADES

ROOT = Path(shaders.__file__).parent
FILES = {
    "entry.frag": '#version 410 core\n#include "a.glsl"\n#include "b.glsl"\n#include '
    "<part>\nvoid main() {}",
    "a.glsl": '// a\n#include "b.glsl"\nfloat a;',
    "b.glsl": "float b;",
    "chosen.glsl": "float chosen;",
    "lost.frag": '#version 410 core\n\n#include "nowhere.glsl"',
    "late.frag": "// not first\n#version 410 core",
}


@pytest.fixture
def files(monkeypatch):
    def read(name: str) -> str:
        if name not in FILES:
            raise FileNotFoundError(name)
        return FILES[name]

    monkeypatch.setattr(shaders, "_read", read)


def test_includes_nest_and_happen_once(files):
    made = shaders.source("entry.frag", parts={"part": "chosen.glsl"})
    assert made.files == ("entry.frag", "a.glsl", "b.glsl", "chosen.glsl")
    assert made.text.count("float b;") == 1
    assert made.text.index("float b;") < made.text.index("float a;")
    assert "float chosen;" in made.text


def test_every_line_knows_its_file(files):
    made = shaders.source("entry.frag", parts={"part": "chosen.glsl"}, SIZE=4)
    found = {}
    line = 0
    number = 0
    for text in made.text.splitlines():
        directive = re.fullmatch(r"#line (\d+) (\d+)", text)
        if directive:
            line = int(directive[1])
            number = int(directive[2])
        else:
            found[text] = (made.files[number], line)
            line += 1
    assert found["float a;"] == ("a.glsl", 3)
    assert found["float b;"] == ("b.glsl", 1)
    assert found["void main() {}"] == ("entry.frag", 5)


def test_defines_follow_the_version_and_keep_zero(files):
    text = shaders.source(
        "entry.frag", parts={"part": "b.glsl"}, N=0, W=10.0, ON=False, E=1e-9, NAME="x"
    ).text
    assert text.splitlines()[:6] == [
        "#version 410 core",
        "#define N 0",
        "#define W 10.0",
        "#define ON 0",
        "#define E 1e-09",
        "#define NAME x",
    ]


def test_what_is_missing_is_named(files):
    with pytest.raises(
        FileNotFoundError, match=r"nowhere\.glsl is missing \(included by lost\.frag:3\)"
    ):
        shaders.source("lost.frag")
    with pytest.raises(KeyError, match=r"entry\.frag:4: no part <part>"):
        shaders.source("entry.frag")
    with pytest.raises(ValueError, match=r"late\.frag: the first line"):
        shaders.source("late.frag")


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("1:13(5): error: `x' undeclared", "b.glsl:13: error: `x' undeclared"),
        ("1(13) : error C1503: undefined variable", "b.glsl:13: error C1503: undefined variable"),
        ("ERROR: 1:13: 'x' : undeclared", "b.glsl:13: error: 'x' : undeclared"),
        ("7:1(1): error: far", "7:1: error: far"),
    ],
)
def test_logs_of_mesa_nvidia_and_apple_are_explained(log, said):
    assert shaders.explain(log, ("a.frag", "b.glsl")) == said


def test_parts_never_contain_main_and_entries_always_do():
    for path in ROOT.rglob("*.*"):
        if path.suffix in {".glsl", ".vert", ".frag", ".geom", ".comp"}:
            has_main = (
                re.search(r"\bvoid\s+main\s*\(", path.read_text(encoding="utf-8")) is not None
            )
            assert has_main == (path.suffix != ".glsl"), path


def test_each_method_and_each_overlay_has_its_file():
    assert gpu_decoder.missing_shaders(METHODS) == []
    assert all(shaders.exists(f"overlay/{name}.glsl") for name in NAMES)
    assert {path.stem for path in (ROOT / "hillshade").iterdir()} == set(HILLSHADES)


def test_grid_mesh_covers_the_tile_once_and_hangs_a_skirt():
    vertices, triangles = grid_mesh(8)
    corners = vertices[triangles]  # [m, 3, 3]
    surface = corners[(corners[:, :, 2] == 0).all(axis=1)]
    assert len(surface) == 2 * 8 * 8
    a, b, c = (surface[:, k, :2] for k in range(3))
    areas = ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2
    np.testing.assert_allclose(np.abs(areas), 0.5)
    assert (areas < 0).all() or (areas > 0).all()
    assert len(triangles) - len(surface) == 4 * 2 * 8
    assert set(np.unique(vertices[:, 2])) == {0, 1, 2, 3, 4}


def run_in_shader(ctx, library: str, call: str, x: np.ndarray, outputs: int) -> np.ndarray:
    """Run a library's function on float32 [n, 4]: `call` sets o0, o1, … from x. Returns [n,
    outputs, 4]."""
    body = (ROOT / "lib" / library).read_text(encoding="utf-8")
    names = [f"o{k}" for k in range(outputs)]
    main = (
        "in vec4 x;" + "".join(f"out vec4 {name};" for name in names) + f"void main() {{ {call}; }}"
    )
    program = ctx.program(vertex_shader=f"#version 410 core\n{body}\n{main}", varyings=names)
    out = ctx.buffer(reserve=outputs * x.nbytes)
    source = ctx.buffer(x)
    points = ctx.vertex_array(program, [(source, "4f", "x")])
    points.transform(out, moderngl.POINTS)
    got = np.frombuffer(out.read(), np.float32).reshape(-1, outputs, 4)
    for item in (points, program, out, source):
        item.release()
    return got


def test_sincos_is_as_exact_as_it_says(ctx):
    x = np.random.default_rng(5).uniform(-1000, 1000, (4096, 4)).astype(np.float32)
    x[:8, 0] = [0, np.pi / 4, np.pi / 2, np.pi, -np.pi / 2, 1000, -1000, 1e-6]
    got = run_in_shader(ctx, "sincos.glsl", "sincos(x, o0, o1)", x, 2)
    assert np.abs(got[:, 0] - np.sin(x.astype(np.float64))).max() <= 2e-7
    assert np.abs(got[:, 1] - np.cos(x.astype(np.float64))).max() <= 2e-7


def test_erf_and_exp_are_as_exact_as_they_say(ctx):
    x = np.random.default_rng(6).uniform(-6, 6, (4096, 4)).astype(np.float32)
    x[:6, 0] = [0, 1e-6, -1e-6, 30, -30, 1e10]
    got = run_in_shader(
        ctx, "gelu.glsl", "o0 = erf(x); o1 = gelu(x); o2 = exp_minus(8.0 * abs(x))", x, 3
    )
    exact = np.vectorize(math.erf)(x.astype(np.float64))
    assert np.abs(got[:, 0] - exact).max() <= 3e-7
    wide = x.astype(np.float64)
    gelu = 0.5 * wide * (1 + np.vectorize(math.erf)(wide / np.sqrt(2)))
    assert (np.abs(got[:, 1] - gelu) <= 3e-7 * np.maximum(1, np.abs(wide))).all()
    falling = np.exp(-8.0 * np.abs(wide))
    assert (np.abs(got[:, 2] - falling) <= 3e-7 * falling + 1e-37).all()


VARIANTS = [
    {},
    {"HOLES": 1},
    {"TINT": 1, "FOG": 1},
    {"SHADOWS": 1, "CASCADES": 3},
    {"DEPTH": 1},
    {"WIREFRAME": 1, "HOLES": 1},
    {"MORPH": 1},
]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("overlay", NAMES)
def test_terrain_programs_compile_and_take_what_they_are_sent(ctx, overlay, variant):
    drawing = TerrainPass(ctx)
    program = drawing.program(overlay, variant)
    attributes = {name for name in program if name.startswith(("i_", "in_"))}
    assert attributes <= {"in_grid", *(f"i_{name}" for name in INSTANCE.names)}
    assert {"in_grid", "i_origin", "i_stitch"} <= attributes
    assert ("i_parent" in attributes) == ("MORPH" in variant)
    assert ("i_extent" in attributes) == ("HOLES" in variant)
    drawing.release()


def test_other_passes_compile(ctx):
    for make in (BackgroundPass, BoundsPass):
        make(ctx).release()


def test_compile_errors_name_the_file_and_line(ctx, monkeypatch):
    read = shaders._read

    def broken(name: str) -> str:
        text = read(name)
        return (
            text.replace("\nvec3 color_of", "\nvec3 = color_of")
            if name == "lib/color_table.glsl"
            else text
        )

    monkeypatch.setattr(shaders, "_read", broken)
    lines = broken("lib/color_table.glsl").splitlines()
    number = next(k for k, line in enumerate(lines, start=1) if line.startswith("vec3 = "))
    with pytest.raises(gl.GlError, match=rf"lib/color_table\.glsl:{number}\b"):
        TerrainPass(ctx).program("none", {})


def test_color_tables_reach_the_gpu_unchanged(ctx):
    drawing = TerrainPass(ctx)
    for name in colormaps.names():
        table = drawing.table(name)
        light = np.frombuffer(table.read(), np.float32).reshape(-1, 4)[:, :3]
        encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        texels = np.rint(255 * encoded)
        np.testing.assert_allclose(texels, 255 * encoded, atol=1e-3)
        np.testing.assert_array_equal(texels[[0, -1]], colormaps.lut(name)[[0, -1]])
        assert np.abs(np.diff(texels, axis=0)).max() <= 1  # the nearest entry shows no steps
    drawing.release()


@pytest.mark.parametrize(
    ("asked", "versions", "reason", "said"),
    [
        (
            "auto",
            [430, 410],
            "libGL.so not loaded",
            "OpenGL is not installed (libGL.so not loaded); install it",
        ),
        (
            "auto",
            [430, 410],
            "eglCreateContext failed (0x3009)",
            "No OpenGL 4.1 or newer context could be made",
        ),
        ("4.3", [430], "eglCreateContext failed (0x3009)", "No OpenGL 4.3 context could be made"),
    ],
)
def test_an_unusable_opengl_is_one_sentence(monkeypatch, asked, versions, reason, said):
    tried = []

    def create_context(require, **options):
        tried.append(require)
        raise Exception(reason)

    monkeypatch.setattr(moderngl, "create_context", create_context)
    with pytest.raises(gl.GlError) as caught:
        gl.create_context(asked)
    assert tried == versions
    assert caught.value.exit_code == 3
    assert str(caught.value).startswith(said)
    assert str(caught.value).endswith("`apt-get install -y libegl1 libgl1`.")
    assert "\n" not in str(caught.value)
