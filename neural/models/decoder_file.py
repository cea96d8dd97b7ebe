"""Decoder files of `lapped_siren`: integers as short as they fit, other weights as float32 or
float16."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from neural.methods.lapped import restoration
from neural.methods.lapped.basis import SINES
from neural.methods.lapped.model import Model
from neural.system import output


def save_weights(path: Path, weights: Mapping[str, np.ndarray], notes: Mapping[str, str]) -> None:
    """Write a decoder's weights with notes about them."""
    output.write_bytes(
        path, save({name: _stored(name, values) for name, values in weights.items()}, dict(notes))
    )


def add_weights(path: Path, fit: Callable[[Model], Mapping[str, np.ndarray]]) -> None:
    """Add the weights fitted by `fit` to those in a file, keeping all others."""
    with safe_open(path, "np") as file:
        notes = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    fitted = fit(Model({name: values.astype(np.float32) for name, values in tensors.items()}))
    tensors |= {name: _stored(name, values) for name, values in fitted.items()}
    output.write_bytes(path, save(tensors, notes))


def _stored(name: str, values: np.ndarray) -> np.ndarray:
    # safetensors writes what lies in memory, whatever the strides
    values = np.ascontiguousarray(values)
    if name in restoration.shapes():
        return values.astype(np.float16)
    if name == "centroid" or name in SINES:
        return values.astype(np.float32)
    return values.astype(np.int16 if np.abs(values).max() < 1 << 15 else np.int32)
