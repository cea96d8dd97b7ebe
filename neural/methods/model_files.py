"""Model files: their paths, methods and weights. Needs no torch.

A model is STEM.decoder.safetensors, which a .ntile embeds, and for methods with a learned encoder
STEM.encoder.safetensors beside it.
"""

from __future__ import annotations

import json
from os.path import isfile
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from neural.errors import ModelError
from neural.methods import METHODS
from neural.methods.base import LinkedMethod
from neural.methods.decoder_weights import load_decoder

PARTS = ("encoder", "decoder")


def part_path(stem: Path, part: str) -> Path:
    """Return the file of one of a model's PARTS."""
    return stem.with_name(f"{stem.name}.{part}.safetensors")


def model_stem(name: str) -> Path:
    """Return the path stem of a model: a shipped name (assets/models), or a path with or without
    `.encoder.safetensors`. Raises ModelError for none."""
    from assets import ROOT

    for suffix in (".encoder.safetensors", ".decoder.safetensors", ".safetensors"):
        name = name.removesuffix(suffix)
    if not Path(name).name:
        raise ModelError(f"{name!r} names no model; give a shipped one's name, or a path.")
    shipped = ROOT / "models" / Path(name).name
    named_only = Path(name).name == name
    return (
        shipped
        if named_only and any(isfile(part_path(shipped, part)) for part in PARTS)
        else Path(name)
    )


def model_method(stem: Path) -> str:
    """Return the method of the model with this path stem. Raises ModelError for a missing model."""
    path = next(
        (path for part in PARTS if isfile(path := part_path(stem, part))),
        part_path(stem, "encoder"),
    )
    method: str = _header(path)["method"]
    return method


def load_linked(stem: Path) -> tuple[LinkedMethod, dict[str, Any], bytes]:
    """Return the method, weights and decoder file of a model without a learned encoder.

    Raises ModelError when the file is missing, damaged, or has weights of the wrong shape or NaN.
    """
    path = part_path(stem, "decoder")
    header = _header(path)
    try:
        method = METHODS[header["method"]](**json.loads(header["config"]))
        data = path.read_bytes()
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{path} does not say which method it holds; get an undamaged model file."
        ) from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}).") from error
    if not isinstance(method, LinkedMethod):
        raise ModelError(
            f"{path} holds a {method.name} decoder, which needs its encoder file beside it."
        )
    return method, load_decoder(data, method, str(path)), data


def _header(path: Path) -> dict[str, str]:
    """Return the metadata of a safetensors file. Raises ModelError unless it names a method."""
    if not isfile(path):
        raise ModelError(
            f"{path} does not exist: --model takes a shipped name or the path of a trained model."
        )
    try:
        with safe_open(path, "np") as file:
            header: dict[str, str] = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} holds no readable safetensors weights ({error}).") from error
    if "method" not in header:
        raise ModelError(f"{path} does not say which method it holds; train it with `ntile train`.")
    return header
