"""DEM → .ntile: pyramid, latents, staging, archive. Interrupted at any moment, the same command resumes."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

import neural
from neural.archive import write_archive
from neural.dem import Dem, open_dem
from neural.errors import UsageError
from neural.grid import Grid
from neural.metadata import LayerDraft
from neural.methods import METHODS
from neural.pyramid import PyramidTile, build, count_tiles
from neural.stage import Stage, StagedTile
from neural.tile_encoders import ModelEncoder, ReferenceEncoder, TileEncoder

BATCH = 8
"""Tiles per forward pass and per committed group: fixed, so that a resumed run repeats the same arithmetic."""

DEFAULT_MODELS = {
    "functa": "functa-small",
    "huvr": "huvr-small",
    "huvr_siren": "huvr_siren-small",
    "trans_inr": "trans_inr-small",
}
"""Shipped model of each learned method (assets/models)."""

Report = Callable[[int, int], None]
"""Called with (tiles done, upper bound of all tiles)."""


@dataclass(frozen=True)
class EncodeOptions:
    """What `ntile encode` was asked for."""

    methods: tuple[str, ...] = ("huvr_siren",)
    bits: int = 8
    models: tuple[str, ...] = ()  # shipped names or path stems, at most one per method; else its shipped one
    refine: int = 0  # steps of payload refinement
    reference_m: float | None = None  # tolerance of an added reference layer
    crs: str | None = None
    unit: str | None = None
    attribution: str | None = None  # credit line stored in the file
    link_decoder: bool = False
    jobs: int | None = None  # threads
    device: str = "auto"
    restart: bool = False


def encode(source: Path, out: Path, options: EncodeOptions, report: Report = lambda done, total: None) -> None:
    """Encode a DEM into `out`, which is never left partial. Raises NtileError of the fitting kind."""
    check_output(source, out)
    encoders = _encoders(options)
    with open_dem(source, crs=options.crs, unit=options.unit) as dem:
        key = _key(dem, source, encoders, options)
        with Stage.open(out, key, options.restart) as stage:
            _stage_tiles(dem, encoders, stage, report)
            _write(dem, out, encoders, stage, options)


def check_output(source: Path, out: Path) -> None:
    """Raise UsageError when the output would overwrite the input or cannot be a file."""
    if out.is_dir() or not out.parent.is_dir():
        raise UsageError(f"{out} cannot be written: give a file name in an existing folder.")
    if out.exists() and source.exists() and out.samefile(source):
        raise UsageError(f"{out} is the input: give another output name.")


def _encoders(options: EncodeOptions) -> list[TileEncoder]:
    """One encoder per layer, in the order asked for, the reference layer last."""
    if options.methods:
        require_torch("encoding")
    encoders: list[TileEncoder] = []
    stems = _stems(options)
    for name in options.methods:
        encoders.append(_model_encoder(name, stems[name], options))
        if options.bits not in METHODS[name].bit_choices:
            choices = ", ".join(map(str, METHODS[name].bit_choices))
            raise UsageError(f"--bits {options.bits} is not one of {choices}.")
    if options.reference_m is not None:
        if not options.reference_m > 0:
            raise UsageError(f"--reference {options.reference_m} must be a tolerance in metres above 0, e.g. 0.01.")
        encoders.append(ReferenceEncoder(options.reference_m))
    if not encoders:
        raise UsageError("nothing to encode: give --method, --reference or both.")
    return encoders


def require_torch(what: str) -> None:
    """Raise UsageError where torch is not installed."""
    if importlib.util.find_spec("torch") is None:
        raise UsageError(f"{what} needs torch: pip install 'terrain-viewer[encode]'.")


def _stems(options: EncodeOptions) -> dict[str, Path]:
    """Path stem of each method's model. Raises UsageError for a method without one, or two models of one method."""
    from neural.models.base import model_method, model_stem

    for name in options.methods:
        if name not in DEFAULT_MODELS:
            raise UsageError(f"method '{name}' has no model to encode with; choose from {', '.join(DEFAULT_MODELS)}.")
        if options.methods.count(name) > 1:
            raise UsageError(f"--method {name} is given twice: a file holds one layer per method and model.")
    stems: dict[str, Path] = {}
    for model in options.models:
        stem = model_stem(model)
        name = model_method(stem)
        if name not in options.methods:
            raise UsageError(f"{stem} holds a {name} model, not {' or '.join(options.methods)}: give --method {name}.")
        if name in stems:
            raise UsageError(f"--model {model}: {stems[name]} is a {name} model as well; give one model per method.")
        stems[name] = stem
    return {name: stems.get(name) or model_stem(DEFAULT_MODELS[name]) for name in options.methods}


