"""The few array functions that numpy and torch do not share, so that a decode is written once for
both."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np


def namespace(array: Any) -> ModuleType:
    """Return the module (`numpy` or `torch`) whose functions take this array; never imports
    torch."""
    return np if isinstance(array, np.ndarray) else sys.modules["torch"]


def like(values: np.ndarray, array: Any) -> Any:
    """Return numpy values as an array of the same library (torch: also device) as `array`,
    float32."""
    if isinstance(array, np.ndarray):
        return np.asarray(values, np.float32)
    torch = sys.modules["torch"]
    return torch.as_tensor(np.asarray(values, np.float32), device=array.device)


def erf(x: Any) -> Any:
    """Return error function, |error| ≤ 1.5e-7 (Abramowitz & Stegun 7.1.26); torch's own where torch
    is used."""
    if not isinstance(x, np.ndarray):
        return sys.modules["torch"].erf(x)
    magnitude = np.abs(x)
    t = 1.0 / (1.0 + 0.3275911 * magnitude)
    series = t * (
        0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))
    )
    return np.copysign(1.0 - series * np.exp(-magnitude * magnitude), x)


def gelu(x: Any) -> Any:
    """Return Gaussian error linear unit, exact form (arXiv 1606.08415)."""
    return 0.5 * x * (1.0 + erf(x * 0.7071067811865476))


def layer_norm(x: Any, scale: Any, bias: Any) -> Any:
    """Return the layer normalization over the last axis, eps 1e-5 (arXiv 1607.06450)."""
    centered = x - x.mean(axis=-1, keepdims=True)
    variance = (centered * centered).mean(axis=-1, keepdims=True)
    return centered / namespace(x).sqrt(variance + 1e-5) * scale + bias


def matmul(x: Any, weight: Any) -> Any:
    """Return x [..., k] @ weight [k, n] as one product: numpy would otherwise loop over the leading
    axes."""
    return (x.reshape(-1, x.shape[-1]) @ weight).reshape(*x.shape[:-1], weight.shape[-1])
