"""Tiny models with random weights: the real code paths in milliseconds."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import torch

from neural.methods.functa import Functa
from neural.methods.huvr import Huvr
from neural.methods.huvr_siren import HuvrSiren
from neural.methods.trans_inr import TransInr
from neural.models import MODELS
from neural.models.base import Preset, TrainConfig, save_model
from neural.models.functa import InnerLoop
from neural.models.trans_inr import TransformerConfig
from neural.models.vit import VitConfig
from tests.support.rasters import write

TINY_PRESETS = {
    "functa": Preset(
        Functa(dim=16, width=16, depth=4, omega_0=10.0),
        InnerLoop(stride=8, lowest_rate=0.05, highest_rate=0.5),
        TrainConfig(steps=4, batch=2, learning_rate=3e-3, warmup=1, points=256, weight_decay=0.0),
    ),
    "huvr": Preset(
        Huvr(
            dim=8,
            hyper_width=16,
            hyper_hidden=32,
            hyper_depth=1,
            mlp_width=12,
            features=8,
            sigma=8.0,
        ),
        VitConfig(width=16, depth=1, heads=2),
        TrainConfig(steps=4, batch=2, learning_rate=1e-3, warmup=1, points=16),
    ),
    "huvr_siren": Preset(
        HuvrSiren(
            dim=8,
            hyper_width=16,
            hyper_hidden=32,
            hyper_depth=1,
            siren_width=16,
            global_token=False,
        ),
        VitConfig(width=16, depth=1, heads=2),
        TrainConfig(steps=4, batch=2, learning_rate=1e-3, warmup=1, points=16),
    ),
    "trans_inr": Preset(
        TransInr(dim=16, groups=4, width=16, encoding=8, sigma=4.0),
        TransformerConfig(
            patch=32, padding=0, depth=1, heads=2, head_dim=8, hidden=32, position_spread=0.02
        ),
        TrainConfig(steps=4, batch=2, learning_rate=1e-3, warmup=1, points=512),
    ),
}
TINY = TINY_PRESETS["huvr_siren"]


def save_tiny_model(
    folder: Path, seed: int = 0, name: str = "tiny", method: str = "huvr_siren"
) -> Path:
    """A tiny model with lively random weights; returns its path stem."""
    torch.manual_seed(seed)
    preset = TINY_PRESETS[method]
    model = MODELS[method](preset)
    with torch.no_grad():
        for key, weight in model.decoder.items():
            if key.startswith(("alpha", "phi")) and key.endswith("_weight"):
                weight.normal_(0.0, 0.2)
    stem = folder / name
    save_model(model, stem, preset, {})
    return stem


def write_training_data(folder: Path) -> Path:
    """Make a folder of two rasters, one to train on and one to validate, with their manifest."""
    folder.mkdir()
    y, x = np.mgrid[0:300, 0:320]
    for name, phase in (("a", 0.0), ("b", 1.0)):
        samples = 30 * np.sin(x / 40 + phase) * np.cos(y / 55) + 500
        write(folder / f"{name}.tif", samples.astype(np.float32))
    rows = [["file", "split", "resolution_m"], ["a.tif", "train", "1"], ["b.tif", "val", "2"]]
    with (folder / "MANIFEST.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder
