"""Statistics of a layer about the network that it was fitted by: keys of `Layer.stats`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from neural.container.metadata import Layer


class Curve(NamedTuple):
    """Steps and PSNR in decibels of a training."""

    steps: list[float]
    psnr_db: list[float]


def blocks_per_scale(layer: Layer) -> list[int]:
    """Return the number of blocks of scale 0, 1, …; empty where the layer says none."""
    return [int(count) for count in _numbers(layer.stats.get("blocks_per_scale"))]


def scales(layer: Layer) -> list[int]:
    """Return the scales that have blocks."""
    return [scale for scale, count in enumerate(blocks_per_scale(layer)) if count > 0]


def number(layer: Layer, key: str) -> float | None:
    """Return a number of the layer's statistics; None where there is none."""
    value = layer.stats.get(key)
    numbers = _numbers([value])
    return numbers[0] if numbers else None


def curve(layer: Layer) -> Curve | None:
    """Return the training's curve; None where the layer has none of two points."""
    steps = _numbers(layer.stats.get("curve_steps"))
    psnr_db = _numbers(layer.stats.get("curve_psnr_db"))
    return Curve(steps, psnr_db) if len(steps) == len(psnr_db) > 1 else None


def retilings(layer: Layer) -> list[tuple[int, int]]:
    """Return step and number of moved blocks of every re-tiling."""
    steps = _numbers(layer.stats.get("retiling_steps"))
    moves = _numbers(layer.stats.get("retiling_moves"))
    if len(steps) != len(moves):
        return []
    return [(int(step), int(moved)) for step, moved in zip(steps, moves, strict=True)]


def _numbers(values: Any) -> list[float]:
    """Return a list of numbers; empty for anything else, as statistics may be."""
    if not isinstance(values, list) or not all(_is_number(value) for value in values):
        return []
    return [float(value) for value in values]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
