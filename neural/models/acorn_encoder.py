"""Encoder of ACORN layers: stages the area once, trains one network on it, writes the blocks of
each tile."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import save

from neural.container.staging import Stage, StagedTile
from neural.encoding.acorn.area import Area
from neural.encoding.acorn.coarse_gaps import blocks_of_level
from neural.encoding.acorn.options import AcornOptions, Limits
from neural.encoding.acorn.settings import AcornSettings, preset_for
from neural.encoding.acorn.statistics import check_size
from neural.encoding.pyramid import PyramidTile
from neural.encoding.tile_encoders import Encoded, FinishedLayer, SingleTileEncoder
from neural.errors import NtileError, UsageError
from neural.grid import Grid
from neural.methods.acorn import Acorn
from neural.methods.acorn.blocks import COLUMNS, CONSTANT, ERROR, KIND, NETWORK, PLAIN
from neural.methods.acorn.weights import pack_weights
from neural.models.acorn_run import TrainingRun
from neural.models.acorn_training import AcornFit
from neural.models.base import pick_device
from neural.progress import Report, note
from neural.tiles import TILE

if TYPE_CHECKING:
    from neural.raster.dem import Dem

_CURVE_POINTS = 200


class AcornEncoder(SingleTileEncoder):
    """One network over the area; its weights are the layer's decoder."""

    method: Acorn

    def __init__(
        self, options: AcornOptions, limits: Limits, bits: int, device: str, threads: int = 1
    ) -> None:
        self.options = options
        self.limits = limits
        self.bits = bits
        self.threads = threads
        self.device = device
        pick_device(device)
        self.method = Acorn()  # of any area, until it is known
        self.decoder = None
        self.identity = ""
        self._area: Area | None = None

    @property
    def latent_dtype(self) -> str:
        """Heights, in a file beside the work file."""
        return "<f4"

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Heights of all cells; the work file has none of them."""
        return TILE, TILE

    def begin(self, stage: Stage, dem: Dem) -> None:
        """Open the memory-mapped heights of an encode begun before, or new ones. Raises UsageError
        where there is nothing to resume, NtileError where they are gone, DemError for an area
        smaller than a block."""
        path = stage.companion("heights")
        size = dem.grid.width, dem.grid.height
        sizes = preset_for(self.options.preset, size[0] * size[1]).sizes
        if not stage.done_groups():
            if max(size) < sizes.smallest_block:
                stage.discard()
            check_size(*size, sizes.smallest_block)
            if self.options.resume:
                stage.discard()
                raise UsageError(
                    f"{stage.path} holds no encode to resume: run once without --resume."
                )
            stage.companion("training").unlink(missing_ok=True)
            self._area = Area.create(path, *size)
            return
        self._area = Area.open(path, *size)
        if self._area is None:
            raise NtileError(
                f"{path} is missing or damaged, without it {stage.path} cannot be resumed; add "
                "--restart to begin anew."
            )

    def encode(self, tiles: Sequence[PyramidTile]) -> list[Encoded]:
        """Put the tiles' heights into the file beside the work file."""
        area = self._staged()
        for tile in tiles:
            area.put(tile)
        area.flush()
        return [Encoded(0.0, 1.0, np.zeros(0)) for _ in tiles]

    def finish(self, stage: Stage, index: int, dem: Dem, report: Report) -> FinishedLayer:
        """Train to the limit, then write weights and blocks, and measure the errors."""
        area = self._staged()
        settings = self.settings(area)
        self.method = method_for(settings, dem.grid, self.options.borders)
        fit = AcornFit(area, settings, self.options.seed, self.device)
        run = TrainingRun(fit, self.limits, stage.companion("training"), report, self.threads)
        run.resume(keep_budget=self.options.blocks is None)
        if self.limits.time_s == 0 and not fit.step:
            raise UsageError(
                "--time 0 writes the network that an interrupted encode has trained so far, and "
                f"{stage.path} holds none: give a time above 0."
            )
        run.run()
        note(report, "")  # its figures are not those of what follows
        fit.settle()
        blocks = leaf_table(fit)
        weights = pack_weights(fit.weights(), self.bits)
        self.decoder = save(weights)
        self.identity = hashlib.sha256(self.decoder).hexdigest()
        for row in list(stage.rows(index)):
            stage.put(replace(row, offset_m=area.offset_m, scale_m=area.scale_m))

        levels = [
            blocks if settings.lod_nodes else blocks_of_level(blocks, area, coarser)
            for coarser in range(area.levels)
        ]

        def body_of(row: StagedTile) -> bytes:
            of_level = levels[area.levels - 1 - row.tile.z]
            return self.method.pack(self.method.tile_table(row.tile, of_level), self.bits, {})

        errors = self._measured(
            stage, index, dem, lambda row: self.method.unpack(body_of(row), self.bits, {})
        )
        draft = self._draft(self.bits, {})
        return FinishedLayer(replace(draft, stats=stats_of(run)), body_of, errors)

    def settings(self, area: Area) -> AcornSettings:
        """Return the preset of the options with what they change."""
        options = self.options
        settings = preset_for(options.preset, area.samples)
        is_cuda = pick_device(self.device).type == "cuda"
        return replace(
            settings,
            blocks=options.blocks or settings.blocks,
            partition=options.partition or settings.partition,
            lod_nodes=options.lod_nodes,
            per_step=None if is_cuda else settings.per_step,
        )

    def _staged(self) -> Area:
        assert self._area is not None, "begin() comes first"
        return self._area


