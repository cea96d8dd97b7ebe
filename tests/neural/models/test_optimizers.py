"""Which weights each optimizer moves."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from neural.models import MODELS
from neural.models.optimizers import OPTIMIZERS
from tests.support.models import TINY


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_weight_is_moved_by_one_optimizer(name: str) -> None:
    model = MODELS["huvr_siren"](TINY)
    optimizers = OPTIMIZERS[name](model, replace(TINY.train, optimizer=name))
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    moved = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(moved) == sorted(id(parameter) for parameter in model.parameters())


def test_muon_leaves_sines_and_vectors_to_adamw() -> None:
    model = MODELS["huvr_siren"](TINY)
    config = replace(TINY.train, learning_rate=0.5, other_learning_rate=0.25)
    muon, adamw = OPTIMIZERS["muon"](model, config)
    assert isinstance(muon, torch.optim.Muon)
    (matrices,) = muon.param_groups
    (rest,) = adamw.param_groups
    assert (matrices["lr"], rest["lr"]) == (0.5, 0.25)
    assert {parameter.ndim for parameter in matrices["params"]} == {2}
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert not any("siren" in names[id(parameter)] for parameter in matrices["params"])
    sines = [name for name in names.values() if name.startswith("decoder.siren")]
    assert set(sines) <= {names[id(parameter)] for parameter in rest["params"]}
