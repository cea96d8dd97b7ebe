"""What every trainable model shares: presets, training settings, and weights on disk."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from neural.errors import ModelError, UsageError
from neural.methods import METHODS
from neural.methods.base import Method
from neural.models.vit import VitConfig
from neural.weights import check_weights


@dataclass(frozen=True)
class TrainConfig:
    """Optimisation settings (AdamW, linear warm-up, cosine decay, MSE)."""

    steps: int
    batch: int  # tiles per step
    learning_rate: float  # peak
    warmup: int  # steps
    points: int  # samples drawn per patch and step
    border_points: int = 0  # more of them on the patch's outline, which the published loss leaves free
    warm_start_tiles: int = 0  # tiles that a linear warm start is fitted to; 0: the published initialisation
    optimiser: str = "adamw"  # see neural.optimisers
    other_learning_rate: float = 0.0  # peak for what Muon does not update
    final_share: float = 1.6e-3  # last learning rate over the peak one
    weight_decay: float = 0.01
    clip_norm: float = 1.0


@dataclass(frozen=True)
class Preset:
    """A method with its sizes, the encoder that predicts its latents, and how both are trained."""

    method: Any  # a Method; its model knows which
    vit: VitConfig
    train: TrainConfig


def pick_device(name: str) -> torch.device:
    """`auto` is CUDA where there is one. Raises UsageError for a device this machine lacks."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError("--device cuda: no CUDA device is available here; use --device cpu.")
    return torch.device(name)


def _header(method: Method, extra: dict[str, str]) -> dict[str, str]:
    return {"method": method.name, "config": json.dumps(method.config(), sort_keys=True), **extra}


def save_model(model: nn.Module, stem: Path, preset: Preset, extra: dict[str, str]) -> tuple[Path, Path]:
    """Write STEM.encoder.safetensors and STEM.decoder.safetensors in half precision.

    The decoder file is what a .ntile embeds (by its SHA-256); the encoder file is only needed to encode.
    """
    state = {name: value.detach().cpu().half().contiguous() for name, value in model.state_dict().items()}
    decoder = {n.removeprefix("decoder."): v for n, v in state.items() if n.startswith("decoder.")}
    encoder = {n: v for n, v in state.items() if not n.startswith("decoder.")}
    paths = stem.with_name(f"{stem.name}.encoder.safetensors"), stem.with_name(f"{stem.name}.decoder.safetensors")
    header = _header(preset.method, extra)
    save_file(encoder, paths[0], {**header, "vit": json.dumps(asdict(preset.vit), sort_keys=True)})
    save_file(decoder, paths[1], header)
    return paths


def load_model(stem: Path) -> tuple[Any, bytes, bytes]:
    """Model from STEM.encoder.safetensors and STEM.decoder.safetensors, with both files' bytes.

    Raises ModelError when a file is missing, damaged, of another method, or has weights of the wrong shape or NaN.
    """
    from neural.models import MODELS

    paths = [stem.with_name(f"{stem.name}.{part}.safetensors") for part in ("encoder", "decoder")]
    state, headers = {}, []
    for path, prefix in zip(paths, ("", "decoder."), strict=True):
        if not path.is_file():
            raise ModelError(f"{path} does not exist: --model takes a shipped name or the path of a trained model.")
        try:
            with safe_open(path, "pt") as file:
                headers.append(file.metadata() or {})
                state.update({prefix + name: file.get_tensor(name).float() for name in file.keys()})
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{path} holds no readable safetensors weights ({error}).") from error
    try:
        name = headers[0]["method"]
        method = METHODS[name](**json.loads(headers[0]["config"]))
        vit = VitConfig(**json.loads(headers[0]["vit"]))
        same = (headers[1]["method"], headers[1]["config"]) == (name, headers[0]["config"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{paths[0]} does not say which method it holds; train it with `ntile train`.") from error
    if not same:
        raise ModelError(f"{paths[0]} and {paths[1]} belong to different models; keep files of one training together.")
    with torch.device("meta"):
        model = MODELS[name](Preset(method, vit, TrainConfig(0, 0, 0.0, 0, 0)))
    shapes = {n: tuple(v.shape) for n, v in model.state_dict().items()}
    check_weights({n: v.numpy() for n, v in state.items()}, shapes, str(stem))
    model = MODELS[name](Preset(method, vit, TrainConfig(0, 0, 0.0, 0, 0)))
    model.load_state_dict(state)
    return model, paths[0].read_bytes(), paths[1].read_bytes()


def model_stem(name: str) -> Path:
    """Path stem of a model: a shipped name (assets/models), or a path with or without `.encoder.safetensors`."""
    from assets import ROOT

    for suffix in (".encoder.safetensors", ".decoder.safetensors", ".safetensors"):
        name = name.removesuffix(suffix)
    shipped = ROOT / "models" / Path(name).name
    named_only = Path(name).name == name
    return shipped if named_only and Path(f"{shipped}.encoder.safetensors").is_file() else Path(name)
