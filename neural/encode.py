"""DEM → .ntile: pyramid, latents, staging, archive. Interrupted at any moment, the same command
resumes."""

from __future__ import annotations

import importlib.util
import math
import os
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from neural.container.reader import open_reader
from neural.container.staging import Stage, StagedTile
from neural.container.writer import write_archive
from neural.encoding import job
from neural.encoding.acorn import options as acorn_options
from neural.encoding.acorn.options import AcornOptions
from neural.encoding.job import BATCH
from neural.encoding.lapped.rate import Rate, step_of_quality
from neural.encoding.pyramid import PyramidTile, build, count_tiles
from neural.encoding.summary import EncodeSummary, summarize
from neural.encoding.tile_encoders import (
    FinishedLayer,
    LappedEncoder,
    ReferenceEncoder,
    TileEncoder,
)
from neural.errors import DemError, UsageError
from neural.grid import Grid
from neural.methods import METHODS
from neural.methods.base import LinkedMethod
from neural.methods.model_files import model_method, model_stem
from neural.progress import Report, no_report
from neural.raster.dem import Dem, open_dem
from neural.raster.facts import file_facts
from neural.raster.reading import AS_STORED, ReadOptions
from neural.system import arguments, output
from neural.system.blas import single_threaded

DEFAULT_METHOD = "lapped_siren"

WHOLE_AREA = acorn_options.METHOD
"""Method that is trained on the area itself, without a model."""

DEFAULT_MODELS = {
    "functa": "functa-small",
    "huvr": "huvr-small",
    "huvr_siren": "huvr_siren-small",
    "lapped_siren": "lapped_siren-base",
    "trans_inr": "trans_inr-small",
}
"""Shipped models by method (assets/models); a method without one needs `--model`."""


RATES = {
    "quality": "--quality",
    "step_m": "--step",
    "target_rmse_m": "--target-rmse",
    "bits_per_sample": "--bits-per-sample",
    "max_error_m": "--max-error",
}
"""Fields of `EncodeOptions` that set the rate of a `LinkedMethod`, at most one of them, with their
option."""

_UNSTAGED = {"methods", "models", "jobs", "device", "restart", "acorn", *RATES}
"""Fields of `EncodeOptions` that do not affect the staged tiles, or only through the encoders."""


@dataclass(frozen=True)
class EncodeOptions:
    """Options of `ntile encode`."""

    methods: tuple[str, ...] | None = None  # None: those of `models`; without any, DEFAULT_METHOD
    bits: int = 8  # per value of methods with a fixed count of values
    # Without any of the next five, see `neural.encoding.lapped.rate.resolved`.
    quality: float | None = None  # 0 … 100, see `neural.encoding.lapped.rate.step_of_quality`
    step_m: float | None = None  # quantization step of the finest level
    target_rmse_m: float | None = None
    bits_per_sample: float | None = None  # of the payloads of all levels and their directory
    max_error_m: float | None = None  # bound on every valid sample
    # shipped names or path stems, at most one per method; else its shipped one
    models: tuple[str, ...] = ()
    refine: int = 0  # steps of payload refinement
    reference_m: float | None = None  # tolerance of an added reference layer
    reading: ReadOptions = AS_STORED
    attribution: str | None = None  # credit line stored in the file
    link_decoder: bool = False
    jobs: int | None = None  # threads
    device: str = "auto"
    restart: bool = False
    acorn: AcornOptions = acorn_options.DEFAULTS


