"""Loading of trained models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from neural.errors import ModelError
from neural.methods import METHODS
from neural.methods.decoder_weights import check_weights
from neural.methods.model_files import PARTS, part_path
from neural.models import MODELS
from neural.models.base import Preset, TrainConfig


def load_model(stem: Path) -> tuple[Any, bytes, bytes]:
    """Return the model from STEM.encoder.safetensors and STEM.decoder.safetensors, with both files'
    bytes.

    Raises ModelError when a file is missing, damaged, of another method, or has weights of the
    wrong shape or NaN.
    """
    paths = [part_path(stem, part) for part in PARTS]
    state = {}
    headers = []
    for path, prefix in zip(paths, ("", "decoder."), strict=True):
        if not path.is_file():
            raise ModelError(
                f"{path} does not exist: --model takes a shipped name or the path of a trained "
                "model."
            )
        try:
            with safe_open(path, "pt") as file:
                headers.append(file.metadata() or {})
                state.update({prefix + name: file.get_tensor(name).float() for name in file.keys()})
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{path} holds no readable safetensors weights ({error}).") from error
    try:
        name = headers[0]["method"]
        method = METHODS[name](**json.loads(headers[0]["config"]))
        encoder = MODELS[name].Encoder(**json.loads(headers[0]["encoder"]))
        same = (headers[1]["method"], headers[1]["config"]) == (name, headers[0]["config"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{paths[0]} does not say which method it holds; train it with `ntile train`."
        ) from error
    if not same:
        raise ModelError(
            f"{paths[0]} and {paths[1]} belong to different models; keep files of one training "
            "together."
        )
    with torch.device("meta"):
        model = MODELS[name](Preset(method, encoder, TrainConfig(0, 0, 0.0, 0, 0)))
    shapes = {n: tuple(v.shape) for n, v in model.state_dict().items()}
    check_weights({n: v.numpy() for n, v in state.items()}, shapes, str(stem))
    model = MODELS[name](Preset(method, encoder, TrainConfig(0, 0, 0.0, 0, 0)))
    model.load_state_dict(state)
    return model, paths[0].read_bytes(), paths[1].read_bytes()
