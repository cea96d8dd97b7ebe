"""Film editor: keyframes, preview, generators, files, rendering of films and images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imgui_bundle import ImVec2, hello_imgui, icons_fontawesome_4, imgui

from viewer.film.generators import GENERATORS
from viewer.gui import widgets
from viewer.model.curves import EASINGS
from viewer.model.limits import MAX_SIDE, MIN_SIDE
from viewer.panels.panel import Panel
from viewer.session.film_jobs import SIZES

if TYPE_CHECKING:
    from viewer.session.protocols import FilmView

_EASINGS = tuple(EASINGS)
_DECORATIONS = (
    ("Legend", "legend"),
    ("Scale bar", "scale"),
    ("North arrow", "north"),
    ("Credits", "credits"),
    ("Measurements", "measurements"),
)
_GENERATOR_TIPS = {
    "tour": "A flight over the roughest part of the area and back.",
    "orbit": "Once around the area.",
}


def draw(view: FilmView) -> None:
    """Draw the camera path's commands, player and keyframes, and the rendering options."""
    _buttons(view)
    if view.film.path.keyframes:
        _player(view)
        _keyframes(view)
    else:
        widgets.dim("Press K to add the view as a keyframe, or begin with a tour or an orbit.")
    widgets.heading("Render")
    _rendering(view)


def _buttons(view: FilmView) -> None:
    """Draw the commands on keyframes and path files."""
    film = view.film
    selected = film.selected >= 0
    if imgui.button(f"{icons_fontawesome_4.ICON_FA_PLUS}  Keyframe"):
        view.run("film.add_keyframe")
    widgets.tip("Add this view as a keyframe. Key K.")
    for label, tip, command_id in (
        ("Update", "Set the selected keyframe to this view.", "film.update_keyframe"),
        ("Delete", "Delete the selected keyframe.", "film.delete_keyframe"),
    ):
        imgui.same_line()
        imgui.begin_disabled(not selected)
        if imgui.button(label):
            view.run(command_id)
        imgui.end_disabled()
        widgets.tip(tip)
    for name in GENERATORS:
        if name != GENERATORS[0]:
            imgui.same_line()
        if imgui.button(name.title()):
            view.run(f"film.make_{name}")
        widgets.tip(f"{_GENERATOR_TIPS[name]} Replaces the present path.")
    imgui.same_line()
    if imgui.button("Open…"):
        view.dialogs.open(
            "Open camera path", (".json",), lambda path: view.run("film.open_path", path)
        )
    imgui.same_line()
    imgui.begin_disabled(not film.path.keyframes)
    if imgui.button("Save…"):
        view.dialogs.save(
            "Save camera path",
            ".json",
            lambda path: view.run("film.save_path", path),
            "camera_path.json",
        )
    imgui.end_disabled()


def _keyframes(view: FilmView) -> None:
    """Draw a row per keyframe: number to select it, time, easing of the segment after it."""
    film = view.film
    rows = min(len(film.path.keyframes), 5) + 0.4
    room = ImVec2(0, rows * imgui.get_frame_height_with_spacing())
    flags = imgui.TableFlags_.scroll_y | imgui.TableFlags_.row_bg | imgui.TableFlags_.no_pad_outer_x
    if not imgui.begin_table("keyframes", 3, flags, room):
        return
    em = hello_imgui.em_size()
    imgui.table_setup_column("", imgui.TableColumnFlags_.width_fixed, 2.2 * em)
    imgui.table_setup_column("", imgui.TableColumnFlags_.width_stretch, 1.0)
    imgui.table_setup_column("", imgui.TableColumnFlags_.width_stretch, 1.2)
    for k, frame in enumerate(list(film.path.keyframes)):
        imgui.push_id(k)
        imgui.table_next_column()
        if widgets.pill(str(k + 1), k == film.selected, ImVec2(-1, 0)):
            view.run("film.select_keyframe", k)
        widgets.tip("Go to this keyframe and edit it.")
        imgui.table_next_column()
        imgui.set_next_item_width(-1)
        changed, time_s = imgui.input_float("##time", frame.time_s, 0.0, 0.0, "%.2f s")
        if changed and time_s != frame.time_s:
            view.run("film.edit_keyframe", k, time_s=time_s)
        widgets.tip("Time of this keyframe; keyframes are in order of time.")
        imgui.table_next_column()
        imgui.set_next_item_width(-1)
        changed, easing = imgui.combo(
            "##easing", _EASINGS.index(frame.easing), [e.replace("_", " ") for e in _EASINGS]
        )
        if changed:
            view.run("film.edit_keyframe", k, easing=_EASINGS[easing])
        widgets.tip(f"Easing to the next keyframe: {EASINGS[frame.easing]}.")
        imgui.pop_id()
    imgui.end_table()


