"""Settings by name, for scripts and the command line."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, is_dataclass
from typing import Any

from neural.errors import UsageError
from neural.system import arguments
from viewer.model.settings import Settings
from viewer.storage import plain, project

MAIN = {"overlay": "name", "shading": "mode", "contours": "on"}
"""Fields that a group's name alone stands for."""


def places(settings: Settings) -> dict[str, tuple[str, str]]:
    """Return the group and field of every setting name.

    A name is a field of one of the groups, with the group before it where two groups share it, or
    one of MAIN.
    """
    fields_by_name: dict[str, tuple[str, str]] = {}
    short: dict[str, list[tuple[str, str]]] = {}
    for name in (
        entry.name for entry in fields(settings) if is_dataclass(getattr(settings, entry.name))
    ):
        for entry in fields(getattr(settings, name)):
            fields_by_name[f"{name}_{entry.name}"] = name, entry.name
            short.setdefault(entry.name, []).append((name, entry.name))
    fields_by_name |= {name: owners[0] for name, owners in short.items() if len(owners) == 1}
    return fields_by_name | {name: (name, main) for name, main in MAIN.items()}


def put(settings: Settings, name: str, value: Any) -> None:
    """Change a setting by name; a per-overlay one for the present overlay. Raises UsageError."""
    places_by_name = places(settings)
    if name not in places_by_name:
        long = {
            f"{group}_{field}" for short, (group, field) in places_by_name.items() if short == field
        }
        names = ", ".join(sorted(places_by_name.keys() - long))
        raise UsageError(f"Unknown setting {name!r}; available: {names}.")
    group, field = places_by_name[name]
    present = getattr(getattr(settings, group), field)
    path = f"{group}.{field}"
    setting = value
    if isinstance(present, dict) and not isinstance(value, dict):
        setting = {settings.overlay.name: value}
        path = f"{path}.{settings.overlay.name}"
    if plain.restore(settings, {group: {field: setting}}, project.rules()):
        raise UsageError(
            f"The setting {name!r} cannot be {arguments.shown(value)}; {_allowed(path, present)}."
        )


def check(settings: Settings) -> None:
    """Raise UsageError for settings that were changed in place to values they cannot have."""
    values = arguments.plain(asdict(settings))
    wrong = plain.restore(Settings(), values, project.rules())
    if wrong:
        path = wrong[0]
        value: Any = values
        present: Any = Settings()
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else value
            present = present.get(part) if isinstance(present, dict) else getattr(present, part, "")
        raise UsageError(
            f"The setting {path!r} cannot be {arguments.shown(value)}; {_allowed(path, present)}."
        )


def put_text(settings: Settings, text: str) -> None:
    """Change a setting from text: `"shading_colormap=grey"`, `"contours=true"`. Raises
    UsageError."""
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(
            f"{text!r} sets nothing; write a setting's name, = and its value, such as "
            "edl_strength=2."
        )
    try:
        meant = json.loads(value)
    except ValueError:
        meant = value.strip()
    put(settings, name.strip(), meant)


def _allowed(path: str, present: Any) -> str:
    rule = project.rules().get(path)
    if rule is None:
        return f"it is of type {type(present).__name__}"
    if len(rule) == 2 and all(isinstance(bound, float) for bound in rule):
        return f"give a number from {rule[0]:g} to {rule[1]:g}"
    return (
        f"choose from {', '.join(str(choice) for choice in rule)}"
        if rule
        else "no value is allowed"
    )
