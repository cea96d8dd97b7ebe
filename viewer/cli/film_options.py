"""Options of the command for views, films and pictures, and their valid combinations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import click

from neural.errors import UsageError
from viewer.cli.options import Kinds, option
from viewer.film.generators import GENERATORS
from viewer.model.settings import DecorationSettings
from viewer.session.launch import Launch

GROUP = "Film and pictures"


def film_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command; their names are fields of `Launch`, but for `decorations`."""
    for add in reversed(_OPTIONS):
        command = add(command)
    return command


_OPTIONS = (
    option(
        GROUP,
        "--view",
        metavar="NAME|JSON",
        help="Initial view: a bookmark of the area, or a view file.",
    ),
    option(
        GROUP,
        "--path",
        "camera_path",
        metavar="CAM.json",
        help="Camera path to render, or to open in the Film panel.",
    ),
    option(
        GROUP,
        "--flythrough",
        is_flag=False,
        flag_value=GENERATORS[0],
        type=click.Choice(GENERATORS),
        help=f"Generate a camera path of the area ({GENERATORS[0]} by default).",
    ),
    option(
        GROUP,
        "--render",
        metavar="OUT.mp4|DIR",
        help="Render the path to a film or to PNG frames, then exit.",
    ),
    option(
        GROUP, "--fps", type=click.FloatRange(1, 240), metavar="N", help="Pictures per second (30)."
    ),
    option(
        GROUP,
        "--duration",
        "duration_s",
        type=click.FloatRange(0.1, 36000),
        metavar="S",
        help="Duration of the film, seconds.",
    ),
    option(GROUP, "--resume", is_flag=True, help="Resume an interrupted frame sequence."),
    option(
        GROUP,
        "--decorations",
        type=Kinds(),
        help="On pictures: some of legend,scale,north,credits,measurements; all; none "
        "(legend,measurements).",
    ),
)


def check(launch: Launch) -> None:
    """Raise UsageError for options that exclude each other."""
    if launch.camera_path and launch.flythrough:
        raise UsageError("--path and --flythrough are two camera paths; give one of them.")
    has_path = bool(launch.camera_path or launch.flythrough)
    if launch.render is None:
        for name, given in (("--fps", launch.fps), ("--resume", launch.resume)):
            if given:
                raise UsageError(f"{name} is for films; add --render OUT.mp4.")
        if launch.duration_s and not has_path:
            raise UsageError("--duration is for camera paths; add --flythrough or --path CAM.json.")
        if has_path and (launch.headless or launch.screenshot):
            raise UsageError(
                "A camera path makes a film, not a picture; add --render OUT.mp4 or leave out "
                "the path."
            )
        return
    if launch.screenshot:
        raise UsageError("--render and --screenshot are two tasks; give one of them.")
    if not has_path:
        raise UsageError("--render needs a camera path; add --flythrough or --path CAM.json.")


def set_decorations(launch: Launch, names: frozenset[str] | None) -> None:
    """Set the decorations of pictures; None: measurements, and the legend if colors need one."""
    if names is None:
        plain = launch.render and launch.settings.overlay.name == "none"
        names = frozenset(["measurements"] if plain else ["legend", "measurements"])
    for kind in fields(DecorationSettings):
        setattr(launch.settings.decorations, kind.name, kind.name in names)