def _player(view: FilmView) -> None:
    """Draw play, time slider, loop, visibility of the path."""
    film = view.film
    icon = icons_fontawesome_4.ICON_FA_PAUSE if film.playing else icons_fontawesome_4.ICON_FA_PLAY
    if imgui.button(f"{icon}##play", ImVec2(2.6 * hello_imgui.em_size(), 0)):
        view.run("film.play")
    widgets.tip("Play or pause. Key Space.")
    imgui.same_line()
    imgui.set_next_item_width(-1)
    length = film.path.duration_s
    moved, time_s = imgui.slider_float(
        "##scrub", film.time_s, 0.0, max(length, 0.01), f"%.2f of {length:.2f} s"
    )
    if moved:
        view.run("film.seek", min(time_s, length))
    changed, loop = imgui.checkbox("Loop", film.path.loop)
    if changed:
        view.run("film.set_loop", loop)
    widgets.tip("Close the path, so that the film can be repeated.")
    imgui.same_line()
    film.line_shown = imgui.checkbox("Show path", film.line_shown)[1]
    imgui.same_line()
    if imgui.button("Clear"):
        view.run("film.clear")
    widgets.tip("Delete all keyframes.")


def _rendering(view: FilmView) -> None:
    """Draw size, rate, decorations and the render commands, or the running job."""
    rendering = view.film.jobs
    path = view.film.path
    names = [f"{width} × {height}" for width, height in SIZES]
    current = SIZES.index(rendering.size) if rendering.size in SIZES else -1
    chosen = widgets.choose("Size", current, names)
    if chosen != current:
        rendering.size = SIZES[chosen]
    changed, typed = imgui.input_int2(widgets.labeled("Pixels"), list(rendering.size))
    if changed:
        rendering.size = (
            min(max(typed[0], MIN_SIDE), MAX_SIDE),
            min(max(typed[1], MIN_SIDE), MAX_SIDE),
        )
    fps = imgui.input_float(widgets.labeled("Per second"), path.fps, 0, 0, "%.3g frames")[1]
    path.fps = min(max(fps, 1.0), 240.0)
    decorations = view.settings.decorations
    for k, (label, name) in enumerate(_DECORATIONS):
        if k % 2:
            imgui.same_line(hello_imgui.em_size(9))
        setattr(decorations, name, imgui.checkbox(label, getattr(decorations, name))[1])
    widgets.tip("Drawn on images (also those of F12) and films.")
    job = rendering.job
    if job is not None:
        share = job.done / job.total if job.total else 0.0
        label = f"{job.done} of {job.total}" if job.total else Path(job.out).name
        imgui.progress_bar(share, ImVec2(-5 * hello_imgui.em_size(), 0), label)
        imgui.same_line()
        if imgui.button("Cancel"):
            view.run("film.cancel_rendering")
        return
    imgui.begin_disabled(len(path.keyframes) < 2)
    if imgui.button("Film…"):
        view.run("film.render")
    widgets.tip("Render the path in another process; the window stays responsive.")
    imgui.end_disabled()
    imgui.same_line()
    rendering.frames = imgui.checkbox("PNG frames", rendering.frames)[1]
    widgets.tip("Write frame_00000.png … into a folder instead of an mp4 file.")
    imgui.same_line()
    if imgui.button("Image…"):
        view.run("file.export_image_as")
    widgets.tip("Export this view at the size above.")


PANEL = Panel("Film", dock="Column", needs_document=True, draw=draw)
