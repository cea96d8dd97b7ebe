"""Host of the panels: gives each of them its view, and says where no file is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from viewer.graphics import gl
from viewer.gui import widgets
from viewer.panels.panel import Panel

if TYPE_CHECKING:
    from viewer.gui.view import WindowView
    from viewer.measuring.quantities import MeasurementResult
    from viewer.model.readings import ErrorStats, FrameStats, Pick
    from viewer.model.settings import LayerChoice, Measurement, Settings
    from viewer.scene.costs import Cost
    from viewer.scene.scene import Scene
    from viewer.session.bookmarks import AreaBookmarks
    from viewer.session.film import FilmEditor
    from viewer.session.frame_times import FrameTimes
    from viewer.session.measuring import Measuring
    from viewer.session.messages import Messages
    from viewer.session.protocols import FileDialogs
    from viewer.session.results_log import ResultsLog
    from viewer.storage.preferences import Store

NO_FILE = "No file is open. Drop a .ntile file on the window or press Ctrl+O."


class Host:
    """A window as its panels see it: `viewer.session.protocols.PanelView`."""

    def __init__(self, window: WindowView) -> None:
        self._window = window
        self._session = window.session

    def draw(self, panel: Panel) -> None:
        """Draw a panel's contents."""
        if panel.needs_document and self._session.document is None:
            widgets.dim(NO_FILE)
            return
        panel.draw(self)

    def run(self, command_id: str, *arguments: Any, **values: Any) -> None:
        """Queue a command."""
        self._window.run(command_id, *arguments, **values)

    @property
    def messages(self) -> Messages:
        """Log and toasts."""
        return self._session.messages

    @property
    def preferences(self) -> Store:
        """Preferences of the user."""
        return self._session.preferences

    @property
    def settings(self) -> Settings:
        """Settings; the one thing that panels write."""
        return self._session.settings

    @property
    def dialogs(self) -> FileDialogs:
        """File dialogs of the window."""
        return self._window.dialogs

    @property
    def scene(self) -> Scene:
        """Scene of the document; only for panels that need one."""
        return self._session.require_document().scene

    @property
    def file_name(self) -> str:
        """Name of the main file; "" without one."""
        document = self._session.document
        return "" if document is None else document.path.name

    @property
    def elevation_range(self) -> tuple[float, float] | None:
        """Lowest and highest height of the layer, meters; None without a GL context."""
        scene = self._session.scene
        return None if scene is None else scene.elevation_range

    @property
    def has_outliers(self) -> bool:
        """True if the layer has a few heights far from all others."""
        scene = self._session.scene
        return scene is not None and scene.heights.trimmed

    @property
    def stats(self) -> FrameStats:
        """Counters of the latest frame."""
        return self._session.stats

    @property
    def frame_ms(self) -> float:
        """CPU time of the latest picture, milliseconds."""
        viewport = self._window.viewport
        return 0.0 if viewport is None else viewport.frame_ms

    @property
    def renderer(self) -> str:
        """Name of GPU and driver; "" without a GL context."""
        scene = self._session.scene
        return "" if scene is None else gl.describe(scene.ctx)

    @property
    def rmse_m(self) -> dict[str, float | None]:
        """RMSE in view by slot, meters; None where it is not measured."""
        return self._session.rmse_m

    def cost(self, choice: LayerChoice) -> Cost:
        """Return size and rate of a layer at a bit depth, as far as counted."""
        return self._session.cost(choice)

    @property
    def errors(self) -> ErrorStats | None:
        """Errors in view; None while they are not measured."""
        return self._session.errors

    @property
    def measuring(self) -> Measuring:
        """Tools, workers and results."""
        return self._session.measuring

    @property
    def pick(self) -> Pick | None:
        """Surface under the cursor; None beside it."""
        return self._session.pick

    def measurement(self, item: Measurement) -> MeasurementResult | None:
        """Return the result of a measurement of the settings; None while it is being measured."""
        return self._session.measuring.result(item)

    @property
    def film(self) -> FilmEditor:
        """Camera-path editor."""
        return self._session.film

    @property
    def bookmarks(self) -> AreaBookmarks:
        """Bookmarks of the area."""
        return self._session.bookmarks

    @property
    def results(self) -> ResultsLog:
        """Rows and the worker that measures them."""
        return self._session.results

    @property
    def frames(self) -> FrameTimes:
        """CPU times of the latest frames."""
        return self._window.debugging.frames

    def report(self) -> dict[str, Any]:
        """Return `viewer.session.report.collect` of the scene; {} without a GL context."""
        return self._window.debugging.report()
