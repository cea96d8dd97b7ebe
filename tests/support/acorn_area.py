"""A made-up area as a .ntile file with an ACORN layer, whose weights are solved for, not trained,
and a reference layer.

The encoder's hidden layer is random and has more units than there are blocks, so that its last
layer can give every block the features that it should have: the heights at its nodes, in one
channel, which the decoder passes on. The layer is then the best interpolation of the heights that
blocks of these places allow. Plains below `PLAIN_M` are blocks of a single height.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from neural.container.metadata import LayerDraft
from neural.container.staging import Stage, StagedTile
from neural.container.writer import write_archive
from neural.encoding.pyramid import build
from neural.grid import Grid
from neural.methods.acorn import Acorn
from neural.methods.reference import Reference, encode_raster
from tests.support import areas

GRID = Grid("", (4.0, 0.0, 1000.0, 0.0, -4.0, 9000.0), 900, 700)  # 3 levels, 12 + 4 + 1 tiles
TOLERANCE_M = 0.01
PLAIN_M = 690.0
HOLE = (1000.0 + 4 * 128, 9000.0 - 4 * 128, 4 * 230.0)
"""Center and radius of the area without data, meters: it has whole blocks inside."""
BLOCKS = 96
METHOD = Acorn(
    width=GRID.width,
    height=GRID.height,
    side=8,
    channels=4,
    frequencies=6,
    encoder_width=128,
    encoder_layers=0,
    decoder_width=4,
)
OFFSET_M = 800.0
SCALE_M = 300.0
STATS = {
    "parameters": 34_000,
    "block_budget": BLOCKS,
    "training_steps": 2000,
    "training_seconds": 75.0,
    "curve_steps": [0, 500, 1000, 1500, 2000],
    "curve_psnr_db": [12.0, 31.0, 36.5, 38.0, 41.2],
    "retiling_steps": [600, 1800],
    "retiling_moves": [40, 12],
}


def heights(east: np.ndarray, south: np.ndarray) -> np.ndarray:
    """Meters at places given by meters east and south of the north-western corner: ridges that get
    rough towards the south-east, and a plain between them."""
    x = east / 500
    y = south / 500
    rough = np.clip((x + y - 5) / 7, 0, 1) ** 3
    coarse = 130 * np.sin(0.9 * x + np.sin(0.8 * y)) + 90 * np.cos(0.8 * y - 0.6 * x)
    fine = 60 * np.sin(7 * x) * np.sin(6 * y) + 25 * np.sin(17 * x + 13 * y)
    return np.maximum(800 + coarse + rough * fine, PLAIN_M)


class Plains(areas.Area):
    """The area as a raster."""

    name = "plains"

    def __init__(self) -> None:
        super().__init__(GRID, heights, HOLE)


def partition() -> np.ndarray:
    """The blocks of the area, float64 [n, 6]: the worst is split until there are `BLOCKS`."""
    samples, valid = Plains().read(0, 0, GRID.height, GRID.width)
    rows = [_block(samples, valid, 0, 0, 0)]
    while sum(row is not None and row[3] == 1 for row in rows) < BLOCKS - 3:
        worst = max(
            (row for row in rows if row is not None and row[0] < METHOD.max_scale),
            key=lambda row: row[5] ** 2 * 4.0 ** -row[0],
        )
        rows.remove(worst)
        scale, x, y = (int(part) for part in worst[:3])
        for k in range(4):
            rows.append(_block(samples, valid, scale + 1, 2 * x + k % 2, 2 * y + k // 2))
    return np.array([row for row in rows if row is not None])


def _block(
    samples: np.ndarray, valid: np.ndarray, scale: int, x: int, y: int
) -> tuple[float, ...] | None:
    """A block's row, or None without data."""
    side = 256 << METHOD.levels - 1 >> scale
    rows = slice(y * side, (y + 1) * side)
    columns = slice(x * side, (x + 1) * side)
    inside = valid[rows, columns]
    if not inside.any():
        return None
    block = samples[rows, columns]
    if np.ptp(block[inside]) == 0:
        return (scale, x, y, 2, (block[inside][0] - OFFSET_M) / SCALE_M, 0.0)
    nodes = _nodes(scale, x, y)
    places = (np.arange(side) + 0.5) / side * (METHOD.side - 1)
    cell = places.astype(int)
    weights = np.zeros((side, METHOD.side))
    weights[np.arange(side), cell] = cell + 1 - places
    weights[np.arange(side), cell + 1] = places - cell
    off = (weights @ nodes @ weights.T)[: block.shape[0], : block.shape[1]] - block
    return (scale, x, y, 1, 0.0, float(np.sqrt(np.mean(off[inside] ** 2))))


