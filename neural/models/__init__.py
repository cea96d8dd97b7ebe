"""Training modules by method name. Importing this imports torch."""

from neural.models.huvr_siren import PRESETS as HUVR_SIREN_PRESETS
from neural.models.huvr_siren import HuvrSirenModel

MODELS = {
    "huvr_siren": HuvrSirenModel,
}

PRESETS = {
    "huvr_siren": HUVR_SIREN_PRESETS,
}
