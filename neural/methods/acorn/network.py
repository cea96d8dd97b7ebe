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

from neural.methods.acorn.tree import BlockTree
from neural.methods.base import Arrays


def encodings(blocks: np.ndarray, max_scale: int, frequencies: int) -> np.ndarray:
    """Return the encoder's input for blocks [n, 1 + d], rows (scale, x, y[, z]), of a full tree:
    float64 [n, (d + 1) (1 + 2 frequencies)]."""
    tree = BlockTree(np.shape(blocks)[1] - 1, max_scale)
    q = tree.inputs(tree.codes(blocks))
    angles = q[:, None] * 2.0 ** np.arange(frequencies)[:, None]  # [n, frequency, d + 1]
    waves = np.stack([np.sin(angles), np.cos(angles)], axis=2)
    return np.concatenate([q, waves.reshape(len(q), 2 * frequencies * q.shape[1])], axis=1)


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