def _nodes(scale: int, x: int, y: int) -> np.ndarray:
    side_m = GRID.cell_x_m * (256 << METHOD.levels - 1) / 2**scale
    line = np.arange(METHOD.side) / (METHOD.side - 1)
    return heights(*np.meshgrid((x + line) * side_m, (y + line) * side_m))


def weights(blocks: np.ndarray) -> dict[str, np.ndarray]:
    """The network of these blocks."""
    rng = np.random.default_rng(0)
    values = {}
    for name, shape in METHOD.weight_shapes().items():
        spread = 2.0 / np.sqrt(shape[0]) if name.endswith("weight") else 1.0
        values[name] = rng.normal(0, spread, shape) if name.startswith("encoder0") else 0
        values[name] = np.broadcast_to(values[name], shape).astype(np.float32)
    rows = blocks[blocks[:, 3] == 1]
    hidden = METHOD.encoder_inputs(rows) @ values["encoder0_weight"] + values["encoder0_bias"]
    targets = np.zeros((len(rows), METHOD.side**2, METHOD.channels))
    for number, (scale, x, y) in enumerate(rows[:, :3].astype(int).tolist()):
        targets[number, :, 0] = (_nodes(scale, x, y).ravel() - OFFSET_M) / SCALE_M
    solved = np.linalg.lstsq(np.maximum(hidden, 0), targets.reshape(len(rows), -1), rcond=None)[0]
    values["encoder1_weight"] = solved.astype(np.float32)
    values["decoder0_weight"] = np.zeros((4, 4), np.float32)
    values["decoder0_weight"][0, :2] = 1, -1  # x = ReLU(x) − ReLU(−x)
    values["decoder1_weight"] = np.eye(4, dtype=np.float32)
    values["decoder2_weight"] = np.array([[1], [-1], [0], [0]], np.float32)
    return values


def write(out: Path) -> Path:
    """Encode the area."""
    blocks = partition()
    decoder = save(weights(blocks))
    sha = hashlib.sha256(decoder).hexdigest()
    exact = Reference(TOLERANCE_M)
    with Stage.open(out, "plains") as stage:
        neural = []
        reference = []
        for tile in build(Plains()):
            whole = np.array_equal(tile.valid, GRID.tile_inside(tile.tile))
            common = tile.children, tile.info, None if whole else tile.valid
            body = METHOD.pack(METHOD.tile_table(tile.tile, blocks), 32, {})
            neural.append(StagedTile(0, tile.tile, OFFSET_M, SCALE_M, *common, body))
            offset_m, scale_m, latents = encode_raster(tile.heights, tile.valid, TOLERANCE_M)
            body = exact.pack(latents, 32, {})
            reference.append(StagedTile(1, tile.tile, offset_m, scale_m, *common, body))
        stage.put_group(0, neural)
        stage.put_group(1, reference)
        scales = blocks[blocks[:, 3] == 1, 0].astype(int)
        stats = STATS | {
            "blocks_per_scale": np.bincount(scales).tolist(),
            "constant_blocks": int((blocks[:, 3] == 2).sum()),
        }
        drafts = [
            LayerDraft("acorn", METHOD.config(), 32, sha, title="ACORN", stats=stats),
            LayerDraft("reference", exact.config(), 32, tolerance_m=TOLERANCE_M, title="Reference"),
        ]
        write_archive(
            out,
            GRID,
            drafts,
            stage,
            lambda layer, row: row.latents,
            {sha: decoder},
            {"attribution": "made up"},
        )
    return out
