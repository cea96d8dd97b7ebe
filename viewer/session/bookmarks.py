"""The bookmarks of the open area: commands of panels and keys."""

from __future__ import annotations

from dataclasses import replace

from neural.grid import Grid
from viewer.model.settings import Settings
from viewer.session.messages import Messages
from viewer.session.navigation import Navigation
from viewer.storage.bookmarks import Bookmarks


class AreaBookmarks:
    """Named views of the open area; errors become messages."""

    def __init__(self, settings: Settings, navigation: Navigation, messages: Messages) -> None:
        self._settings = settings
        self._navigation = navigation
        self._messages = messages
        self._stored: Bookmarks | None = None
        self._by_area: dict[str, Bookmarks] = {}  # what could not be saved lasts until the end

    def enter(self, grid: Grid) -> bool:
        """Load the bookmarks of an area; return True if it is another one than before."""
        before = self._stored
        stored = Bookmarks(grid, say=self._messages.warn_once)
        if stored.area in self._by_area:
            stored = self._by_area[stored.area]
            stored.refresh()
        self._by_area[stored.area] = self._stored = stored
        return before is not None and before.area != stored.area

    @property
    def names(self) -> list[str]:
        """Names of the area's bookmarks, in their order."""
        return [] if self._stored is None else list(self._stored.views)

    def add(self) -> None:
        """Add the present view."""
        stored = self._stored
        if stored is None:
            return
        camera = replace(self._navigation.camera, fov_deg=self._settings.view.fov_deg)
        if self._messages.report_errors(lambda: stored.add(camera)):
            self._messages.info(f"Added the bookmark {self.names[-1]!r}.")

    def fly_to(self, name: str) -> None:
        """Glide to a bookmark."""
        if self._stored is not None:
            self._navigation.show(self._stored.get(name))

    def rename(self, old: str, new: str) -> bool:
        """Rename a bookmark; return True if that succeeded."""
        stored = self._stored
        return stored is not None and self._messages.report_errors(lambda: stored.rename(old, new))

    def delete(self, name: str) -> None:
        """Delete a bookmark."""
        stored = self._stored
        if stored is not None:
            self._messages.report_errors(lambda: stored.delete(name))
