"""Rate and distortion of a learned method on a place: encoded once and read at every bit depth, or
once per step."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neural.bench.environment import require
from neural.bench.places import Place
from neural.container.reader import Reader, open_reader
from neural.encode import DEFAULT_MODELS, EncodeOptions, encode
from neural.errors import UsageError
from neural.evaluate import evaluate
from neural.methods import METHODS
from neural.progress import Report
from neural.raster.dem import open_dem

BITS = (32, 16, 8, 6, 5, 4, 3, 2)
"""Bits per value at which methods with a fixed number of values per tile are read."""

LAPPED_STEPS = (0.06, 0.09, 0.136, 0.205, 0.309, 0.466, 0.702, 1.06, 1.59, 2.4, 3.6, 5.4, 8.1)
STEP_SWEEPS: dict[str, tuple[float, ...]] = {"lapped_siren": LAPPED_STEPS}
"""Methods whose rate is set by a quantization step instead, with the steps of their sweep, meters,
fine to coarse.

They have a bounded mode as well, and their levels need one another: their rate is that of the whole
stack.
"""


@dataclass(frozen=True)
class Series:
    """A method, its model (None: the shipped one), and the refinement steps of its payloads."""

    method: str
    model: str | None = None
    refine: int = 0

    @property
    def name(self) -> str:
        """Name in tables and plots."""
        return f"{self.method}+{self.refine}" if self.refine else self.method

    @property
    def title(self) -> str:
        """Title in running text."""
        title = METHODS[self.method].title
        return (
            f"{title}, {self.refine} step{'s' if self.refine > 1 else ''}" if self.refine else title
        )

    @property
    def stepped(self) -> bool:
        """True if a quantization step sets its rate, not bits per value."""
        return self.method in STEP_SWEEPS

    @property
    def rate(self) -> str:
        """Key of the rate that tables and plots compare with codecs of single levels."""
        return "stack_bits_per_sample" if self.stepped else "bits_per_sample"


def expand_series(methods: tuple[str, ...], models: dict[str, str], refine: int) -> list[Series]:
    """Return the series of the methods: latents as predicted by the encoder and, if `refine` > 0,
    refined by that many steps.

    Raises UsageError for a method without a model, or a model for a method that is not measured.
    """
    for name in methods:
        if name not in DEFAULT_MODELS:
            raise UsageError(
                f"method '{name}' has no model to measure; choose from {', '.join(DEFAULT_MODELS)}."
            )
    if unused := sorted(set(models) - set(methods)):
        raise UsageError(
            f"--model {unused[0]}=…: '{unused[0]}' is not among the measured methods; add it to "
            "--methods."
        )
    if methods:
        require("torch", "encoding", "encode")
    steps = (0, refine) if refine else (0,)
    return [Series(name, models.get(name), count) for name in methods for count in steps]


@contextmanager
def encoded(
    place: Place,
    series: Series,
    settings: Mapping[str, Any],
    threads: int | None,
    device: str,
    report: Report,
) -> Iterator[Reader]:
    """Encode a place to a temporary .ntile file with one layer of the series; `settings` are
    further encode options."""
    options = EncodeOptions(
        methods=(series.method,),
        models=(series.model,) if series.model else (),
        reading=place.reading,
        jobs=threads,
        device=device,
        refine=series.refine,
        **settings,
    )
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "area.ntile"
        encode(place.path, out, options, report)
        with open_reader(out) as reader:
            yield reader


def measure(
    place: Place,
    series: Series,
    bits: tuple[int, ...],
    threads: int | None,
    device: str,
    report: Report,
) -> list[dict[str, Any]]:
    """Return one row of `neural.evaluate.evaluate` per point of the sweep, most bytes first, with
    the decoder's size in bytes.

    A point is a bit depth of one file, or a file of its own with its `step_m`.
    """
    if series.stepped:
        return [
            {**row, "step_m": step}
            for step in STEP_SWEEPS[series.method]
            for row in measure_file(
                place, series, {"step_m": step}, (None,), threads, device, report
            )
        ]
    return measure_file(
        place, series, {"bits": 32}, tuple(sorted(bits, reverse=True)), threads, device, report
    )


def measure_file(
    place: Place,
    series: Series,
    settings: Mapping[str, Any],
    depths: tuple[int | None, ...],
    threads: int | None,
    device: str,
    report: Report,
) -> list[dict[str, Any]]:
    """Return one row per bit depth (None: as stored) at which one file of a series is read."""
    rows: list[dict[str, Any]] = []
    with (
        encoded(place, series, settings, threads, device, report) as reader,
        open_dem(place.path, place.reading) as dem,
    ):
        layer = reader.layers[0]
        decoder = reader.sizes()["decoder_bytes"]
        for depth in depths:
            row = evaluate(reader, layer, dem, depth, report)
            rows.append(
                {
                    **{k: v for k, v in row.items() if k not in ("layer", "method")},
                    "decoder_bytes": decoder,
                }
            )
    return rows
