"""Savings by parts of lapped_siren: bytes of all levels at equal error with a part left out, over
those with all.

Run: OMP_NUM_THREADS=1 python -m tests.bench.lapped_ablation FOLDER [--split val]
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from neural.bench import learned
from neural.bench.curves import rate_at
from neural.bench.learned import Series
from neural.bench.places import Place, find_places
from neural.encode import DEFAULT_MODELS
from neural.methods.lapped import restoration
from neural.methods.model_files import load_linked, model_stem
from neural.models.decoder_file import save_weights

STEPS_M = (0.12, 0.18, 0.27, 0.4, 0.6, 0.9, 1.35, 2.0, 3.0, 4.5)
ERRORS_M = (0.045, 0.066, 0.1)
RESTORATION = tuple(restoration.shapes())
ROUNDING = {"neural.encoding.lapped.staged_layer.LAGRANGE": 0.0}
PARTS: dict[str, tuple[Sequence[str], Mapping[str, float]]] = {
    "all of it": ((), {}),
    "without restoration": (RESTORATION, {}),
    "without centroids": (("centroid",), {}),
    "magnitudes by rounding": ((), ROUNDING),
    "without these three": (("centroid", *RESTORATION), ROUNDING),
    "equal steps on all levels": ((), {"neural.methods.lapped.levels.GRADIENT": 1.0}),
}
"""Weights that are 0, and constants that are others."""


def curve(
    place: Place, zero: Sequence[str], constants: Mapping[str, float]
) -> list[Mapping[str, Any]]:
    """Errors and rates at all steps."""
    method, weights, _ = load_linked(model_stem(DEFAULT_MODELS["lapped_siren"]))
    changed = {
        name: np.zeros_like(values) if name in zero else values for name, values in weights.items()
    }
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        for target, value in constants.items():
            stack.enter_context(mock.patch(target, value))
        notes = {"method": method.name, "config": json.dumps(method.config())}
        save_weights(Path(name) / "part.decoder.safetensors", changed, notes)
        line = Series(method.name, model=str(Path(name) / "part"))
        settings = [{"step_m": step} for step in STEPS_M]
        return [
            row
            for each in settings
            for row in learned.measure_file(place, line, each, (None,), 1, "cpu", _quiet)
        ]


def _quiet(done: int, total: int) -> None:
    pass


def log_rates(
    points: Sequence[Mapping[str, Any]], key: str, errors: Sequence[float]
) -> list[float]:
    """Logarithms of bits per sample at errors."""
    return [math.log(rate_at(points, key, error, "stack_bits_per_sample")[0]) for error in errors]


def main() -> None:
    """Print a table: change of bytes in per cent, mean of the logarithms over places."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", default="val")
    options = parser.parse_args()
    places = [
        each for each in find_places([options.folder], [options.split]) if each.data_class == "dtm"
    ]
    print(f"bare-earth places: {', '.join(place.name for place in places)}")
    print(
        "| at height RMSE of, and the gradient RMSE there | "
        f"{' | '.join(f'{error:g} m' for error in ERRORS_M)} |"
    )
    whole: list[list[Mapping[str, Any]]] = []
    for label, part in PARTS.items():
        curves = [curve(place, *part) for place in places]
        whole = whole or curves
        cells = []
        for error in ERRORS_M:
            changes = []
            for own, base in zip(curves, whole, strict=True):
                slope = rate_at(base, "rmse_m", error, "sampled_gradient_rmse")[0]
                for key, at in (("rmse_m", error), ("sampled_gradient_rmse", slope)):
                    changes.append(log_rates(own, key, [at])[0] - log_rates(base, key, [at])[0])
            height, gradient = np.mean(np.reshape(changes, (-1, 2)), axis=0)
            cells.append(f"{100 * math.expm1(height):+.1f} % / {100 * math.expm1(gradient):+.1f} %")
        print(f"| {label} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
