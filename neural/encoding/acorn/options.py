"""Options of `ntile encode --method acorn`."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any

from neural.encoding.acorn.settings import AUTO, PARTITIONS, PRESETS
from neural.errors import UsageError
from neural.system import arguments

METHOD = "acorn"

DEFAULT_TIME_S = 600.0

STAGED = ("preset", "partition", "lod_nodes", "seed")
"""Fields of `AcornOptions` that cannot change when an encode resumes."""


@dataclass(frozen=True)
class AcornOptions:
    """Options of an ACORN layer and its training; at most one of `time_s`, `steps` and
    `EncodeOptions.target_rmse_m`."""

    preset: str = AUTO  # sizes of the network, a name of `settings.PRESETS`, or by the area
    blocks: int | None = None  # most blocks; None: the preset's
    # rule that chooses the blocks: uniform, cut, paper or adaptive; None: by the area
    partition: str | None = None
    borders: str = "blended"  # or "paper": every block up to its edges
    lod_nodes: bool = False  # coarse levels have blocks of their own, trained with the others
    time_s: float | None = None  # of the training; without another limit DEFAULT_TIME_S
    steps: int | None = None
    seed: int = 0
    resume: bool = False  # refuse to begin anew


DEFAULTS = AcornOptions()


def check_unused(options: AcornOptions) -> None:
    """Raise UsageError for options that differ from the defaults, where no layer takes them."""
    flags = {field.name: "--" + field.name.replace("_", "-") for field in fields(options)}
    flags["time_s"] = "--time"
    given = [
        flag for name, flag in flags.items() if getattr(options, name) != getattr(DEFAULTS, name)
    ]
    if given:
        raise UsageError(f"{' and '.join(given)} set the training of acorn: give --method acorn.")


@dataclass(frozen=True)
class Limits:
    """End of a training: one of the three."""

    time_s: float | None = None
    steps: int | None = None
    target_rmse_m: float | None = None


def limits_of(options: AcornOptions, target_rmse_m: float | None) -> Limits:
    """Return the end of a training. Raises UsageError for more than one."""
    limits = Limits(options.time_s, options.steps, target_rmse_m)
    names = {"time_s": "--time", "steps": "--steps", "target_rmse_m": "--target-rmse"}
    given = [text for name, text in names.items() if getattr(limits, name) is not None]
    if len(given) > 1:
        raise UsageError(f"give only one of {' and '.join(given)}.")
    return limits if given else Limits(time_s=DEFAULT_TIME_S)


def checked(options: AcornOptions) -> AcornOptions:
    """Return options in plain Python values. Raises UsageError for values out of range."""
    if not isinstance(options, AcornOptions):
        arguments.refuse("acorn", options, "give an AcornOptions")
    values: dict[str, Any] = {}
    for name in ("blocks", "steps"):
        value = getattr(options, name)
        values[name] = None if value is None else arguments.whole(name, value, 1, 1 << 40)
    for name in ("lod_nodes", "resume"):
        values[name] = arguments.flag(name, getattr(options, name))
    values["seed"] = arguments.whole("seed", options.seed, 0, 1 << 62)
    if options.time_s is not None:
        values["time_s"] = arguments.number("time_s", options.time_s)
        if not 0 <= values["time_s"] < math.inf:
            raise UsageError(f"--time {options.time_s} must be a time of 0 seconds or more.")
    choices = {
        "preset": (AUTO, *PRESETS),
        "partition": (None, *PARTITIONS),
        "borders": ("blended", "paper"),
    }
    for name, names in choices.items():
        if getattr(options, name) not in names:
            listed = ", ".join(entry for entry in names if entry)
            raise UsageError(
                f"--{name} {getattr(options, name)} is not possible; choose from {listed}."
            )
    return replace(options, **values)
