"""Optimizers by name. AdamW is the published one; Muon needs several times fewer steps on a small
machine."""

from __future__ import annotations

import math

import torch
from torch import nn

from neural.models.base import TrainConfig

Optimizers = list[torch.optim.Optimizer]


def adamw(model: nn.Module, config: TrainConfig) -> Optimizers:
    """Return AdamW over everything (arXiv 2606.00404)."""
    return [
        torch.optim.AdamW(
            model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
    ]


def muon(model: nn.Module, config: TrainConfig) -> Optimizers:
    """Return Muon (Jordan et al. 2024, as in torch) on the matrices, AdamW on the rest.

    The SIREN's matrices stay with AdamW: ω0 multiplies them, so orthogonal steps of full rank are
    far too large.
    """
    matrices: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        matrix = (
            parameter.ndim == 2
            and min(parameter.shape) > 1
            and not name.startswith("decoder.siren")
        )
        (matrices if matrix else rest).append(parameter)
    return [
        torch.optim.Muon(
            matrices, lr=config.learning_rate, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(rest, lr=config.other_learning_rate, weight_decay=0.0),
    ]


OPTIMIZERS = {"adamw": adamw, "muon": muon}


def cooling_start(config: TrainConfig) -> int:
    """Return the step from which a constant learning rate falls; the warm-up's end with cosine
    decay."""
    if not config.cool_down:
        return config.warmup
    return max(config.warmup, round(config.steps * (1 - config.cool_down)))


def schedule(step: int, config: TrainConfig) -> float:
    """Return the share of the peak learning rate: linear warm-up, then cosine decay, or constant
    with a linear fall at the end."""
    if step < config.warmup:
        return (step + 1) / config.warmup
    start = cooling_start(config)
    t = min(1.0, max(0.0, (step - start) / max(1, config.steps - start)))
    fall = t if config.cool_down else 0.5 * (1 - math.cos(math.pi * t))
    return 1 - (1 - config.final_share) * fall
