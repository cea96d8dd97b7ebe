"""Arguments of the public Python API: numbers, flags, texts and paths of any library's types.

Every function takes the name of the argument and the value that came, and returns a plain Python
value. Anything else raises UsageError: a sentence with the name, the value and the remedy.
"""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, NoReturn

from neural.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

_LONGEST = 60  # letters of a value in a sentence


def refuse(name: str, value: Any, remedy: str) -> NoReturn:
    """Raise UsageError: `name` cannot be `value`; `remedy`."""
    raise UsageError(f"{name} cannot be {shown(value)}; {remedy}.") from None


def shown(value: Any) -> str:
    """Return a short text of any value for a sentence, with its type where the value alone does not
    tell it."""
    try:
        text = " ".join(repr(value).split())
    except Exception:
        text = object.__repr__(value)
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - 1]}…"
    telling = value is None or isinstance(value, str | bytes | bool | int | float | list | tuple)
    return text if telling else f"{text} ({type(value).__name__})"


def plain(value: Any) -> Any:
    """Return numpy scalars and arrays, fractions and decimals, also inside lists, tuples and
    mappings, as Python values; others as they are."""
    try:
        return _plain(value)
    except (ValueError, OverflowError, RecursionError):  # no float of it, or a list in itself
        return value


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [_plain(item) for item in value]
        return items if isinstance(value, list) else tuple(items)
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Real | Decimal) and not isinstance(value, int | float):
        return int(value) if isinstance(value, Integral) else float(value)
    return value


def number(name: str, value: Any, least: float = -math.inf, most: float = math.inf) -> float:
    """Return a finite number from `least` to `most`; no flag, no text."""
    remedy = "give a finite number" + _range(least, most)
    scalar = plain(value)
    if isinstance(scalar, bool | str | bytes | bytearray | list | tuple | complex):
        refuse(name, value, remedy)
    try:
        result = float(scalar)
    except (TypeError, ValueError, OverflowError):
        refuse(name, value, remedy)
    if not (math.isfinite(result) and least <= result <= most):
        refuse(name, value, remedy)
    return result


def whole(name: str, value: Any, least: float = -math.inf, most: float = math.inf) -> int:
    """Return a whole number from `least` to `most`, of any integral type; no flag."""
    remedy = "give a whole number" + _range(least, most)
    scalar = plain(value)
    if isinstance(scalar, bool):
        refuse(name, value, remedy)
    try:
        result = operator.index(scalar)
    except TypeError:
        refuse(name, value, remedy)
    if not least <= result <= most:
        refuse(name, value, remedy)
    return result


def flag(name: str, value: Any) -> bool:
    """Return True or False, of any library's type."""
    scalar = plain(value)
    if not isinstance(scalar, bool):
        refuse(name, value, "give True or False")
    return scalar


def text(name: str, value: Any, choices: Iterable[str] = ()) -> str:
    """Return a text, one of `choices` if there are any."""
    scalar = plain(value)
    allowed = list(choices)
    remedy = f"choose from {', '.join(allowed)}" if allowed else "give a text"
    if not isinstance(scalar, str) or (allowed and scalar not in allowed):
        refuse(name, value, remedy)
    return scalar


def path(name: str, value: Any) -> str:
    """Return the path of a str, bytes or os.PathLike that is not empty."""
    remedy = "give the path of a file, as text or pathlib.Path"
    try:
        result = os.fsdecode(plain(value))
    except (TypeError, ValueError):
        refuse(name, value, remedy)
    if not result or "\0" in result:
        refuse(name, value, remedy)
    if not os.path.isabs(result) and "://" not in result:
        try:
            os.getcwd()
        except FileNotFoundError:
            refuse(name, value, "the working directory was removed; give an absolute path")
    return result


def instance(name: str, value: Any, kinds: type | tuple[type, ...], remedy: str) -> None:
    """Refuse a value that is no instance of `kinds`."""
    if not isinstance(value, kinds):
        refuse(name, value, remedy)


def function(name: str, value: Any) -> None:
    """Refuse a value that cannot report progress."""
    if not callable(value):
        refuse(name, value, "give a function of (done, total)")


def several(name: str, value: Any, remedy: str) -> list[Any]:
    """Return the items of a sequence or array, or a single text or number as the one item."""
    items = plain(value)
    if isinstance(items, str | bytes | bool | int | float):
        return [items]
    if isinstance(items, Mapping) or not isinstance(items, Iterable):
        refuse(name, value, remedy)
    return list(items)


def pairs(name: str, value: Any, remedy: str) -> list[list[float]]:
    """Return pairs of finite numbers, at least one."""
    items = plain(value)
    if not isinstance(items, Sequence) or isinstance(items, str | bytes) or not items:
        refuse(name, value, remedy)
    result = []
    for item in items:
        if not isinstance(item, Sequence) or isinstance(item, str | bytes) or len(item) != 2:
            refuse(name, value, remedy)
        try:
            result.append([number(name, part) for part in item])
        except UsageError:
            refuse(name, value, remedy)
    return result


def numbers(name: str, value: Any) -> np.ndarray:
    """Return real numbers of any shape as float64, NaN included."""
    import numpy as np

    remedy = "give a number or an array of numbers"
    try:
        array = np.asarray(value)
        exact = array.dtype == object and all(isinstance(item, Real) for item in array.flat)
        if array.dtype.kind in "iuf" or exact:
            return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        pass
    refuse(name, value, remedy)


def _range(least: float, most: float) -> str:
    if math.isinf(least) and math.isinf(most):
        return ""
    if math.isinf(most):
        return f" of {least:g} or more"
    if math.isinf(least):
        return f" up to {most:g}"
    return f" from {least:g} to {most:g}"
