"""Dataclasses from plain JSON values, forgiving: invalid values are skipped and named."""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Union, get_args, get_origin, get_type_hints

Rule = tuple[float, float] | tuple[Any, ...]
"""Lowest and highest number (two floats), or the allowed values."""


class NotUnderstoodError(ValueError):
    """A value of the wrong kind or outside its bounds."""


def restore(
    target: Any, values: Any, rules: Mapping[str, Rule] | None = None, where: str = ""
) -> list[str]:
    """Set the fields of a dataclass from a mapping; return the dotted names of invalid values.

    Fields may be numbers, texts, booleans, None beside one of these, dicts and tuples of them, and
    dataclasses. `rules` are by dotted name. Non-finite numbers are invalid.
    """
    if not isinstance(values, Mapping):
        return [where or "everything"]
    hints = get_type_hints(type(target))
    unknown = []
    names = {entry.name for entry in fields(target)}
    unknown += [_dotted(where, str(name)) for name in values if name not in names]
    for name in names & set(values):
        path = _dotted(where, name)
        present = getattr(target, name)
        if is_dataclass(present):
            unknown += restore(present, values[name], rules, path)
            continue
        try:
            value = convert(hints[name], values[name], unknown, rules, path)
            _check(value, (rules or {}).get(path))
        except NotUnderstoodError:
            unknown.append(path)
        else:
            setattr(target, name, value)
    return sorted(unknown)


def convert(
    hint: Any, value: Any, unknown: list[str], rules: Mapping[str, Rule] | None, path: str
) -> Any:
    """Convert a plain value to an annotated type. Raises NotUnderstoodError."""
    origin = get_origin(hint)
    arguments = get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        inner = next(a for a in arguments if a is not type(None))
        return convert(inner, value, unknown, rules, path)
    if origin is dict and isinstance(value, Mapping):
        converted = {
            str(k): convert(arguments[1], v, unknown, rules, _dotted(path, str(k)))
            for k, v in value.items()
        }
        for name, item in converted.items():
            _check(item, (rules or {}).get(_dotted(path, name)))
        return converted
    if origin in (tuple, list) and isinstance(value, list | tuple):
        return origin(convert(arguments[0], item, unknown, rules, path) for item in value)
    if is_dataclass(hint) and isinstance(hint, type):
        restored = hint()
        unknown += restore(restored, value, rules, path)
        return restored
    if (
        hint is float
        and isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) <= sys.float_info.max  # no infinity, no NaN, no integer beyond
    ):
        return float(value)
    if hint in (int, bool, str) and type(value) is hint:
        return value
    raise NotUnderstoodError(path)


def copied(target: Any, source: Any) -> None:
    """Copy all fields of a dataclass into another, nested ones in place, so that existing
    references stay valid."""
    for entry in fields(target):
        value = getattr(source, entry.name)
        if is_dataclass(value) and not isinstance(value, type):
            copied(getattr(target, entry.name), value)
        elif isinstance(value, dict):
            plain = {
                k: replace(v) if is_dataclass(v) and not isinstance(v, type) else v
                for k, v in value.items()
            }
            setattr(target, entry.name, plain)
        else:
            setattr(target, entry.name, value)


def _check(value: Any, rule: Rule | None) -> None:
    if rule is None or value is None:
        return
    if len(rule) == 2 and all(isinstance(bound, float) for bound in rule):
        if not rule[0] <= value <= rule[1]:
            raise NotUnderstoodError
    elif value not in rule:
        raise NotUnderstoodError


def _dotted(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
