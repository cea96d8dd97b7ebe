"""Networks that fit a whole area, by name: how they are made, trained, rounded and kept."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from torch import nn

from neural.encoding.acorn.area import Area
from neural.encoding.acorn.rules import Rule, RuleSettings, default_rule, make_rule
from neural.encoding.acorn.settings import AcornSettings, preset_for, rate_share
from neural.errors import ModelError
from neural.models.acorn_training import AcornFit, retiling_is_due
from neural.models.coordinate_networks import KINDS, CoordinateFit, settings_for
from neural.system import output

ACORNS = {
    "acorn": "auto",
    "acorn_uniform": "uniform",
    "acorn_paper": "paper",
    "acorn_cut": "cut",
    "acorn_adaptive": "adaptive",
    "acorn_uniform_pruned": "uniform",
}
"""ACORN by its rule of partition."""

PUBLISHED = ("acorn_uniform", "acorn_paper")
"""Those of the paper, which prunes no blocks of a picture."""

_MOVING = ("paper", "adaptive")
_MOVING_SETTINGS = ("first_retiling", "retile_every", "moved_steps", "from_predecessor")

METHODS = (*ACORNS, *KINDS)
"""Methods that fit a whole area."""

Fit = AcornFit | CoordinateFit

_FLOAT_BYTES = 4


def acorn_settings(samples: int, preset: str, blocks: int | None) -> AcornSettings:
    """Return the settings of a preset for an area of so many samples, with a budget of blocks."""
    settings = preset_for(preset, samples)
    return settings if blocks is None else replace(settings, blocks=blocks)


def described(
    method: str, shape: tuple[int, int], samples: int, preset: str, blocks: int | None
) -> dict[str, Any]:
    """Return all settings that the result of a method depends on, for an area of rows × columns,
    as plain JSON values."""
    acorn = acorn_settings(samples, preset, blocks)
    if method in ACORNS:
        values = asdict(acorn) | {"partition": ACORNS[method]}
        if values["partition"] in _MOVING:
            return values | {"rule": asdict(_rule_settings(method, acorn))}
        if method in PUBLISHED:
            values["prune"] = False
        return {name: value for name, value in values.items() if name not in _MOVING_SETTINGS}
    return asdict(settings_for(method, shape[1], shape[0], acorn.sizes.parameters))


def default_method(area: Area, preset: str, budgets: Sequence[int | None]) -> str:
    """Return the method that `acorn` is on an area, by its default rule; the published one where no
    block is constant."""
    settings = acorn_settings(area.samples, preset, None)
    statistics = area.statistics(settings.sizes.smallest_block, settings.sizes.rows)
    rule = default_rule(statistics)
    if rule != "uniform":
        return next(name for name, partition in ACORNS.items() if partition == rule)
    for budget in budgets:
        pruned, published = (
            make_rule(rule, statistics, budget or settings.blocks, RuleSettings(prune=prune))
            for prune in (True, False)
        )
        if not np.array_equal(pruned.partition.active, published.partition.active):
            return "acorn_uniform_pruned"
    return "acorn_uniform"


def _rule_settings(method: str, settings: AcornSettings) -> RuleSettings:
    return RuleSettings(
        interval_steps=settings.retile_every,
        first_steps=settings.first_retiling,
        quiet_share=settings.cool_down,
        prune=method not in PUBLISHED,
    )


def _rule(method: str, area: Area, settings: AcornSettings) -> Rule:
    """Return a method's rule, started."""
    statistics = area.statistics(settings.sizes.smallest_block, settings.sizes.rows)
    constants = _rule_settings(method, settings)
    return make_rule(settings.partition, statistics, settings.blocks, constants)


def make_fit(method: str, area: Area, seed: int, preset: str, blocks: int | None = None) -> Fit:
    """Return a network that has not been trained, on one thread; the baselines have as many
    parameters as the preset's ACORN. Its CPU time begins with the choice of blocks."""
    torch.set_num_threads(1)
    began = time.process_time()
    settings = acorn_settings(area.samples, preset, blocks)
    fit: Fit
    if method in ACORNS:
        settings = replace(settings, partition=ACORNS[method])
        fit = AcornFit(area, settings, seed, rule=_rule(method, area, settings))
    else:
        parameters = settings.sizes.parameters
        fit = CoordinateFit(area, settings_for(method, area.width, area.height, parameters), seed)
    fit.cpu_seconds = time.process_time() - began
    return fit


