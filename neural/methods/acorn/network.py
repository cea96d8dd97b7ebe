"""The coordinate encoder: from a block's place and scale to its grid of features.

With the block's center (x, y) in [−1, 1]² of the root square and s = 2 scale / max_scale − 1,

    q = (x, y, s)
    e = (q, sin 2⁰q, cos 2⁰q, …, sin 2^(F−1) q, cos 2^(F−1) q)          3 (1 + 2F) numbers
    a₀ = ReLU(W₀ e + b₀),   aₖ = ReLU(Wₖ aₖ₋₁ + bₖ)                     k = 1 … encoder_layers
    features [N, N, C] = W aₖ + b                                       row, column, channel

as in the released code, without its overhang: there the place is that of a block's corner.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neural.methods.base import Arrays


def encodings(blocks: np.ndarray, max_scale: int, frequencies: int) -> np.ndarray:
    """Return the encoder's input for blocks, float64 [n, 3 (1 + 2 frequencies)], from their scales,
    columns and rows [n, 3]."""
    scale, x, y = np.asarray(blocks, np.float64)[:, :3].T
    step = 2.0 ** (1 - scale)  # a block's side in [−1, 1]
    q = np.stack(
        [(x + 0.5) * step - 1, (y + 0.5) * step - 1, 2 * scale / max(max_scale, 1) - 1], axis=1
    )
    angles = q[:, None] * 2.0 ** np.arange(frequencies)[:, None]  # [n, frequency, 3]
    waves = np.stack([np.sin(angles), np.cos(angles)], axis=2)
    return np.concatenate([q, waves.reshape(len(q), 6 * frequencies)], axis=1)


def features(weights: Arrays, inputs: np.ndarray, layers: int) -> Any:
    """Map encoder inputs [n, dim] to features [n, N·N·C]; `layers` hidden-to-hidden ones."""
    x = np.asarray(inputs, weights["encoder0_weight"].dtype)
    for layer in range(layers + 1):
        x = x @ weights[f"encoder{layer}_weight"]
        x += weights[f"encoder{layer}_bias"]
        np.maximum(x, 0, out=x)
    x = x @ weights[f"encoder{layers + 1}_weight"]
    x += weights[f"encoder{layers + 1}_bias"]
    return x
