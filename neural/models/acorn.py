"""Network of ACORN in torch: block index → feature grid → heights (arXiv 2105.02788)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from neural.encoding.acorn.settings import Sizes
from neural.methods.acorn.network import encodings


class AcornNetwork(nn.Module):
    """Encoder and decoder, initialized as torch's linear layers are."""

    def __init__(self, sizes: Sizes, max_scale: int) -> None:
        super().__init__()
        if sizes.dimension != 2:
            raise ValueError(f"a network in {sizes.dimension} dimensions is not for terrain")
        self.sizes = sizes
        self.max_scale = max_scale
        self.encoder = nn.Sequential(*(nn.Linear(*fans) for fans in sizes.encoder))
        self.decoder = nn.Sequential(*(nn.Linear(*fans) for fans in sizes.decoder))

    def inputs(self, blocks: np.ndarray) -> Tensor:
        """Return the encoder's inputs for blocks (scale, x, y) [n, 3], on the network's device."""
        values = encodings(blocks, self.max_scale, self.sizes.frequencies).astype(np.float32)
        return torch.from_numpy(values).to(next(self.parameters()).device)

    def features(self, inputs: Tensor) -> Tensor:
        """Map inputs [n, values] to feature grids [n, channels, rows, columns]."""
        x = inputs
        for layer in list(self.encoder)[:-1]:
            x = functional.relu(layer(x))
        x = self.encoder[-1](x).float()
        return x.view(len(x), self.sizes.channels, self.sizes.rows, self.sizes.columns)

    def heights(self, features: Tensor, places: Tensor) -> Tensor:
        """Return outputs [n, rows, columns] at places (x, y) in [−1, 1] of each block
        [n, rows, columns, 2]; of several outputs the first."""
        sampled = functional.grid_sample(
            features, places, mode="bilinear", padding_mode="border", align_corners=True
        )
        x = sampled.flatten(2).transpose(1, 2)
        for layer in list(self.decoder)[:-1]:
            x = functional.relu(layer(x))
        x = self.decoder[-1](x)
        return x[..., 0].view(places.shape[:3])

    def export(self) -> dict[str, np.ndarray]:
        """Return weights as `neural.methods.acorn` has them, [fan in, fan out], features in the
        order row, column, channel."""
        weights = {}
        last = len(self.encoder) - 1
        for part, layers in (("encoder", self.encoder), ("decoder", self.decoder)):
            for k, layer in enumerate(layers):
                weight, bias = (p.detach().float().cpu().numpy() for p in layer.parameters())
                if part == "encoder" and k == last:
                    weight = self._by_place(weight)
                    bias = self._by_place(bias)
                weights[f"{part}{k}_weight"] = np.ascontiguousarray(weight.T)
                weights[f"{part}{k}_bias"] = bias
        return weights

    def _by_place(self, values: np.ndarray) -> np.ndarray:
        """Reorder the rows of the encoder's outputs from channel, row, column to row, column,
        channel."""
        sizes = self.sizes
        grids = values.reshape(sizes.channels, sizes.rows * sizes.columns, *values.shape[1:])
        return np.ascontiguousarray(grids.swapaxes(0, 1)).reshape(values.shape)


def tensors_of(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies of weights by name."""
    return {name: value.detach().clone() for name, value in state.items()}