def method_for(settings: AcornSettings, grid: Grid, borders: str) -> Acorn:
    """Return the method of a network over a grid."""
    sizes = settings.sizes
    return Acorn(
        width=grid.width,
        height=grid.height,
        side=sizes.rows,
        channels=sizes.channels,
        frequencies=sizes.frequencies,
        encoder_width=sizes.encoder_width,
        encoder_layers=sizes.encoder_layers,
        decoder_width=sizes.decoder_width,
        borders=borders,
        lod_nodes=settings.lod_nodes,
    )


def leaf_table(fit: AcornFit) -> np.ndarray:
    """Return the blocks of the area as `neural.methods.acorn.blocks` has them, float64 [n, 6]:
    scale, x, y, kind, constant (normalized), error in meters."""
    partition = fit.partition
    count = len(partition)
    table = np.zeros((count + len(partition.constants), COLUMNS))
    table[:count, :KIND] = partition.blocks
    table[:count, KIND] = NETWORK
    table[:count, ERROR] = fit.area.scale_m * np.sqrt(fit.block_errors(partition.blocks))
    table[count:, :KIND] = partition.constant_blocks
    table[count:, KIND] = PLAIN
    table[count:, CONSTANT] = (partition.values - fit.area.offset_m) / (fit.area.scale_m or 1.0)
    return table


def stats_of(run: TrainingRun) -> dict[str, Any]:
    """Return the training in numbers, for the layer: curve and partitions over time, thinned."""
    fit = run.fit
    rows = fit.history
    keep = sorted({round(k * (len(rows) - 1) / (_CURVE_POINTS - 1)) for k in range(_CURVE_POINTS)})
    curve = [rows[k] for k in keep] if rows else []
    tilings = fit.retilings[-_CURVE_POINTS:]
    # a file of so many steps is the same whenever it is made
    times = {
        "training_seconds": round(run.seconds, 1),
        "training_cpu_seconds": round(fit.cpu_seconds, 1),
    }
    return {
        **({} if run.limits.steps else times),
        "parameters": fit.settings.sizes.parameters,
        "blocks_per_scale": fit.retilings[-1]["blocks_per_scale"],
        "constant_blocks": len(fit.partition.constants),
        "block_budget": fit.settings.blocks,
        "training_steps": fit.step,
        "partition": fit.rule.name,
        "seed": fit.seed,
        "curve_steps": [int(row["step"]) for row in curve],
        "curve_psnr_db": [round(row["psnr_db"], 2) for row in curve],
        "retiling_steps": [row["step"] for row in tilings],
        "retiling_moves": [row["moved"] for row in tilings],
        "retiling_blocks_per_scale": [row["blocks_per_scale"] for row in tilings],
    }
