"""Methods by name: how tiles become payloads. Adding one is a module here, one in models/, one shader, one entry."""

from neural.methods.base import Method
from neural.methods.huvr_siren import HuvrSiren
from neural.methods.reference import Reference

METHODS: dict[str, type[Method]] = {
    "huvr_siren": HuvrSiren,
    "reference": Reference,
}
