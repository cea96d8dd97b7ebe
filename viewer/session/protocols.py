"""Never take a wider one than you use.

Narrow views of a session for those that show it: a panel's `draw` names the protocol of what it
reads, and changes nothing but `settings`, except through `run`. Panels with a document get one
whose `scene` is there. `SessionView` is for the commands and for the window alone. The session's
parts do not import this file, since it names them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from viewer.measuring.quantities import MeasurementResult
    from viewer.model.readings import ErrorStats, FrameStats, Pick
    from viewer.model.settings import LayerChoice, Measurement, Settings
    from viewer.scene.costs import Cost
    from viewer.scene.scene import Scene
    from viewer.session.bookmarks import AreaBookmarks
    from viewer.session.comparing import Comparing
    from viewer.session.document import Document
    from viewer.session.file_queue import FileQueue
    from viewer.session.film import FilmEditor
    from viewer.session.frame_times import FrameTimes
    from viewer.session.measuring import Measuring
    from viewer.session.messages import Messages
    from viewer.session.navigation import Navigation
    from viewer.session.projects import Projects
    from viewer.session.results_log import ResultsLog
    from viewer.storage.preferences import Store


class FileDialogs(Protocol):
    """File dialogs; the callback gets the chosen path in a later frame."""

    def open(self, title: str, suffixes: tuple[str, ...], chosen: Callable[[str], object]) -> None:
        """Ask for an existing file whose name ends in one of `suffixes`."""

    def save(
        self, title: str, suffix: str, chosen: Callable[[str], object], name: str = ""
    ) -> None:
        """Ask for a path to write, ending in `suffix`; `name` is proposed."""


class AppView(Protocol):
    """Common to all panels: messages, preferences, commands."""

    @property
    def messages(self) -> Messages:
        """Log and toasts."""

    @property
    def preferences(self) -> Store:
        """Preferences of the user."""

    def run(self, command_id: str, *arguments: Any, **values: Any) -> None:
        """Queue a command of `viewer.session.commands`; it runs before the next frame."""


class SettingsView(AppView, Protocol):
    """Settings, with or without a document."""

    @property
    def settings(self) -> Settings:
        """Settings; the one thing that panels write."""


class DialogsView(AppView, Protocol):
    """File dialogs."""

    @property
    def dialogs(self) -> FileDialogs:
        """File dialogs of the window."""


class DocumentView(SettingsView, Protocol):
    """An open document."""

    @property
    def scene(self) -> Scene:
        """Scene of the document; it has a reader."""

    @property
    def file_name(self) -> str:
        """Name of the main file."""


class ShadingView(SettingsView, Protocol):
    """Color range of the layer."""

    @property
    def has_outliers(self) -> bool:
        """True if the layer has a few heights far from all others."""
        ...

    @property
    def elevation_range(self) -> tuple[float, float] | None:
        """Lowest and highest height of the layer, meters; None without a document."""


class StatisticsView(AppView, Protocol):
    """Counters of the latest frame."""

    @property
    def stats(self) -> FrameStats:
        """Counters of the latest frame."""

    @property
    def frame_ms(self) -> float:
        """CPU time of the latest picture, milliseconds."""

    @property
    def renderer(self) -> str:
        """Name of GPU and driver; "" without a GL context."""


class CostsView(DocumentView, Protocol):
    """Size and error of each slot's layer."""

    @property
    def rmse_m(self) -> dict[str, float | None]:
        """RMSE in view by slot, meters; None where it is not measured."""

    def cost(self, choice: LayerChoice) -> Cost:
        """Return size and rate of a layer at a bit depth, as far as counted."""


class OverlayView(DocumentView, Protocol):
    """Errors of the picture."""

    @property
    def errors(self) -> ErrorStats | None:
        """Errors in view; None while they are not measured."""


class MeasuringView(DocumentView, DialogsView, Protocol):
    """Measurements, profile and cursor readout."""

    @property
    def measuring(self) -> Measuring:
        """Tools, workers and results."""

    @property
    def pick(self) -> Pick | None:
        """Surface under the cursor; None off the terrain."""

    def measurement(self, item: Measurement) -> MeasurementResult | None:
        """Return the result of a measurement of the settings; None while it is being measured."""


class FilmView(DocumentView, DialogsView, Protocol):
    """Camera path, playback and rendering."""

    @property
    def film(self) -> FilmEditor:
        """Camera-path editor."""


class BookmarksView(AppView, Protocol):
    """Bookmarks of the open area."""

    @property
    def bookmarks(self) -> AreaBookmarks:
        """Bookmarks by name."""


class ResultsView(SettingsView, DialogsView, Protocol):
    """Table of the layers and bit depths tried."""

    @property
    def results(self) -> ResultsLog:
        """Rows and the worker that measures them."""


class DebugView(SettingsView, Protocol):
    """Frame times and machine report."""

    @property
    def frames(self) -> FrameTimes:
        """CPU times of the latest frames."""

    def report(self) -> dict[str, Any]:
        """Return `viewer.session.report.collect` of the scene; {} without a GL context."""


class PanelView(
    ShadingView,
    StatisticsView,
    CostsView,
    OverlayView,
    MeasuringView,
    FilmView,
    BookmarksView,
    ResultsView,
    DebugView,
    Protocol,
):
    """All of the above, for the host of the panels alone."""


class SessionView(Protocol):
    """The session as its commands and the window see it."""

    settings: Settings
    messages: Messages
    preferences: Store
    navigation: Navigation
    comparing: Comparing
    measuring: Measuring
    film: FilmEditor
    bookmarks: AreaBookmarks
    results: ResultsLog
    projects: Projects
    files: FileQueue

    @property
    def document(self) -> Document | None:
        """Open document; None without one."""

    @property
    def pick(self) -> Pick | None:
        """Surface under the cursor; None off the terrain."""

    def open_paths(self, paths: Sequence[str]) -> None:
        """Read files on threads and open each as its kind."""

    def reload(self) -> None:
        """Open the files that have changed again; errors become messages."""

    def close_document(self) -> None:
        """Show no file."""

    def step_bits(self, step: int) -> None:
        """Go to fewer (+1) or more (−1) bits of the active slot's layer."""