def advance(fit: Fit, share: float) -> None:
    """Take one step of a run of which a share is done; the last fifth cools down."""
    if not isinstance(fit, AcornFit):
        fit.advance(rate_share(share, AcornSettings()))
        return
    if retiling_is_due(fit, share):
        fit.retile()
    fit.advance(rate_share(share, fit.settings))


def parameters(fit: Fit) -> int:
    """Return the number of weights and biases."""
    return sum(parameter.numel() for parameter in fit.network.parameters())


def blocks_of(fit: Fit) -> np.ndarray | None:
    """Return the blocks (scale, x, y) [n, 3] of a network that has them."""
    return fit.blocks if isinstance(fit, AcornFit) else None


def stored_bytes(fit: Fit, bits: int) -> int:
    """Return the bytes of a network, the weights of its large layers at `bits` bits (32: floats).

    With fewer than 32 bits every output channel of these has a scale in four bytes, as have all
    other weights. The partition takes a bit per node of the block tree, one more per leaf for its
    kind, and a float per constant.
    """
    large = sum(layer.weight.numel() for layer in _large_layers(fit))
    scales = sum(layer.weight.shape[0] for layer in _large_layers(fit))
    floats = parameters(fit) - large + (scales if bits < 32 else 0)
    return math.ceil(large * bits / 8) + _FLOAT_BYTES * floats + _partition_bytes(fit)


def _partition_bytes(fit: Fit) -> int:
    if not isinstance(fit, AcornFit):
        return 0
    constants = fit.partition.constant_blocks
    leaves = np.concatenate([fit.blocks, constants])
    nodes = {tuple(row) for row in leaves.tolist()}
    for scale, x, y in leaves.tolist():
        nodes |= {(scale - up, x >> up, y >> up) for up in range(1, scale + 1)}
    return math.ceil((len(nodes) + len(leaves)) / 8) + _FLOAT_BYTES * len(constants)


@contextmanager
def rounded(fit: Fit, bits: int) -> Iterator[None]:
    """Give a network its weights as stored at `bits` bits for a while, symmetric per output
    channel."""
    layers = _large_layers(fit)
    kept = [layer.weight.detach().clone() for layer in layers]
    try:
        with torch.no_grad():
            for layer in layers:
                layer.weight.copy_(_rounded(layer.weight, bits))
        yield
    finally:
        with torch.no_grad():
            for layer, weight in zip(layers, kept, strict=True):
                layer.weight.copy_(weight)


def _large_layers(fit: Fit) -> list[nn.Linear]:
    """Return the layers whose weights are stored as codes: ACORN's encoder, a baseline's
    hidden-to-hidden ones."""
    if isinstance(fit, AcornFit):
        return [layer for layer in fit.network.encoder if isinstance(layer, nn.Linear)]
    return fit.network.linear[1:-1]


def _rounded(weight: torch.Tensor, bits: int) -> torch.Tensor:
    """Return a weight [fan out, fan in] with at most 2^bits − 1 values per output channel."""
    largest = 2 ** (bits - 1) - 1
    scale = weight.abs().amax(dim=1, keepdim=True).clamp(min=1e-30) / largest
    return torch.round(weight / scale) * scale


def save(fit: Fit, path: Path) -> None:
    """Write the state of training to a file, whole or not at all."""
    with output.binary(path) as file:
        torch.save(fit.state(), file)


def load(fit: Fit, path: Path) -> None:
    """Go on from the state in a file. Raises ModelError where it is of another run or
    unreadable."""
    try:
        fit.restore(torch.load(path, map_location="cpu", weights_only=False))
    except (*(RuntimeError, KeyError, TypeError, ValueError, EOFError, UnpicklingError),) as error:
        raise ModelError(
            f"{path} is not the state of this run ({error}); remove it to start anew."
        ) from error
