"""Rate and distortion of one learned method on one place: encoded once at 32 bits, read at every bit depth."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neural.bench.environment import require
from neural.bench.places import Place
from neural.container import Reader, open_reader
from neural.dem import open_dem
from neural.encode import DEFAULT_MODELS, EncodeOptions, encode
from neural.errors import UsageError
from neural.evaluate import evaluate
from neural.methods import METHODS

Report = Callable[[int, int], None]
BITS = (32, 16, 8, 6, 5, 4, 3, 2)


@dataclass(frozen=True)
class Series:
    """A method with its model (None: the shipped one) and the refinement steps its payloads get."""

    method: str
    model: str | None = None
    refine: int = 0

    @property
    def name(self) -> str:
        """What tables and plots call it."""
        return f"{self.method}+{self.refine}" if self.refine else self.method

    @property
    def title(self) -> str:
        """What people call it."""
        title = METHODS[self.method].title
        return f"{title}, {self.refine} step{'s' if self.refine > 1 else ''}" if self.refine else title


def series(methods: tuple[str, ...], models: dict[str, str], refine: int) -> list[Series]:
    """Every method as its encoder predicts it and, where `refine` steps are asked for, refined as well.

    Raises UsageError for a method without a model, or a model for a method that is not measured.
    """
    for name in methods:
        if name not in DEFAULT_MODELS:
            raise UsageError(f"method '{name}' has no model to measure; choose from {', '.join(DEFAULT_MODELS)}.")
    if unused := sorted(set(models) - set(methods)):
        raise UsageError(
            f"--model {unused[0]}=…: '{unused[0]}' is not among the measured methods; add it to --methods."
        )
    if methods:
        require("torch", "encoding", "encode")
    steps = (0, refine) if refine else (0,)
    return [Series(name, models.get(name), count) for name in methods for count in steps]


@contextmanager
def encoded(place: Place, line: Series, threads: int | None, device: str, report: Report) -> Iterator[Reader]:
    """The place as a temporary .ntile file with one 32-bit layer of the series."""
    options = EncodeOptions(
        methods=(line.method,),
        bits=32,
        models=(line.model,) if line.model else (),
        crs=place.crs,
        unit=place.unit,
        jobs=threads,
        device=device,
        refine=line.refine,
    )
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "area.ntile"
        encode(place.path, out, options, report)
        with open_reader(out) as reader:
            yield reader


def measure(
    place: Place, line: Series, bits: tuple[int, ...], threads: int | None, device: str, report: Report
) -> list[dict[str, Any]]:
    """One row of `neural.evaluate.evaluate` per bit depth, most bits first, with the size of the decoder in bytes."""
    rows: list[dict[str, Any]] = []
    with (
        encoded(place, line, threads, device, report) as reader,
        open_dem(place.path, crs=place.crs, unit=place.unit) as dem,
    ):
        layer, decoder = reader.layers[0], reader.sizes()["decoder_bytes"]
        for depth in sorted(bits, reverse=True):
            row = evaluate(reader, layer, dem, depth, report)
            rows.append({**{k: v for k, v in row.items() if k not in ("layer", "method")}, "decoder_bytes": decoder})
    return rows
