"""What parts of lapped_siren save: bytes of all levels at equal height RMSE with a part left out, over those with all.

Run: OMP_NUM_THREADS=1 python -m tests.bench.lapped_ablation FOLDER [--split val]
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from neural.bench import learned
from neural.bench.curves import rate_at
from neural.bench.learned import Series
from neural.bench.places import Place, find_places
from neural.encode import DEFAULT_MODELS
from neural.lapped import restore
from neural.lapped.encoder import LAGRANGE
from neural.model_files import load_linked, model_stem
from neural.models.decoder_file import save_weights

STEPS_M = (0.12, 0.18, 0.27, 0.4, 0.6, 0.9, 1.35, 2.0, 3.0, 4.5)
ERRORS_M = (0.045, 0.066, 0.1)
RESTORATION = tuple(restore.shapes())
PARTS: dict[str, dict[str, Any]] = {
    "all of it": {},
    "without restoration": {"zero": RESTORATION},
    "without centroids": {"zero": ("centroid",)},
    "magnitudes by rounding": {"lagrange": 0.0},
    "without all three": {"zero": ("centroid", *RESTORATION), "lagrange": 0.0},
}


def curve(place: Place, zero: Sequence[str] = (), lagrange: float = LAGRANGE) -> list[Mapping[str, Any]]:
    """Errors and rates at all steps with some of the decoder's weights 0, and λ as given."""
    method, weights, _ = load_linked(model_stem(DEFAULT_MODELS["lapped_siren"]))
    changed = {name: np.zeros_like(values) if name in zero else values for name, values in weights.items()}
    with tempfile.TemporaryDirectory() as name, mock.patch("neural.lapped.layer.LAGRANGE", lagrange):
        notes = {"method": method.name, "config": json.dumps(method.config())}
        save_weights(Path(name) / "part.decoder.safetensors", changed, notes)
        line = Series(method.name, model=str(Path(name) / "part"))
        settings = [{"step_m": step} for step in STEPS_M]
        return [row for each in settings for row in learned.measure_file(place, line, each, (None,), 1, "cpu", _quiet)]


def _quiet(done: int, total: int) -> None:
    pass


def main() -> None:
    """Print a table: change of bytes in per cent, mean of the logarithms over places."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", default="val")
    options = parser.parse_args()
    places = [each for each in find_places([options.folder], [options.split], None, None) if each.data_class == "dtm"]
    print(f"bare-earth places: {', '.join(place.name for place in places)}")
    print(f"| at height RMSE of | {' | '.join(f'{error:g} m' for error in ERRORS_M)} |")
    base: np.ndarray | None = None
    for label, changes in PARTS.items():
        curves = [curve(place, **changes) for place in places]
        logs = np.array(
            [[math.log(rate_at(c, "rmse_m", e, "stack_bits_per_sample")[0]) for e in ERRORS_M] for c in curves]
        ).mean(axis=0)
        base = logs if base is None else base
        cells = [f"{100 * math.expm1(change):+.1f} %" for change in logs - base]
        print(f"| {label} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
