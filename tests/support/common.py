"""Checks that every method shares, and the frozen fixtures they run on.

A fixture is a folder tests/fixtures/<method>/<name>/ with fixture.json (config, placement; bits and
params of a payload), weights.safetensors, body.bin and expected.npz; where tiles do not decode
alone latents.npz takes the place of body.bin. `python -m tests.support.common METHOD` writes
a missing one by the method's function in WRITERS; nothing rewrites one that exists, because old
files must keep decoding to the same surface.
"""

from __future__ import annotations

import json
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load_file, save_file

from neural.methods import METHODS
from neural.methods.base import LinkedMethod, Method, TileMethod
from neural.surface.tile_surface import TileSurface
from neural.tiles import TILE, Tile

if TYPE_CHECKING:
    from neural.methods.acorn import Acorn

FIXTURES = Path(__file__).parents[1] / "fixtures"
LATTICE_U = np.array([0.0, 0.001, 0.0605, 0.0625, 0.2, 0.3333, 0.5, 0.75, 0.90625, 0.999, 1.0])
LATTICE_V = np.array([0.0, 0.03125, 0.125, 0.4999, 0.5, 0.611, 0.8, 0.9375, 1.0])


@dataclass(frozen=True)
class Fixture(ABC):
    """One tile and the surface it must decode to."""

    name: str
    method: Method
    weights: dict[str, np.ndarray]
    offset_m: float
    scale_m: float
    side_m: float
    expected: dict[str, np.ndarray]  # u, v, meters, east, north, laplacian

    @abstractmethod
    def latents(self) -> np.ndarray: ...

    def surface(self) -> TileSurface:
        side = (self.side_m, self.side_m)
        valid = np.ones((TILE, TILE), bool)
        return TileSurface(
            self.method, self.weights, self.latents(), self.offset_m, self.scale_m, valid, side
        )


@dataclass(frozen=True)
class TileFixture(Fixture):
    """A stored payload."""

    method: TileMethod
    body: bytes
    bits: int
    params: dict[str, np.ndarray]

    def latents(self) -> np.ndarray:
        return self.method.unpack(self.body, self.bits, self.params)


@dataclass(frozen=True)
class LinkedFixture(Fixture):
    """Stored latents: a payload would need those of other tiles."""

    stored: np.ndarray

    def latents(self) -> np.ndarray:
        return self.stored


def fixture_folders() -> list[Path]:
    """Every stored fixture, in order."""
    return sorted(path.parent for path in FIXTURES.glob("*/*/fixture.json"))


def load_fixture(folder: Path) -> Fixture:
    facts = json.loads((folder / "fixture.json").read_text())
    method = METHODS[folder.parent.name](**facts["config"])
    common: dict[str, Any] = {
        "name": f"{folder.parent.name}/{folder.name}",
        "weights": {
            name: value.astype(np.float32)
            for name, value in load_file(folder / "weights.safetensors").items()
        },
        "expected": _expected(folder),
        **{key: facts[key] for key in ("offset_m", "scale_m", "side_m")},
    }
    if not isinstance(method, TileMethod):
        stored = np.load(folder / "latents.npz")["latents"].astype(np.float32)
        return LinkedFixture(method=method, stored=stored, **common)
    params = {name: np.array(value, np.float32) for name, value in facts["params"].items()}
    body = (folder / "body.bin").read_bytes()
    return TileFixture(method=method, body=body, bits=facts["bits"], params=params, **common)


def _expected(folder: Path) -> dict[str, np.ndarray]:
    """A fixture's lattice and its surface there; the files spell "metres"."""
    stored = dict(np.load(folder / "expected.npz"))
    return {"meters" if key == "metres" else key: values for key, values in stored.items()}


def check_config(method: Method) -> None:
    """A method comes back equal from the JSON that files store."""
    assert METHODS[method.name](**json.loads(json.dumps(method.config()))) == method


def check_payload(method: TileMethod, latents: np.ndarray, tolerance: dict[int, float]) -> None:
    """pack → unpack keeps latents within a tolerance per bit depth; damaged lengths are refused."""
    import pytest

    for bits, limit in tolerance.items():
        params = method.fit_params([latents])
        body = method.pack(latents, bits, params)
        assert np.abs(method.unpack(body, bits, params) - latents).max() <= limit
        with pytest.raises(ValueError, match=r"body|stream|bytes"):
            method.unpack(body[:-1], bits, params)


def check_frozen_decode(fixture: Fixture) -> None:
    """The stored tile decodes to the stored surface: 0.1 mm, 1e-5 of the steepest slope, 1e-4 of
    the Laplacian.

    Matrix products round differently on every kind of processor; that shows most where slopes are
    steep.
    """
    want = fixture.expected
    got = fixture.surface().heights(want["u"], want["v"], order=2)
    assert np.abs(got.meters - want["meters"]).max() <= 1e-4
    assert np.abs(got.east - want["east"]).max() <= 1e-5 * max(1.0, np.abs(want["east"]).max())
    assert np.abs(got.north - want["north"]).max() <= 1e-5 * max(1.0, np.abs(want["north"]).max())
    assert np.abs(got.laplacian - want["laplacian"]).max() <= 1e-4 * np.abs(want["laplacian"]).max()


def check_derivatives(
    surface: TileSurface, u: np.ndarray, v: np.ndarray, relative: float = 5e-3
) -> None:
    """Analytic slopes and Laplacian are the finite differences of heights and slopes, relative to
    the largest."""
    step = 1e-4
    middle = surface.heights(u, v, order=2)
    length = 2 * step * surface.side_m[0]
    around = [
        surface.heights(u + du, v + dv, order=1)
        for du, dv in ((step, 0), (-step, 0), (0, -step), (0, step))
    ]
    ahead, behind, above, below = around
    # what rounding leaves of the slopes of a surface that has no curvature
    noise = 1e-4 * max(np.abs(middle.east).max(), np.abs(middle.north).max())
    east = (ahead.meters - behind.meters) / length
    north = (above.meters - below.meters) / length
    bend = (ahead.east - behind.east + above.north - below.north) / length
    for got, want in ((east, middle.east), (north, middle.north), (bend, middle.laplacian)):
        largest = relative * np.abs(want).max() if want.any() else noise
        assert np.abs(got - want).max() <= largest


def write_fixture(
    method: TileMethod,
    name: str,
    weights: dict[str, np.ndarray],
    latents: np.ndarray,
    bits: int,
    scale_m: float,
    # latents of the layer's other tiles: they widen the quantizer's range
    others: tuple[np.ndarray, ...] = (),
) -> None:
    params = method.fit_params([latents, *others])
    facts = {"bits": bits, "params": {key: value.tolist() for key, value in params.items()}}
    folder = _new_fixture(method, name, weights, scale_m, facts)
    (folder / "body.bin").write_bytes(method.pack(latents, bits, params))
    _write_expected(folder)


def write_linked_fixture(
    method: LinkedMethod, name: str, weights: dict[str, np.ndarray], latents: np.ndarray
) -> None:
    """Latents are stored as float16, so they must be of that type."""
    assert latents.dtype == np.float16
    folder = _new_fixture(method, name, weights, 1.0, {})
    np.savez_compressed(folder / "latents.npz", latents=latents)
    _write_expected(folder)


def _new_fixture(
    method: Method, name: str, weights: dict[str, np.ndarray], scale_m: float, more: dict[str, Any]
) -> Path:
    folder = FIXTURES / method.name / name
    folder.mkdir(parents=True)
    facts = {
        "config": method.config(),
        "offset_m": 812.5,
        "scale_m": scale_m,
        "side_m": 256.0,
        **more,
    }
    (folder / "fixture.json").write_text(json.dumps(facts, indent=1) + "\n")
    save_file(weights, folder / "weights.safetensors")
    return folder


def _write_expected(folder: Path) -> None:
    """The surface as it decodes now."""
    np.savez(folder / "expected.npz", u=LATTICE_U)
    surface = load_fixture(folder).surface()
    heights = surface.heights(LATTICE_U, LATTICE_V, order=2)
    fields = heights._asdict()
    np.savez_compressed(
        folder / "expected.npz",
        u=LATTICE_U,
        v=LATTICE_V,
        metres=fields.pop("meters"),
        **fields,
    )