@single_threaded()
def encode(
    source: str | os.PathLike[str],
    out: Path,
    options: EncodeOptions,
    report: Report = no_report,
) -> EncodeSummary:
    """Encode a DEM into a .ntile file and measure it.

    Interrupted at any moment, the same call resumes from its work file, OUT.work; `out` is never
    left partial.

    Parameters
    ----------
    source : str or os.PathLike
        The DEM: a path or any name that GDAL opens.
    out : Path
        File to write.
    options : EncodeOptions
        Methods, rate, models and read options; by default one `lapped_siren` layer.
    report : Report, optional
        Called with (tiles done, upper bound of all tiles).

    Returns
    -------
    EncodeSummary
        Errors in meters, sizes in bytes and bits per sample, and the time in seconds.

    Raises
    ------
    UsageError
        For options that contradict each other or the DEM.
    DemError
        For a DEM that cannot be used.
    NtileError
        For a file that cannot be written, or too little room on the disk.

    Examples
    --------
    >>> from pathlib import Path
    >>> summary = encode("dem.tif", Path("dem.ntile"), EncodeOptions(max_error_m=0.5))
    >>> summary.layers[0].method, summary.layers[0].max_error_m <= 0.5
    ('lapped_siren', True)
    """
    began = time.monotonic()
    source = arguments.path("source", source)
    out = Path(arguments.path("out", out))
    options = _checked(options)
    output.check(out, [source])
    encoders = _encoders(options)
    # before the raster is opened: what is changed from now on is noticed
    files = file_facts(source)
    with open_dem(source, options.reading) as dem:
        output.check(out, job.input_paths(source, files))
        facts = job.job_facts(dem, files, encoders, _staging_options(options))
        with Stage.open(out, facts, options.restart) as stage:
            job.check_room(dem, encoders, stage, out)
            for encoder in encoders:
                encoder.begin(stage, dem)
            try:
                samples = _stage_tiles(dem, encoders, stage, report)
            except DemError:
                if not stage.done_groups():
                    stage.discard()  # nothing to go on from
                raise
            job.check_unchanged(source, files, stage)
            layers, assumptions = _finish(dem, encoders, stage, report)
            job.check_unchanged(source, files, stage)
            _write(
                replace(dem.grid, assumptions=assumptions),
                out,
                encoders,
                layers,
                stage,
                options,
                dem,
            )
        with open_reader(out) as reader:
            return summarize(reader, layers, samples, dem.stored_bytes, time.monotonic() - began)


def _checked(options: EncodeOptions) -> EncodeOptions:
    """Return options in plain Python values. Raises UsageError for other kinds of values."""
    if not isinstance(options, EncodeOptions):
        arguments.refuse("options", options, "give an EncodeOptions")
    values: dict[str, Any] = {}
    for name in (*RATES, "reference_m"):
        value = arguments.plain(getattr(options, name))
        # the bounds of each are checked where it is used
        is_plain = value is None or isinstance(value, float)
        values[name] = value if is_plain else arguments.number(name, value)
    for name in ("bits", "refine"):
        values[name] = arguments.whole(name, getattr(options, name))
    for name in ("link_decoder", "restart"):
        values[name] = arguments.flag(name, getattr(options, name))
    if options.jobs is not None:
        values["jobs"] = arguments.whole("jobs", options.jobs, 1, 4096)
    for name in ("methods", "models"):
        value = getattr(options, name)
        names = None if value is None else arguments.several(name, value, "give names in a tuple")
        values[name] = names and tuple(arguments.text(name, entry) for entry in names)
    values["models"] = tuple(arguments.path("models", entry) for entry in values["models"] or ())
    values["device"] = arguments.text("device", options.device)
    values["acorn"] = acorn_options.checked(options.acorn)
    return replace(options, **values)


def _encoders(options: EncodeOptions) -> list[TileEncoder]:
    """Return one encoder per layer, in the order asked for, the reference layer last."""
    stems = _stems(options)
    rate = _rate(options, stems)
    if WHOLE_AREA not in stems:
        acorn_options.check_unused(options.acorn)
    encoders: list[TileEncoder] = [
        _encoder(name, stem, rate, options) for name, stem in stems.items()
    ]
    if options.reference_m is not None:
        if not options.reference_m > 0:
            raise UsageError(
                f"--reference {options.reference_m} must be a tolerance in meters above 0, e.g. "
                "0.01."
            )
        encoders.append(ReferenceEncoder(options.reference_m))
    if not encoders:
        raise UsageError("nothing to encode: give --method, --reference or both.")
    return encoders


def _encoder(name: str, stem: Path | None, rate: Rate, options: EncodeOptions) -> TileEncoder:
    if stem is None:
        return _acorn_encoder(options)
    if issubclass(METHODS[name], LinkedMethod):
        return _linked_encoder(name, stem, rate, options)
    return _model_encoder(name, stem, options)


