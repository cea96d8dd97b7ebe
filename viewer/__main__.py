"""The `terrain-viewer` command: options to Settings, then a window or a picture; errors become one
sentence."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from neural import __version__
from neural.errors import NtileError, UsageError
from neural.system import output
from neural.system.home import keep_libraries_in_place, leave_removed_directory, working_directory
from neural.system.signals import Ended, ended_by_signals
from viewer.cli import compare_options, reference_options
from viewer.cli.film_options import check, film_options, set_decorations
from viewer.cli.look_options import look_options, take
from viewer.cli.options import MAX_WINDOW_SIDE, GroupedCommand, Interval, Points, Size, option
from viewer.model import fonts, limits
from viewer.model.overlays import NAMES
from viewer.model.settings import ContourSettings, Settings
from viewer.session.launch import Launch, check_shown
from viewer.session.messages import Messages
from viewer.storage import named
from viewer.storage import project as projects
from viewer.storage.preferences import THEMES, Store

PICTURE_SIZE = (1280, 720)
WINDOW_SIZE = (1440, 900)
"""Sizes in pixels when --size is not given."""


@click.command(
    cls=GroupedCommand,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.argument("file", required=False)
@click.argument("second", required=False, metavar="[FILE]")
@option(
    "Input", "--project", metavar="FILE", help="Open a saved project; other options go over it."
)
@reference_options.reference_options
@option(
    "Input",
    "--method",
    "methods",
    multiple=True,
    metavar="M",
    help="Method of the layer in slot A; again: in B.",
)
@option(
    "Input",
    "--bits",
    multiple=True,
    type=click.IntRange(1, 32),
    metavar="B",
    help="Bits kept in slot A; again: in slot B.",
)
@option(
    "Overlay",
    "--overlay",
    type=click.Choice(NAMES),
    metavar="O",
    help=f"Colors over the surface: {', '.join(NAMES)}.",
)
@option(
    "Overlay",
    "--tolerance",
    type=click.FloatRange(0.0),
    metavar="M",
    help="Tolerance of --overlay tolerance (0.5).",
)
@option(
    "Overlay",
    "--contours",
    type=Interval(),
    metavar="M",
    help="Lines of equal height every M meters, or auto.",
)
@option(
    "Look",
    "--sse",
    type=click.FloatRange(0.1, 64),
    metavar="PX",
    help="Max. screen-space error (2).",
)
@look_options
@compare_options.compare_options
@option(
    "System",
    "--cache-mb",
    type=click.FloatRange(16),
    metavar="MB",
    help="GPU memory for tiles (as preferred; else 512).",
)
@option(
    "Measure",
    "--profile",
    type=Points(),
    metavar='"E,N E,N …"',
    help="Elevation profile along a line.",
)
@option(
    "Measure",
    "--measure",
    type=(click.Choice(["point", "distance", "area"]), Points()),
    metavar='KIND "E,N …"',
    help="Measure a point, distance or area.",
)
@option(
    "Measure",
    "--out",
    metavar="FILE",
    help="With --headless: the numbers as .csv or .json, a profile as .png.",
)
@option(
    "Film and pictures",
    "--screenshot",
    metavar="OUT.png",
    help="Render to PNG once all tiles are loaded, then exit.",
)
@option(
    "Film and pictures",
    "--size",
    type=Size(),
    help="Size of the picture (1280x720) or the window (1440x900).",
)
@option(
    "Film and pictures",
    "--headless",
    is_flag=True,
    help="No window; use with --screenshot, --profile, --measure.",
)
@film_options
@option(
    "System",
    "--gl",
    type=click.Choice(["auto", "4.3", "4.1"]),
    default="auto",
    help="OpenGL version to use.",
)
@option(
    "System",
    "--do",
    "commands",
    multiple=True,
    metavar="ID",
    help="Run a command, such as view.top, once the files are open; again: another.",
)
@option("System", "--debug", is_flag=True, help="Show tracebacks.")
@option("System", "--theme", type=click.Choice(THEMES), help="Light or dark window and legend.")
@click.version_option(__version__)
def main(debug: bool, **options: Any) -> None:
    """Explore a .ntile terrain file or a saved project (without FILE: the sample area that ships
    with the program).

    \b
    terrain-viewer area.ntile --overlay error
    terrain-viewer area.ntile --bits 8 --bits 4 --split     (slots A and B; the key X swaps them)
    terrain-viewer a.ntile b.ntile --against B              (the difference of two files)
    terrain-viewer area.ntile --headless --screenshot area.png --size 1920x1080
    terrain-viewer area.ntile --headless --profile "241100,3908500 241900,3907200" --out profile.png
    terrain-viewer area.ntile --flythrough --render demo.mp4

    Exit codes: 0 done, 2 wrong usage, 3 input or output failed or the display was lost, 129, 130
    and 143 ended by SIGHUP, Ctrl+C and SIGTERM (closing saves settings then, too), 141 by a reader
    of standard output that has gone.
    """
    keep_libraries_in_place()
    try:
        with ended_by_signals():
            run(_launch(**options))
    except Ended as ended:
        _tell(f"Error: terrain-viewer was ended by {ended.name}; nothing half is left.")
        raise
    except NtileError as error:
        if debug:
            raise
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    except Exception as error:
        if debug:
            raise
        if isinstance(error, FileNotFoundError) and working_directory() is None:
            _tell("Error: The working directory was removed; change to another one.")
            sys.exit(3)
        click.echo(
            f"Error: terrain-viewer met an unexpected {type(error).__name__} ({_line(error)}); "
            "run it again with --debug and report what it prints.",
            err=True,
        )
        sys.exit(3)


def _launch(
    file: str | None,
    second: str | None,
    project: str | None,
    headless: bool,
    screenshot: str | None,
    sse: float | None,
    cache_mb: float | None,
    overlay: str | None,
    tolerance: float | None,
    contours: float | None,
    size: tuple[int, int] | None,
    decorations: frozenset[str] | None,
    **rest: Any,
) -> Launch:
    """Validate the options and build a Launch. Raises UsageError."""
    from assets import sample_files

    numbers = rest["profile"] or rest["measure"]
    files = rest["render"] or rest["results"]
    headless = headless or bool(files)
    if headless and rest["profile"] and rest["measure"]:
        raise UsageError(
            "--headless makes a profile or measures; give --profile or --measure, not both."
        )
    if headless and not (screenshot or numbers or files):
        raise UsageError("--headless draws nothing on its own; add --screenshot OUT.png.")
    if rest["out"] and not (headless and numbers):
        raise UsageError(
            "--out is for the numbers of --headless with --profile or --measure; add these."
        )
    if screenshot and Path(screenshot).suffix.lower() != ".png":
        raise UsageError(
            f"{screenshot}: pictures are written as PNG; give a name that ends in .png."
        )
    if rest["commands"]:
        _check_commands(rest["commands"], headless, draws=bool(screenshot or rest["render"]))
    if second and rest["compare"]:
        raise UsageError(
            "One file can be compared with another; give the second FILE or --compare, not both."
        )
    rest["compare"] = second or rest["compare"]
    if file and not project and file.lower().endswith(".json"):  # a project, as dropped or opened
        project = file
        file = None
    if project and file:
        raise UsageError(
            f"{project}: a project says itself which file to open; give it without {file}."
        )
    if file is None and not project:
        samples = sample_files()
        if not samples:
            raise NtileError("No sample area is installed; give the .ntile file to open.")
        file = str(samples[0])
    size = size or (PICTURE_SIZE if headless else WINDOW_SIZE)
    if not headless and max(size) > MAX_WINDOW_SIDE:
        raise UsageError(
            f"A window of {size[0]}x{size[1]} pixels cannot be opened; add --headless for such "
            "a picture."
        )
    if not headless:
        limits.check(size, limits.WINDOW)
    opened = projects.read(project) if project else None
    settings = Settings() if opened is None else projects.settings_of(opened)
    take(settings, rest)
    settings.overlay.name = overlay or settings.overlay.name
    compare_options.take(settings, rest)
    rest["reference"] = reference_options.take(rest, opened)
    texts = rest.pop("named")
    messages = Messages(echo=_tell)
    launch = Launch(
        path=file,
        settings=settings,
        headless=headless,
        screenshot=screenshot,
        size=size,
        messages=messages,
        preferences=None if headless else Store(messages.warn_once),
        **rest,
    )
    check(launch)
    launch.settings.view.sse_px = sse or settings.view.sse_px
    if cache_mb is not None:
        launch.settings.view.cache_mb = cache_mb
    elif launch.preferences is not None and not project:
        launch.settings.view.cache_mb = launch.preferences.values.cache_mb
    if contours is not None:
        launch.settings.contours = ContourSettings(
            on=True, auto=contours == 0, interval_m=contours or 10.0
        )
    if tolerance is not None:
        launch.settings.overlay.tolerance_m = tolerance
    for text in texts:
        named.put_text(settings, text)
    if decorations is not None or not project:  # a project says itself what its pictures carry
        set_decorations(launch, decorations)
    if opened is not None and project is not None:
        launch.show_project(opened, project)
    return launch


def _check_commands(ids: Sequence[str], headless: bool, *, draws: bool) -> None:
    """Raise UsageError for a command of `--do` that is unknown, or cannot run here."""
    from viewer.session import commands

    if headless and not draws:
        raise UsageError("--do changes what is drawn; add --screenshot OUT.png or --render OUT.")
    from viewer.gui import window_commands

    available = commands.BY_ID if headless else window_commands.BY_ID
    for command_id in ids:
        if command_id in available:
            continue
        if command_id in window_commands.BY_ID:
            raise UsageError(f"{command_id} needs the window; leave out --headless.")
        if command_id in commands.ACTIONS:
            raise UsageError(f"{command_id} takes arguments; it is for panels, not for --do.")
        raise UsageError(commands.unknown(command_id, available))


def run(launch: Launch) -> None:
    """Write the files of a launch, or open the window."""
    for out in launch.outputs:
        output.check(out, launch.inputs, raised=NtileError)
    try:
        if launch.headless:
            if launch.theme:
                from viewer.gui import appearance

                appearance.use(launch.theme)
            if launch.opened_project is not None and not launch.screenshot:  # a picture says it
                for sentence in launch.opened_project.warnings:
                    click.echo(sentence, err=True)
            if launch.render:
                from viewer.cli import film

                film.run(launch)
            if launch.profile or launch.measure:
                from viewer.cli import measure

                measure.run(launch)
            if launch.results:
                from viewer.cli.results import of_launch
                from viewer.scene.results import write

                write(launch.results, of_launch(launch))
            if launch.screenshot:
                _picture(launch)
            for sentence in fonts.take_missing():
                click.echo(sentence, err=True)
        else:
            _window(launch)
    except ImportError as error:
        if ".so" not in str(error):
            raise
        from viewer.graphics import gl

        packages = f"{gl.INSTALL} libx11-6"
        raise NtileError(
            f"A system library is missing ({_line(error)}); install it with `{packages}`."
        ) from error


def _picture(launch: Launch) -> None:
    """Write the picture of `--headless --screenshot`; needs no window and no display."""
    from viewer.cli.progress import progress
    from viewer.pictures import offscreen
    from viewer.pictures.png import write_strips
    from viewer.session import open_scene
    from viewer.session.opening import missing_errors

    out = str(launch.screenshot)
    limits.check(launch.size, limits.STRIPS)
    with open_scene.opened(launch) as session, progress(out, "piece") as report:
        scene = session.require_document().scene
        strips = offscreen.strips(
            scene, session.camera, launch.size, decorate=True, progress=report
        )
        write_strips(out, launch.size, strips)
        told = session.messages.at_least("warning")
        warnings = [message.text for message in told if not message.echoed]
        warnings += missing_errors(scene)
    for warning in warnings:
        click.echo(warning, err=True)
    click.echo(f"{out}: {launch.size[0]}×{launch.size[1]} pixels.", err=True)


def _window(launch: Launch) -> None:
    """Open the desktop window. Raises NtileError where the machine lacks something for it."""
    on_linux = sys.platform.startswith("linux")
    if on_linux and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise NtileError(
            "There is no display to open a window on; use --headless --screenshot OUT.png for a "
            "picture."
        )
    check_shown(launch.inputs)
    loading = None
    if launch.path is not None:
        from viewer.session.opening import Loading

        loading = Loading(launch.request)
    leave_removed_directory()
    from viewer import app  # the files are being read meanwhile

    if loading is not None:
        loading.check()  # errors of the files come before a window flashes up
    app.run(launch, loading)


def _tell(text: str) -> None:
    """Print a sentence on standard error, if anybody listens."""
    with suppress(OSError, ValueError):
        click.echo(text, err=True)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or "no message"


if __name__ == "__main__":
    main()
