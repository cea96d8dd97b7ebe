"""Compression methods by name.

A method turns the body of a payload into heights; `neural.methods.base` is the contract. A new one
is a module here, a training module in models/, a shader in shaders/decode/ and an entry below; the
guide is "Add a method" in CONTRIBUTING.md.
"""

from neural.methods.acorn import Acorn
from neural.methods.base import Method
from neural.methods.functa import Functa
from neural.methods.huvr import Huvr
from neural.methods.huvr_siren import HuvrSiren
from neural.methods.lapped_siren import LappedSiren
from neural.methods.reference import Reference
from neural.methods.trans_inr import TransInr

METHODS: dict[str, type[Method]] = {
    "acorn": Acorn,
    "functa": Functa,
    "huvr": Huvr,
    "huvr_siren": HuvrSiren,
    "lapped_siren": LappedSiren,
    "reference": Reference,
    "trans_inr": TransInr,
}