def _rate(options: EncodeOptions, methods: Collection[str]) -> Rate:
    """Return the rate setting of a layer. Raises UsageError for several, one out of range, or one
    no layer takes."""
    has_linked = any(issubclass(METHODS[name], LinkedMethod) for name in methods)
    settings = {name: value for name in RATES if (value := getattr(options, name)) is not None}
    if len(settings) > 1:
        raise UsageError(f"give only one of {' and '.join(RATES[name] for name in settings)}.")
    for name, value in settings.items():
        if not has_linked and not (name == "target_rmse_m" and WHOLE_AREA in methods):
            raise UsageError(
                f"{RATES[name]} is for lapped_siren; set the rate of the other methods with --bits."
            )
        if name == "quality" and not 0 <= value <= 100:
            raise UsageError(f"--quality {value:g} must be a number from 0 to 100.")
        if name != "quality" and not 0 < value < math.inf:
            raise UsageError(f"{RATES[name]} {value:g} must be a number above 0.")
    return (
        Rate(step_m=step_of_quality(settings["quality"]))
        if "quality" in settings
        else Rate(**settings)
    )


def require_torch(action: str) -> None:
    """Raise UsageError where torch is not installed."""
    if importlib.util.find_spec("torch") is None:
        raise UsageError(f"{action} needs torch: pip install 'terrain-viewer[encode]'.")


def _stems(options: EncodeOptions) -> dict[str, Path | None]:
    """Return the path stem of each method's model, None for a method that needs none. Raises
    UsageError for a method without one, or two models of one method."""
    model_methods = [(stem := model_stem(model), model_method(stem)) for model in options.models]
    methods = options.methods
    if methods is None:
        methods = tuple(dict.fromkeys(name for _, name in model_methods)) or (DEFAULT_METHOD,)
    usable = {WHOLE_AREA, *DEFAULT_MODELS, *(name for _, name in model_methods if name in METHODS)}
    for name in methods:
        if name not in usable:
            raise UsageError(
                f"method '{name}' has no model to encode with; choose from "
                f"{', '.join(sorted((WHOLE_AREA, *DEFAULT_MODELS)))}."
            )
        if methods.count(name) > 1:
            raise UsageError(
                f"--method {name} is given twice: a file holds one layer per method and model."
            )
    stems: dict[str, Path] = {}
    for stem, name in model_methods:
        if name not in methods:
            raise UsageError(
                f"{stem} holds a {name} model, not {' or '.join(methods)}: give --method {name}."
            )
        if name in stems:
            raise UsageError(
                f"--model {stem}: {stems[name]} is a {name} model as well; give one model per "
                "method."
            )
        stems[name] = stem
    return {
        name: None if name == WHOLE_AREA else stems.get(name) or model_stem(DEFAULT_MODELS[name])
        for name in methods
    }


def _acorn_encoder(options: EncodeOptions) -> TileEncoder:
    require_torch("encoding acorn")

    from neural.models.acorn_encoder import AcornEncoder

    limits = acorn_options.limits_of(options.acorn, options.target_rmse_m)
    if options.restart and options.acorn.resume:
        raise UsageError("give only one of --restart and --resume.")
    if options.refine:
        raise UsageError("--refine is not for acorn: its network is optimized already.")
    _check_bits(WHOLE_AREA, options.bits)
    if options.link_decoder:
        raise UsageError("--link-decoder is not for acorn: its network is in no other file.")
    return AcornEncoder(
        options.acorn, limits, options.bits, options.device, threads=options.jobs or 1
    )


def _check_bits(name: str, bits: int) -> None:
    if bits not in METHODS[name].bit_choices:
        choices = ", ".join(map(str, METHODS[name].bit_choices))
        raise UsageError(f"--bits {bits} is not one of {choices}.")


def _model_encoder(name: str, stem: Path, options: EncodeOptions) -> TileEncoder:
    require_torch(f"encoding {name}")
    import torch

    from neural.models.tile_encoder import ModelEncoder

    if options.jobs:
        torch.set_num_threads(options.jobs)
    _check_bits(name, options.bits)
    return ModelEncoder(stem, options.bits, options.device, options.refine)


