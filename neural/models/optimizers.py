"""Optimizers by name. AdamW is the published one; Muon needs several times fewer steps on a small
machine."""

from __future__ import annotations

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