def _model_encoder(name: str, stem: Path, options: EncodeOptions) -> ModelEncoder:
    import torch

    from neural.models.base import load_model

    if options.jobs:
        torch.set_num_threads(options.jobs)
    model, encoder_file, decoder_file = load_model(stem)
    identity = hashlib.sha256(encoder_file + decoder_file).hexdigest()
    return ModelEncoder(model, decoder_file, identity, options.device, options.refine)


def _key(dem: Dem, source: Path, encoders: list[TileEncoder], options: EncodeOptions) -> str:
    """Hash of all that decides the output; a work file with another key is not resumed."""
    stat = source.stat()
    facts = {
        "version": neural.__version__,
        "source": [stat.st_size, stat.st_mtime_ns, dem.grid.to_json()],
        "layers": [encoder.identity for encoder in encoders],
        "bits": options.bits,
        "link": options.link_decoder,
        "attribution": options.attribution,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _batches(tiles: Iterable[PyramidTile]) -> Iterator[list[PyramidTile]]:
    tiles = iter(tiles)
    while batch := list(islice(tiles, BATCH)):
        yield batch


def _stage_tiles(dem: Dem, encoders: list[TileEncoder], stage: Stage, report: Report) -> None:
    done, total, count = stage.done_groups(), count_tiles(dem.grid), 0
    for group, batch in enumerate(_batches(build(dem))):
        if group not in done:
            rows = []
            for layer, encoder in enumerate(encoders):
                for tile, (offset, scale, latents) in zip(batch, encoder.encode(batch), strict=True):
                    data = latents.astype(encoder.method.latent_dtype).tobytes()
                    rows.append(
                        StagedTile(
                            layer, tile.tile, offset, scale, tile.children, tile.info, stored_mask(tile, dem.grid), data
                        )
                    )
            stage.put_group(group, rows)
        count += len(batch)
        report(count, total)


def stored_mask(tile: PyramidTile, grid: Grid) -> np.ndarray | None:
    """The tile's validity, or None where it is what the grid's extent already says."""
    return None if np.array_equal(tile.valid, grid.tile_inside(tile.tile)) else tile.valid


def _write(dem: Dem, out: Path, encoders: list[TileEncoder], stage: Stage, options: EncodeOptions) -> None:
    def latents(method_index: int, row: StagedTile) -> np.ndarray:
        method = encoders[method_index].method
        return np.frombuffer(row.latents, method.latent_dtype).reshape(method.latent_shape)

    drafts, decoders = [], {}
    for index, encoder in enumerate(encoders):
        method = encoder.method
        sha = None
        if encoder.decoder is not None:
            sha = hashlib.sha256(encoder.decoder).hexdigest()
            decoders[sha] = encoder.decoder
        drafts.append(
            LayerDraft(
                method=method.name,
                config=method.config(),
                bits=options.bits if encoder.decoder is not None else method.bit_choices[0],
                decoder=sha,
                params=method.fit_params(latents(index, row) for row in stage.rows(index)),
                tolerance_m=encoder.tolerance_m,
                title=method.title,
            )
        )

    def body_of(index: int, row: StagedTile) -> bytes:
        return encoders[index].method.pack(latents(index, row), drafts[index].bits, drafts[index].params)

    provenance = {"source": dem.source, **({"attribution": options.attribution} if options.attribution else {})}
    linked = set(decoders) if options.link_decoder else set()
    write_archive(out, dem.grid, drafts, stage, body_of, decoders, provenance, linked)
