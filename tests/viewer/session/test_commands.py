"""The table of commands: unique ids, titles and groups, and what running them does, without a
window."""

import re
from types import SimpleNamespace

import pytest

from neural.errors import UsageError
from viewer.model.overlays import OVERLAYS
from viewer.model.settings import Settings
from viewer.session import commands
from viewer.session.session import Session


def test_ids_and_titles_are_unique_and_groups_known():
    ids = [command.id for command in commands.COMMANDS]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z]+\.[a-z_]+", command_id) for command_id in ids)
    assert not set(ids) & set(commands.ACTIONS)
    titles = [(command.group, command.title) for command in commands.COMMANDS]
    assert len(set(titles)) == len(titles)
    assert {command.group for command in commands.COMMANDS} <= set(commands.GROUPS)


def test_ids_stay():
    """Scripts, projects and key bindings name them: never change one."""
    assert {
        "view.zoom_to_extent",
        "view.top",
        "compare.swap",
        "layer.fewer_bits",
        "measure.start_profile",
        "film.add_keyframe",
        "overlay.error",
        "debug.freeze_lod",
        "bookmark.add",
        "file.close",
    } <= set(commands.BY_ID)


def settings_after(*ids, settings=None):
    session = SimpleNamespace(settings=settings or Settings(), document=object())
    for command_id in ids:
        assert commands.run(session, command_id)
    return session


def test_toggles_flip_and_say_so():
    for command in commands.COMMANDS:
        if command.group == "Debug" and command.checked is not None:
            once = settings_after(command.id)
            assert command.is_checked(once)
            assert not command.is_checked(settings_after(command.id, command.id))


def test_overlays_come_and_go():
    for name in OVERLAYS:
        if f"overlay.{name}" not in commands.BY_ID or name == "error":
            continue
        assert settings_after(f"overlay.{name}").settings.overlay.name == name
        assert settings_after(*2 * [f"overlay.{name}"]).settings.overlay.name == "none"


def test_shading_and_swap():
    assert settings_after("shading.hillshade").settings.shading.mode == "hillshade"
    assert settings_after("compare.swap").settings.active == "B"
    assert settings_after("compare.swap", "compare.swap").settings.active == "A"


def test_unknown_ids_name_the_nearest():
    with pytest.raises(UsageError, match=r"view\.zoom_to_extnt.*did you mean view\.zoom_to_extent"):
        commands.run(SimpleNamespace(), "view.zoom_to_extnt")
    with pytest.raises(UsageError, match="Ctrl\\+P lists them"):
        commands.run(SimpleNamespace(), "☃")


def test_a_session_without_a_file_runs_every_command():
    session = Session()
    try:
        ran = {command.id: commands.run(session, command.id) for command in commands.COMMANDS}
        assert not ran["compare.swap"]  # disabled without a file
        assert ran["debug.wireframe"]
        assert session.settings.debug.wireframe
        assert [m.text for m in session.messages.entries if m.level == "error"] == []
    finally:
        session.close()


def test_queued_commands_run_together_in_their_order():
    session = Session()
    try:
        session.run("shading.hillshade")
        session.run("shading.elevation")
        session.run("film.set_loop", False)
        assert session.settings.shading.mode == Settings().shading.mode
        assert session.busy
        session.run_queued()
        assert session.settings.shading.mode == "elevation"
        assert not session.queue.busy
        session.run("film.edit_keyframe", 0, time_s=1.0)
        (call,) = session.queue.take()
        assert call == ("film.edit_keyframe", (0,), {"time_s": 1.0})
        session.run("no.such")
        with pytest.raises(UsageError, match="no command"):
            session.run_queued()
    finally:
        session.close()