def _linked_encoder(name: str, stem: Path, rate: Rate, options: EncodeOptions) -> TileEncoder:
    if options.bits != METHODS[name].bit_choices[0]:
        raise UsageError(
            f"--bits {options.bits} is not for {name}: set its rate with "
            f"{', '.join(RATES.values())}."
        )
    if options.refine:
        raise UsageError(
            f"--refine is not for {name}: its encoder optimizes every payload already."
        )
    return LappedEncoder(stem, rate)


def _staging_options(options: EncodeOptions) -> dict[str, Any]:
    """Return the options that affect the staged tiles, by their names on the command line."""
    fields = {name: value for name, value in asdict(options).items() if name not in _UNSTAGED}
    fields["reference"] = fields.pop("reference_m")
    fields |= fields.pop("reading")
    methods = options.methods or ()
    if set(methods) == {WHOLE_AREA}:
        del fields["bits"]  # of the weights, which are quantized at the end
    if WHOLE_AREA in methods:
        fields |= {name: getattr(options.acorn, name) for name in acorn_options.STAGED}
    return {f"--{name.replace('_', '-')}": value for name, value in fields.items()}


def _batches(tiles: Iterable[PyramidTile]) -> Iterator[list[PyramidTile]]:
    tiles = iter(tiles)
    while batch := list(islice(tiles, BATCH)):
        yield batch


def _stage_tiles(dem: Dem, encoders: list[TileEncoder], stage: Stage, report: Report) -> int:
    """Stage the remaining tiles and return the number of valid samples of the finest level."""
    dem.fills.restart()
    done = stage.done_groups()
    total = count_tiles(dem.grid)
    count = 0
    samples = 0
    for group, batch in enumerate(_batches(build(dem))):
        if group not in done:
            rows = []
            for layer, encoder in enumerate(encoders):
                for tile, (offset, scale, latents) in zip(
                    batch, encoder.encode(batch), strict=True
                ):
                    data = latents.astype(encoder.latent_dtype).tobytes()
                    rows.append(
                        StagedTile(
                            layer,
                            tile.tile,
                            offset,
                            scale,
                            tile.children,
                            tile.info,
                            stored_mask(tile, dem.grid),
                            data,
                        )
                    )
            stage.put_group(group, rows)
        count += len(batch)
        samples += sum(
            int(tile.valid.sum()) for tile in batch if tile.tile.z == dem.grid.levels - 1
        )
        report(count, total)
    return samples


def stored_mask(tile: PyramidTile, grid: Grid) -> np.ndarray | None:
    """Return the tile's validity mask, or None where it equals the grid's extent."""
    return None if np.array_equal(tile.valid, grid.tile_inside(tile.tile)) else tile.valid


def _finish(
    dem: Dem, encoders: list[TileEncoder], stage: Stage, report: Report
) -> tuple[list[FinishedLayer], tuple[str, ...]]:
    """Return the layers of the staged tiles and the assumptions made of the raster."""
    # before any cell is read a second time
    assumptions = dem.grid.assumptions + dem.fills.sentences()
    return [
        encoder.finish(stage, index, dem, report) for index, encoder in enumerate(encoders)
    ], assumptions


def _write(
    grid: Grid,
    out: Path,
    encoders: list[TileEncoder],
    layers: list[FinishedLayer],
    stage: Stage,
    options: EncodeOptions,
    dem: Dem,
) -> None:
    decoders = {
        layer.draft.decoder: encoder.decoder
        for layer, encoder in zip(layers, encoders, strict=True)
        if layer.draft.decoder is not None and encoder.decoder is not None
    }

    def body_of(index: int, row: StagedTile) -> bytes:
        return layers[index].body_of(row)

    provenance = {
        "source": dem.source,
        **({"attribution": options.attribution} if options.attribution else {}),
    }
    linked = set(decoders) if options.link_decoder else set()
    drafts = [layer.draft for layer in layers]
    write_archive(out, grid, drafts, stage, body_of, decoders, provenance, linked, dem.reading)
