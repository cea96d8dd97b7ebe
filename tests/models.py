"""Tiny models with random weights: the real code paths in milliseconds."""

from __future__ import annotations

from pathlib import Path

import torch

from neural.methods.huvr_siren import HuvrSiren
from neural.models import MODELS
from neural.models.base import Preset, TrainConfig, save_model
from neural.models.vit import VitConfig

TINY = Preset(
    HuvrSiren(dim=8, hyper_width=16, hyper_hidden=32, hyper_depth=1, siren_width=16, global_token=False),
    VitConfig(width=16, depth=1, heads=2),
    TrainConfig(steps=4, batch=2, learning_rate=1e-3, warmup=1, points=16),
)


def save_tiny_model(folder: Path, seed: int = 0, name: str = "tiny") -> Path:
    """A tiny HUVR+SIREN with lively random weights; returns its path stem."""
    torch.manual_seed(seed)
    model = MODELS["huvr_siren"](TINY)
    with torch.no_grad():
        for key, weight in model.decoder.items():
            if key.startswith(("alpha", "phi")) and key.endswith("_weight"):
                weight.normal_(0.0, 0.2)
    stem = folder / name
    save_model(model, stem, TINY, {})
    return stem