def random_weights(method: Method, seed: int) -> dict[str, np.ndarray]:
    """Weights with the statistics of a decoder: SIREN spreads as published, heads that vary the
    modulations."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in method.weight_shapes().items():
        spread = 1.0 / np.sqrt(shape[0]) if name.endswith("weight") else 0.1
        if name.startswith(("alpha", "phi")):
            spread *= 0.3
        elif name.startswith("siren0"):
            spread = 0.29
        elif name.startswith(("siren1", "siren2")):
            spread = np.sqrt(2.0 / shape[0]) / 10.0
        base = (
            1.0
            if name.endswith("norm_scale") or (name.startswith("alpha") and name.endswith("_bias"))
            else 0.0
        )
        weights[name] = (base + spread * rng.normal(size=shape)).astype(np.float32)
    return weights


def _write_acorn() -> None:
    """Blocks of all kinds and scales: within a tile, across its rim, and at the area's."""
    from neural.methods.acorn import Acorn

    sizes = {"channels": 4, "frequencies": 4, "encoder_layers": 1, "decoder_width": 12}
    fine = Acorn(700, 600, side=16, encoder_width=12, **sizes)
    coarse = Acorn(700, 600, side=8, encoder_width=16, **sizes)
    paper = replace(fine, borders="paper", side=8)
    cases = (
        (fine, "blended_8bit", Tile(2, 1, 1), 8, 6),
        (coarse, "coarse_5bit", Tile(1, 1, 0), 5, 13),
        (paper, "paper_32bit", Tile(2, 1, 1), 32, 56),
        (replace(paper, coarse_samples=2), "coarse_paper_6bit", Tile(1, 0, 1), 6, 57),
    )
    for method, name, tile, bits, seed in cases:
        rng = np.random.default_rng(60 + seed)
        weights = {}
        for key, shape in method.weight_shapes().items():
            spread = np.sqrt(2.0 / shape[0]) if key.endswith("weight") else 0.2
            spread = 0.15 if key == "encoder2_weight" else spread  # features that vary gently
            weights[key] = (spread * rng.normal(size=shape)).astype(np.float32)
        latents = method.tile_table(tile, random_blocks(method, rng))
        assert {tuple(row) for row in latents[1:, 3:4]} == {(1,), (2,)}
        write_fixture(method, name, weights, latents, bits, scale_m=12.0)


def random_blocks(method: Acorn, rng: np.random.Generator) -> np.ndarray:
    """Blocks of an area, of random scales and kinds, float32 [n, 6]."""
    from neural.methods.acorn.blocks import NETWORK, PLAIN

    rows = []
    stack = [(0, 0, 0)]
    while stack:
        scale, x, y = stack.pop()
        side = (TILE << (method.levels - 1)) >> scale
        if x * side >= method.width or y * side >= method.height:
            continue
        if scale < method.max_scale and (scale < 2 or rng.random() < 0.4):
            stack += [(scale + 1, 2 * x + (k & 1), 2 * y + (k >> 1)) for k in range(4)]
        elif (draw := rng.random()) > 0.05:
            constant = float(np.float32(rng.normal())) if draw < 0.2 else 0.0
            kind = PLAIN if draw < 0.2 else NETWORK
            rows.append((scale, x, y, kind, constant, 2.0 ** int(rng.integers(-3, 4))))
    return np.array(rows, np.float32)


def _write_functa() -> None:
    from neural.methods.functa import Functa

    sizes = (
        (Functa(dim=22, width=16, depth=5), "shallow_8bit", 8, 30.0),
        (Functa(dim=40, width=48), "deep_5bit", 5, 24.0),
    )
    for seed, (method, name, bits, scale_m) in enumerate(sizes):
        rng = np.random.default_rng(20 + seed)
        weights = {}
        for key, shape in method.weight_shapes().items():
            # Published spreads; the output layer much wider and the first narrower, for relief
            # without wild slopes.
            spread = {"shift_weight": 0.05, "siren0_weight": 0.15}.get(
                key, np.sqrt(2.0 / shape[0]) / method.omega_0
            )
            spread = spread * 10 if shape[-1] == 1 else 0.02 if key.endswith("bias") else spread
            weights[key] = (spread * rng.normal(size=shape)).astype(np.float32)
        latents = rng.normal(size=(4, *method.latent_shape)).astype(np.float32) * np.float32(0.1)
        write_fixture(method, name, weights, latents[0], bits, scale_m, others=tuple(latents[1:]))


def _write_huvr() -> None:
    from neural.methods.huvr import Huvr

    tiny = Huvr(
        dim=8, hyper_width=16, hyper_hidden=32, hyper_depth=2, mlp_width=16, features=8, sigma=16.0
    )
    ragged = Huvr(
        patches=8,
        dim=10,
        hyper_width=18,
        hyper_hidden=30,
        hyper_depth=1,
        mlp_width=22,
        features=6,
        sigma=8.0,
        channels=1,
    )
    for seed, (method, name, bits, scale_m) in enumerate(
        ((tiny, "tiny_8bit", 8, 13.0), (ragged, "ragged_4bit", 4, 13.0))
    ):
        latents = (
            np.random.default_rng(30 + seed).normal(size=method.latent_shape).astype(np.float32)
        )
        write_fixture(
            method, name, random_weights(method, 40 + seed), latents, bits=bits, scale_m=scale_m
        )


