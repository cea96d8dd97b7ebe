"""A small made-up area as a .ntile file: a HUVR+SIREN layer with weights set by hand, and its
reference layer.

The weights make each 16×16 patch a plane: its mean height and its two slopes are the sines of three
angles, which a token carries as the cosines of the angle plus 0°, 120° and 240°. Layer norm leaves
such a token as it is (but for a factor √2), and quantizing it moves the planes, so the error grows
as the bits fall.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from neural.container.metadata import LayerDraft
from neural.container.staging import Stage, StagedTile
from neural.container.writer import write_archive
from neural.encoding.pyramid import HeightSource, PyramidTile, build
from neural.grid import Grid
from neural.methods.huvr_siren import HuvrSiren
from neural.methods.reference import Reference, encode_raster
from neural.tiles import TILE
from tests.support.common import TileFixture, fixture_folders, load_fixture

WKT = (
    'PROJCRS["ETRS89 / UTM zone 32N",BASEGEOGCRS["ETRS89",DATUM["European Terrestrial Reference '
    'System 1989",'
    'ELLIPSOID["GRS 1980",6378137,298.257222101]]],CONVERSION["UTM zone 32N",METHOD["Transverse '
    'Mercator"]],'
    'CS[Cartesian,2],AXIS["(E)",east],AXIS["(N)",north],LENGTHUNIT["metre",1],ID["EPSG",25832]]'
)
GRID = Grid(
    WKT, (2.0, 0.0, 600_000.0, 0.0, -2.0, 5_200_000.0), 300, 220, vertical_datum="EVRF2007 height"
)
TOLERANCE_M = 0.05
PATCHES = 16

METHOD = HuvrSiren(
    patches=PATCHES,
    dim=9,
    hyper_width=12,
    hyper_hidden=4,
    hyper_depth=1,
    siren_width=4,
    omega_0=1.0,
    global_token=False,
)
_ANGLES = 2 * np.pi * np.arange(3) / 3
_SMALL = 1 / 64  # sin(x/64) is x/64 to 1e-5 for |x| ≤ 1
_MEAN, _EAST, _SOUTH = range(3)  # which triple of a token carries what


class Hills:
    """Heights of the area, read like a raster."""

    name = "hills"
    grid = GRID
    read_ahead_cells = TILE

    def read(self, row: int, col: int, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
        y = np.arange(row, row + rows)[:, None] / 100
        x = np.arange(col, col + cols)[None, :] / 100
        ridges = 90 * np.sin(0.9 * x + 0.6 * np.sin(y)) + 60 * np.cos(1.3 * y - 0.4 * x)
        gullies = 9 * np.abs(np.sin(5.1 * x + 2.3 * y)) + 4 * np.sin(9.7 * y - 6.1 * x)
        lake = np.hypot(x - 2.2, y - 1.2) < 0.35
        inside = (y >= 0) & (y < GRID.height / 100) & (x >= 0) & (x < GRID.width / 100) & ~lake
        return (500 + ridges + gullies).astype(np.float32), inside


def write(
    out: Path,
    more: Sequence[TileFixture] = (),
    area: HeightSource | None = None,
    *,
    reference: bool = True,
) -> Path:
    """Encode the area, or another one; equal bytes every time.

    Each of `more` becomes a layer between the two, its tile everywhere. `reference` False leaves
    out the last one.
    """
    area = area or Hills()
    grid = area.grid
    decoder = save(_weights())
    sha = hashlib.sha256(decoder).hexdigest()
    decoders = {sha: decoder} | {_sha(fixture): save(fixture.weights) for fixture in more}
    tiles = list(build(area))
    with Stage.open(out, "hills") as stage:
        stage.put_group(0, [_neural(tile, grid) for tile in tiles])
        for layer, fixture in enumerate(more, 1):
            stage.put_group(layer, [_fixed(layer, tile, fixture, grid) for tile in tiles])
        last = 1 + len(more)
        if reference:
            stage.put_group(last, [_exact(last, tile, grid) for tile in tiles])
        max_abs = np.ones(METHOD.dim, np.float32)
        exact = Reference(TOLERANCE_M)
        drafts = [
            LayerDraft("huvr_siren", METHOD.config(), 8, sha, {"max_abs": max_abs}, title="Planes"),
            *(
                LayerDraft(
                    f.method.name,
                    f.method.config(),
                    f.bits,
                    _sha(f),
                    f.params,
                    title=f.method.title,
                )
                for f in more
            ),
            *[
                LayerDraft(
                    "reference", exact.config(), 32, tolerance_m=TOLERANCE_M, title="Reference"
                )
            ][:reference],
        ]

        def body_of(layer: int, row: StagedTile) -> bytes:
            if 0 < layer < last:
                return row.latents  # the fixture's body itself
            method = exact if layer else METHOD
            latents = np.frombuffer(row.latents, method.latent_dtype).reshape(method.latent_shape)
            return method.pack(latents, drafts[layer].bits, drafts[layer].params)

        write_archive(out, grid, drafts, stage, body_of, decoders, {"attribution": "made up"})
    return out


def one_fixture_per_method() -> list[TileFixture]:
    """A stored tile and decoder of every learned method whose tiles decode alone, with next to
    fewest bits.

    Of each method the smallest decoder.
    """
    loaded = (load_fixture(folder) for folder in fixture_folders())
    fixtures = [fixture for fixture in loaded if isinstance(fixture, TileFixture)]
    fixtures.sort(key=lambda fixture: -sum(weight.size for weight in fixture.weights.values()))
    found = {fixture.method.name: fixture for fixture in fixtures if fixture.weights}
    return [_repacked(fixture, fixture.method.bit_choices[-2]) for fixture in found.values()]


def _repacked(fixture: TileFixture, bits: int) -> TileFixture:
    return replace(
        fixture, bits=bits, body=fixture.method.pack(fixture.latents(), bits, fixture.params)
    )


def _sha(fixture: TileFixture) -> str:
    return hashlib.sha256(save(fixture.weights)).hexdigest()


def _staged(
    layer: int, tile: PyramidTile, offset_m: float, scale_m: float, latents: np.ndarray, grid: Grid
) -> StagedTile:
    whole = np.array_equal(tile.valid, grid.tile_inside(tile.tile))
    mask = None if whole else tile.valid
    return StagedTile(
        layer, tile.tile, offset_m, scale_m, tile.children, tile.info, mask, latents.tobytes()
    )


def _exact(layer: int, tile: PyramidTile, grid: Grid) -> StagedTile:
    offset_m, scale_m, latents = encode_raster(tile.heights, tile.valid, TOLERANCE_M)
    return _staged(layer, tile, offset_m, scale_m, latents.astype(Reference.latent_dtype), grid)


def _fixed(layer: int, tile: PyramidTile, fixture: TileFixture, grid: Grid) -> StagedTile:
    """The fixture's surface at the tile's heights."""
    low = float(tile.heights.min())
    high = float(tile.heights.max())
    shape = fixture.expected["meters"]
    stretch = (high - low) / float(np.ptp(shape))
    offset = (low + high) / 2 - stretch * float(shape.min() + np.ptp(shape) / 2 - fixture.offset_m)
    return _staged(
        layer, tile, offset, stretch * fixture.scale_m, np.frombuffer(fixture.body, np.uint8), grid
    )


def _neural(tile: PyramidTile, grid: Grid) -> StagedTile:
    """Means and slopes of the patches → angles → tokens."""
    low = float(tile.heights.min())
    high = float(tile.heights.max())
    offset = (low + high) / 2
    scale = (high - low) / 2
    side = TILE // PATCHES
    blocks = ((tile.heights - offset) / scale).reshape(PATCHES, side, PATCHES, side)
    local = (np.arange(side) + 0.5) / side * 2 - 1
    fit = local / (local @ local)
    values = [
        blocks.mean(axis=(1, 3)),
        blocks.mean(axis=1) @ fit,
        blocks.mean(axis=3).transpose(0, 2, 1) @ fit,
    ]
    angles = np.arcsin(np.clip(np.stack(values, axis=-1).reshape(-1, 3), -1, 1))
    tokens = np.cos(angles[:, :, None] + _ANGLES).reshape(-1, METHOD.dim)
    return _staged(0, tile, offset, scale, tokens.astype(METHOD.latent_dtype), grid)


def _weights() -> dict[str, np.ndarray]:
    """The decoder described above; every weight not set here is zero."""
    weights = {name: np.zeros(shape, np.float32) for name, shape in METHOD.weight_shapes().items()}
    for name in weights:
        if name.endswith("_norm_scale"):
            weights[name][:] = np.sqrt(0.5)  # undoes layer norm's division by the deviation √½
    for k in range(3):
        # in the hidden vector; the cosine follows, both come once more with the sign turned
        sine = 2 * k
        for sign, half in ((1, 0), (-1, 6)):
            weights["up_weight"][3 * k : 3 * k + 3, sine + half] = -2 / 3 * np.sin(_ANGLES) * sign
            weights["up_weight"][3 * k : 3 * k + 3, sine + half + 1] = (
                2 / 3 * np.cos(_ANGLES) * sign
            )
    # First layer: unit 0 is the slope along x times x, unit 1 the same along y.
    weights["siren0_weight"][[0, 1], [0, 1]] = _SMALL
    weights["alpha0_weight"][2 * _EAST, 0] = weights["alpha0_weight"][2 * _SOUTH, 1] = 1.0
    # Second: unit 0 adds them up. Third: unit 0 passes the sum on, unit 1 is the mean.
    weights["siren1_weight"][[0, 1], 0] = 1.0
    weights["alpha1_bias"][0] = weights["alpha2_bias"][0] = 1.0
    weights["siren2_weight"][0, 0] = 1.0
    weights["siren2_bias"][1] = np.pi / 2
    weights["alpha2_weight"][2 * _MEAN, 1] = 1.0
    weights["siren3_weight"][:2, 0] = 1 / _SMALL, 1.0
    return weights
