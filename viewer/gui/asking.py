"""Commands that ask for a file first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from viewer.model.file_types import TERRAIN_SUFFIXES
from viewer.storage.project import SUFFIX

if TYPE_CHECKING:
    from viewer.gui.view import WindowView


def compared_file(view: WindowView) -> None:
    """Ask for a file to compare with, then open it into slot B."""
    view.dialogs.open("Compare with", TERRAIN_SUFFIXES, view.session.files.compare)


def save_project(view: WindowView) -> None:
    """Save the project to its file, or ask for one."""
    if view.session.projects.path is None:
        save_project_as(view)
    else:
        view.session.projects.save()


def save_project_as(view: WindowView) -> None:
    """Ask for a project file, then save to it."""
    projects = view.session.projects
    view.dialogs.save("Save project", SUFFIX, projects.write, projects.suggested_name)


def export_image(view: WindowView) -> None:
    """Ask for a PNG file, then render the view at the size of the Film panel."""
    jobs = view.session.film.jobs
    view.dialogs.save("Export image", ".png", jobs.picture, f"{_stem(view)}.png")


def render_film(view: WindowView) -> None:
    """Ask for an .mp4 file or a folder, then render the camera path."""
    film = view.session.film
    suffix = film.jobs.film_suffix
    view.dialogs.save(
        "Render film",
        suffix,
        lambda out: film.jobs.film(out, film.path),
        f"{_stem(view)}_film{suffix}",
    )


def _stem(view: WindowView) -> str:
    document = view.session.document
    return "terrain" if document is None else document.path.stem