def _write_huvr_siren() -> None:
    from neural.methods.huvr_siren import HuvrSiren

    tiny = HuvrSiren(dim=8, hyper_width=16, hyper_hidden=32, hyper_depth=2, siren_width=16)
    latents = np.random.default_rng(5).normal(size=tiny.latent_shape).astype(np.float32)
    write_fixture(tiny, "tiny_8bit", random_weights(tiny, 1), latents, bits=8, scale_m=40.0)
    wide = HuvrSiren(
        dim=32, hyper_width=24, hyper_hidden=32, hyper_depth=1, siren_width=64, global_token=False
    )
    latents = np.random.default_rng(6).normal(size=wide.latent_shape).astype(np.float32)
    write_fixture(wide, "wide_3bit", random_weights(wide, 2), latents, bits=3, scale_m=6.0)


def _write_lapped_siren() -> None:
    """Nodes whose coefficients fall with the frequency, over a spline through a smooth parent;
    sines off the grid."""
    from neural.methods.lapped.basis import HOP, SPLINE_HALO, cosine_transform, spline_coefficients
    from neural.methods.lapped.coder import TOTAL
    from neural.methods.lapped_siren import LappedSiren

    method = LappedSiren(hidden1=2, hidden2=2)
    rng = np.random.default_rng(50)
    weights = {key: np.zeros(shape, np.float32) for key, shape in method.weight_shapes().items()}
    weights["probability"][:] = TOTAL / weights["probability"].shape[1]
    for key, value in cosine_transform().items():
        weights[key] = (value * (1 + 0.03 * rng.normal(size=HOP))).astype(np.float32)
    latents = np.zeros(method.latent_shape, np.float16)
    side = latents.shape[1]  # of the nodes' part
    order = np.add.outer(np.arange(side) % HOP, np.arange(side) % HOP)
    latents[:side] = np.round(4 * 9 * rng.normal(size=(side, side)) / (1 + order) ** 1.5) / 4
    at = (2.0 * np.arange(-SPLINE_HALO, len(latents) - side - SPLINE_HALO + 2) + 1) / TILE
    parent = 90 * np.sin(4 * at + 5 * at[:, None] ** 2) - 60 * np.cos(7 * at[:, None])
    spline = np.round(8 * spline_coefficients(parent)) / 8
    latents[side:, : spline.shape[1]] = spline
    write_linked_fixture(method, "bent_sines", weights, latents)


def _write_reference() -> None:
    from neural.methods.reference import Reference, encode_raster

    y, x = np.mgrid[0:TILE, 0:TILE] / TILE
    heights = 20 * np.sin(5 * x + 3 * y * y) + np.random.default_rng(7).normal(size=(TILE, TILE))
    _, scale, latents = encode_raster(heights.astype(np.float32), np.ones((TILE, TILE), bool), 0.25)
    write_fixture(Reference(tolerance_m=0.25), "quarter_metre", {}, latents, bits=32, scale_m=scale)


def _write_trans_inr() -> None:
    from neural.methods.trans_inr import TransInr

    # Seeds for which no ReLU changes sign within 1.2e-4 of the points that tests difference at, or
    # within rounding (|z| < 1e-5) on the lattices that they compare: kinks have no derivative.
    for name, method, seed, bits, scale in (
        ("tiny_8bit", TransInr(dim=8, groups=4, width=16, encoding=8, sigma=4.0), 134, 8, 40.0),
        (
            "ragged_4bit",
            TransInr(dim=10, groups=10, width=20, encoding=16, sigma=5.0),
            218,
            4,
            25.0,
        ),
    ):
        latents = (
            np.random.default_rng(1000 + seed).normal(size=method.latent_shape).astype(np.float32)
        )
        write_fixture(method, name, random_weights(method, seed), latents, bits=bits, scale_m=scale)


WRITERS = {
    "acorn": _write_acorn,
    "functa": _write_functa,
    "huvr": _write_huvr,
    "huvr_siren": _write_huvr_siren,
    "lapped_siren": _write_lapped_siren,
    "reference": _write_reference,
    "trans_inr": _write_trans_inr,
}

if __name__ == "__main__":
    WRITERS[sys.argv[1]]()
