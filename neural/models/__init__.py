"""Training modules by method name. Importing this imports torch."""

from typing import Any

from neural.models.functa import PRESETS as FUNCTA_PRESETS
from neural.models.functa import FunctaModel
from neural.models.huvr import PRESETS as HUVR_PRESETS
from neural.models.huvr import HuvrModel
from neural.models.huvr_siren import PRESETS as HUVR_SIREN_PRESETS
from neural.models.huvr_siren import HuvrSirenModel
from neural.models.lapped_siren import PRESETS as LAPPED_SIREN_PRESETS
from neural.models.trans_inr import PRESETS as TRANS_INR_PRESETS
from neural.models.trans_inr import TransInrModel

MODELS: dict[str, Any] = {
    "functa": FunctaModel,
    "huvr": HuvrModel,
    "huvr_siren": HuvrSirenModel,
    "trans_inr": TransInrModel,
}
"""Encoder and decoder in one. A model of lapped_siren is a context model: see
`neural.models.context_training`."""

PRESETS: dict[str, Any] = {
    "functa": FUNCTA_PRESETS,
    "huvr": HUVR_PRESETS,
    "huvr_siren": HUVR_SIREN_PRESETS,
    "lapped_siren": LAPPED_SIREN_PRESETS,
    "trans_inr": TRANS_INR_PRESETS,
}
