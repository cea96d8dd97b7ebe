"""The bookmarks of the open area in the window."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from neural.grid import Grid
from viewer.session.film_jobs import said
from viewer.storage.bookmarks import Bookmarks

if TYPE_CHECKING:
    from viewer.app import App


class Views:
    """Commands of panel and keys on bookmarks; errors become messages."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._kept: Bookmarks | None = None

    def enter(self, grid: Grid) -> bool:
        """A file is open; returns whether it shows another area than the one before."""
        before = self._kept
        self._kept = Bookmarks(grid)
        return before is not None and before.path != self._kept.path

    @property
    def names(self) -> list[str]:
        """The bookmarks of the area in their order."""
        return [] if self._kept is None else list(self._kept.views)

    def add(self) -> None:
        """Keep the present view."""
        app = self._app
        kept = self._kept
        if kept is not None:
            camera = replace(app.camera, fov_deg=app.settings.view.fov_deg)
            if said(app, lambda: kept.add(camera)):
                app.messages.info(f"Added the bookmark {self.names[-1]!r}.")

    def fly_to(self, name: str) -> None:
        """Glide to one."""
        if self._kept is not None:
            self._app.film.pause()
            self._app.navigation.show(self._kept.get(name))

    def rename(self, old: str, new: str) -> bool:
        """Give one another name."""
        kept = self._kept
        return kept is not None and said(self._app, lambda: kept.rename(old, new))

    def delete(self, name: str) -> None:
        """Forget one."""
        kept = self._kept
        if kept is not None:
            said(self._app, lambda: kept.delete(name))
