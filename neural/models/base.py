"""Common parts of all trainable models: presets, training settings, and weights on disk."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import torch
from safetensors.torch import save
from torch import Tensor, nn

from neural.errors import UsageError
from neural.methods.base import Method
from neural.methods.model_files import part_path
from neural.system import output


@dataclass(frozen=True)
class Augment:
    """Shares of the training tiles that are changed beyond flips and quarter turns."""

    turned: float = 0.0  # by any angle, and shrunk by up to a half
    mixed: float = 0.0  # given the finest relief of another place


PLAIN = Augment()
"""Nothing but flips and quarter turns."""


@dataclass(frozen=True)
class TrainConfig:
    """Optimization settings (AdamW, linear warm-up, cosine decay, mean squared error)."""

    steps: int
    batch: int  # tiles at a time
    learning_rate: float  # peak
    warmup: int  # steps
    points: int  # samples drawn per patch and step
    # additional points between samples and on the outline, which the published loss ignores
    off_grid_points: int = 0
    # tiles that a linear warm start is fitted to; 0: the published initialization
    warm_start_tiles: int = 0
    fit_steps: int = 4000  # of that warm start
    optimizer: str = "adamw"  # see neural.models.optimizers
    other_learning_rate: float = 0.0  # peak, of parameters that Muon does not update
    final_share: float = 1.6e-3  # last learning rate over the peak one
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    # mean of log MSE over tiles: smooth tiles count as rough ones do, as in the mean PSNR
    log_loss: bool = False
    # share of the steps at the end in which a constant rate falls linearly; 0: cosine decay instead
    cool_down: float = 0.0
    accumulate: int = 1  # batches per step
    # of the same loss of slopes per cell, beside that of heights
    slope_weight: float = 0.0
    # cells beyond a patch's outline that off-grid points reach
    halo: float = 0.0
    # per step, of the moving average of weights that is validated and written; 0: the weights
    average: float = 0.0
    augment: Augment = PLAIN


@dataclass(frozen=True)
class Preset:
    """A method with its sizes, the encoder that predicts its latents, and how both are trained."""

    method: Any  # a Method, of the subclass the model expects
    encoder: Any  # the model's `Encoder`
    train: TrainConfig


class TileErrors(NamedTuple):
    """Mean squared errors of each tile [B], over valid samples."""

    heights: Tensor  # of normalized heights
    slopes: Tensor | None = None  # of normalized heights per cell, both components together


class TerrainModel(nn.Module, ABC):
    """Encoder and decoder weights of one method; the decode is that of `neural.methods`, on torch
    tensors."""

    Encoder: ClassVar[type]
    """Frozen dataclass of the encoder's settings."""
    method: Any
    decoder: nn.ParameterDict
    """The weights of `method.weight_shapes()`."""

    def warm_start(self, tiles: Tensor, fit_steps: int) -> None:
        """Replace the published initialization by a better one, from normalized tiles [n, 256,
        256]."""
        raise NotImplementedError(
            f"{self.method.name} has no warm start: set warm_start_tiles to 0"
        )

    @abstractmethod
    def encode(self, tiles: Tensor) -> Tensor:
        """Map normalized tiles [B, 256, 256] in [−1, 1] to the payload's latents [B, tokens,
        dim]."""

    @abstractmethod
    def decode(self, latents: Tensor) -> Tensor:
        """Map latents [B, tokens, dim] to normalized heights [B, 256, 256] at the sample centers;
        differentiable."""

    @abstractmethod
    def loss(
        self, tiles: Tensor, valid: Tensor, config: TrainConfig, generator: torch.Generator | None
    ) -> TileErrors:
        """Return the mean squared errors over valid samples of each tile, of slopes where
        `config.slope_weight` asks for them.

        tiles [B, 256, 256] normalized, valid the same as float 0/1.
        """


def mean_per_tile(squares: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted mean [B] of squared errors [B, …]; 0 where a tile has no weight."""
    return (weight * squares).flatten(1).sum(dim=1) / weight.flatten(1).sum(dim=1).clamp(min=1.0)


def pick_device(name: str) -> torch.device:
    """Return the torch device of a name; `auto` prefers CUDA. Raises UsageError for a device this
    machine lacks."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise UsageError(f"--device {name} is no device; choose auto, cpu or cuda.")
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            raise UsageError(
                f"--device {name}: no CUDA device of that number is available here; use "
                "--device cpu."
            )
    return device


def _header(method: Method, extra: dict[str, str]) -> dict[str, str]:
    return {"method": method.name, "config": json.dumps(method.config(), sort_keys=True), **extra}


def save_model(
    model: nn.Module, stem: Path, preset: Preset, extra: dict[str, str]
) -> tuple[Path, Path]:
    """Write STEM.encoder.safetensors and STEM.decoder.safetensors: matrices in half precision,
    vectors in single.

    A .ntile embeds the decoder file (by its SHA-256); the encoder file is only needed to encode.
    """
    # Gains and biases are few, and rounding them moves everything behind them together: 1 dB of
    # HUVR+SIREN.
    state = {
        name: (v.half() if v.ndim > 1 else v).detach().cpu()
        for name, v in model.state_dict().items()
    }
    state = {name: value.contiguous() for name, value in state.items()}
    decoder = {n.removeprefix("decoder."): v for n, v in state.items() if n.startswith("decoder.")}
    encoder = {n: v for n, v in state.items() if not n.startswith("decoder.")}
    paths = part_path(stem, "encoder"), part_path(stem, "decoder")
    header = _header(preset.method, extra)
    encoder_header = {**header, "encoder": json.dumps(asdict(preset.encoder), sort_keys=True)}
    output.write_bytes(paths[0], save(encoder, encoder_header))
    output.write_bytes(paths[1], save(decoder, header))
    return paths
