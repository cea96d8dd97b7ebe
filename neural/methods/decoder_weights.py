"""Decoder weights as numpy arrays: parsed from safetensors bytes and checked against the shapes of
the method."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from neural.errors import ModelError
from neural.methods.base import Method


def check_weights(
    weights: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]], origin: str
) -> None:
    """Raise ModelError (one sentence naming `origin`) unless names, shapes and finiteness are as
    expected."""
    missing = sorted(set(shapes) - set(weights))
    unknown = sorted(set(weights) - set(shapes))
    if missing or unknown:
        problem = f"lacks '{missing[0]}'" if missing else f"has an unknown weight '{unknown[0]}'"
        raise ModelError(f"{origin} {problem}: these weights belong to another method or preset.")
    for name, shape in shapes.items():
        if tuple(weights[name].shape) != tuple(shape):
            raise ModelError(
                f"{origin}: weight '{name}' has shape {tuple(weights[name].shape)}, "
                f"{tuple(shape)} expected; "
                "use the decoder this layer was encoded with."
            )
        if not np.isfinite(weights[name]).all():
            raise ModelError(
                f"{origin}: weight '{name}' has NaN or infinite values; get an undamaged model "
                "file."
            )


def load_decoder(
    data: bytes, method: Method, origin: str, keep_bits: int | None = None
) -> dict[str, np.ndarray]:
    """Map safetensors bytes to float32 weights by name, re-quantized to `keep_bits` if the method
    has quantized weights. Raises ModelError when they are damaged or do not fit."""
    try:
        weights = method.decode_weights(load(data), keep_bits)
    except (SafetensorError, KeyError, ValueError) as error:
        raise ModelError(f"{origin} holds no readable safetensors weights ({error}).") from error
    check_weights(weights, method.weight_shapes(), origin)
    return weights
