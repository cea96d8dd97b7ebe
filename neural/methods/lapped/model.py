"""Weights of a lapped layer's decoder, ready for use."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from neural.methods.lapped.coder import TOTAL, Distributions
from neural.methods.lapped.context import Context
from neural.methods.lapped.residuals import Residuals
from neural.methods.lapped.restoration import Restoration


class Model:
    """Contents of a decoder's weights, ready for use."""

    def __init__(self, weights: Mapping[str, Any]) -> None:
        self.weights = weights
        self.context = Context(weights)
        self.distributions = Distributions(weights)

    @cached_property
    def mask_chance(self) -> np.ndarray:
        """See `neural.methods.lapped.mask_coder.SHAPE`."""
        return np.asarray(self.weights["mask_probability"], np.float64) / TOTAL

    @cached_property
    def restoration(self) -> Restoration:
        """Estimator of details before quantization."""
        return Restoration(self.weights)

    @cached_property
    def residuals(self) -> Residuals:
        """Raises ValueError for weights that do not fit."""
        return Residuals(self.weights)
