"""Interactive measurements: the draw tool, background workers, and their results."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neural.surface.sampling import SurfaceSampler
from viewer.measuring import profiles, quantities
from viewer.measuring.look import MEASURE_PANEL, PROFILE_PANEL
from viewer.measuring.profiles import Profile
from viewer.measuring.quantities import MeasurementResult
from viewer.measuring.readout import Readout
from viewer.measuring.terrain import Terrain, of_scene
from viewer.model.measurements import MEASUREMENT_KINDS, is_valid
from viewer.model.readings import Pick
from viewer.model.settings import Measurement, Settings
from viewer.session.document import CurrentDocument, Document
from viewer.session.draw_tool import DrawTool
from viewer.session.messages import Messages
from viewer.session.navigation import Navigation
from viewer.session.pointer import Pointer
from viewer.tiles.background import Latest

if TYPE_CHECKING:
    from neural.grid import Bounds
    from viewer.scene.scene import Scene

NEAR_PX = 14.0
"""Distance of the mouse from the profile's line below which its place is marked in the plot, in
window coordinates."""


class Measuring:
    """Measurements of the open document and the threads that compute them.

    The shapes are in `settings.measuring`.
    """

    def __init__(
        self,
        current: CurrentDocument,
        settings: Settings,
        pointer: Pointer,
        navigation: Navigation,
        messages: Messages,
        show_panel: Callable[[str], object],
    ) -> None:
        """Create without measurements; `show_panel` brings the panel of a title to the front."""
        self._current = current
        self._settings = settings
        self._pointer = pointer
        self._navigation = navigation
        self._messages = messages
        self._show_panel = show_panel
        self.readout = Readout()
        self.tool = DrawTool(settings, pointer, navigation)
        self.profile: Profile | None = None
        """Newest profile, perhaps still growing; of the line before while a new one has not
        begun."""
        self.cursor_m: float | None = None
        """Place along the profile's line under the mouse, in the plot or on the terrain, meters."""
        self.plot_cursor_m: float | None = None
        """Place along the line under the mouse in the plot, meters; None while it is elsewhere."""
        self._samplers: dict[int, SurfaceSampler] = {}  # by decoder
        self._results: dict[Hashable, MeasurementResult | Exception] = {}
        self._measurer = Latest("measurer")
        self._profiler = Latest("profiler")
        self._growing: tuple[Hashable, Profile] | None = None
        self._reported: set[str] = set()

    def terrain(self, scene: Scene, file: int = 0) -> tuple[Terrain, Hashable]:
        """Return the surfaces to measure and a key that changes with them.

        Levels and the reference are those of an open file, the main one or another.
        """
        terrain = of_scene(scene, file, self._samplers)
        samplers = tuple((slot, id(sampler)) for slot, sampler in terrain.slots.items())
        return terrain, (samplers, id(terrain.reference))

    def update(self) -> None:
        """Request missing results from the workers and take in finished ones; once a frame."""
        document = self._current.document
        if document is None:
            return
        terrain, state = self.terrain(document.scene)
        measuring = self._settings.measuring  # perhaps from a file: invalid items are dropped
        measuring.items[:] = [item for item in measuring.items if is_valid(item)]
        measuring.profile[:] = [point for point in measuring.profile if len(point) == 2]
        self._measure(terrain, state)
        self._profile(terrain, state)
        self._link()

    def _measure(self, terrain: Terrain, state: Hashable) -> None:
        """Measure items one after the other; of one that is being dragged, the newest points."""
        answer = self._measurer.answer
        if answer is not None and answer.key not in self._results:
            self._results[answer.key] = answer.value if answer.error is None else answer.error
            if answer.error is not None:
                self._report(answer.error)
        items = self._settings.measuring.items
        keys = [self._key(item, state) for item in items]
        self._results = {key: self._results[key] for key in keys if key in self._results}
        for key, item in zip(keys, items, strict=True):
            if key not in self._results:
                points = [list(point) for point in item.points]
                self._measurer.ask(key, partial(_measure, terrain, item.kind, points))
                return

    def result(self, item: Measurement) -> MeasurementResult | None:
        """Return the result of an item of `settings.measuring.items`; None while it is being
        measured."""
        document = self._current.document
        if document is None:
            return None
        result = self._results.get(self._key(item, self.terrain(document.scene)[1]))
        return result if isinstance(result, MeasurementResult) else None

    def _profile(self, terrain: Terrain, state: Hashable) -> None:
        points = [list(point) for point in self._settings.measuring.profile]
        if len({tuple(point) for point in points}) < 2:
            self.profile = self._growing = None
            self._profiler.forget()
            return
        key = repr(points), state
        if self.profile is None and not self._profiler.busy:
            self._show_panel(PROFILE_PANEL)
        self._profiler.ask(key, partial(self._grow, key, terrain, points))
        if self._growing is not None and self._growing[0] == key:
            self.profile = self._growing[1]
        answer = self._profiler.answer
        if answer is not None and answer.key == key and answer.error is not None:
            self._report(answer.error)

    def _grow(
        self,
        key: Hashable,
        terrain: Terrain,
        points: list[list[float]],
        outdated: Callable[[], bool],
    ) -> None:
        """On the worker: publish the profile piece by piece until it is whole or outdated."""
        for grown in profiles.growing(terrain, points):
            if outdated():
                return
            self._growing = key, grown

    def _link(self) -> None:
        """Set `cursor_m` from the plot, or from a mouse near the line on the terrain."""
        self.cursor_m = self.plot_cursor_m
        profile = self.profile
        pick = self._pointer.pick
        if self.plot_cursor_m is not None or profile is None or pick is None:
            return
        meters = np.hypot(profile.easting - pick.easting, profile.northing - pick.northing)
        index = int(np.argmin(meters))
        places = np.array(
            [[profile.easting[index], profile.northing[index]], [pick.easting, pick.northing]]
        )
        away = np.hypot(*np.diff(self._pointer.pixels(places), axis=0)[0])
        if away <= NEAR_PX * self._navigation.pixel_ratio:
            self.cursor_m = float(profile.distance_m[index])

    def follow(self, pick: Pick | None) -> Pick | None:
        """Return the pick under the cursor completed with the readout worker's numbers."""
        document = self._current.document
        if pick is None or document is None:
            self.readout.forget()
            return pick
        terrain, state = self.terrain(document.scene, pick.file)
        return self.readout.follow(terrain, self._drawn(document.scene, pick), pick, state)

    def _drawn(self, scene: Scene, pick: Pick) -> SurfaceSampler | None:
        """Return the picked surface; None if it cannot be decoded."""
        decoder = None if pick.choice is None else scene.decoder(pick.choice)
        if decoder is None:
            return None
        return self._samplers.setdefault(id(decoder), SurfaceSampler(decoder))

    def start(self, tool: str) -> None:
        """Activate a tool of `measurements.TOOLS`, or "none"; its panel comes to the front."""
        self.tool.choose(tool)
        if tool in MEASUREMENT_KINDS:
            self._settings.measuring.kind = tool
        if tool != "none":
            self.show(tool)

    def show(self, tool: str) -> None:
        """Bring the panel of a tool's results to the front."""
        self._show_panel(PROFILE_PANEL if tool == "profile" else MEASURE_PANEL)

    def toggle(self) -> None:
        """Measure with the tool used last, or stop."""
        measuring = self._settings.measuring
        self.start("none" if measuring.tool in MEASUREMENT_KINDS else measuring.kind)

    def toggle_profile(self) -> None:
        """Draw the line of a profile, or stop."""
        self.start("none" if self._settings.measuring.tool == "profile" else "profile")

    def save(self, out: Path, write: Callable[[Path], object]) -> None:
        """Write a file; report success or failure."""
        self._messages.report_errors(lambda: write(out), f"Saved {out.name}.")

    def enter(self, document: Document) -> None:
        """Drop measurements outside a new document; the others are measured again."""
        self.forget()
        bounds = document.reader.grid.bounds
        measuring = self._settings.measuring
        measuring.items = [item for item in measuring.items if _touches(bounds, item.points)]
        measuring.profile = measuring.profile if _touches(bounds, measuring.profile) else []

    @property
    def busy(self) -> bool:
        """True if a measurement is being computed."""
        return self._measurer.busy or self._profiler.busy

    def forget(self) -> None:
        """Drop all results; the files have changed."""
        for worker in (self.readout, self._measurer, self._profiler):
            worker.forget()
        self._samplers.clear()
        self._results.clear()
        self.profile = self._growing = self.cursor_m = self.plot_cursor_m = None

    def close(self) -> None:
        """End the threads."""
        for worker in (self.readout, self._measurer, self._profiler):
            worker.close()

    def _report(self, error: Exception) -> None:
        """Report an error of measuring, once."""
        if str(error) not in self._reported:
            self._reported.add(str(error))
            self._messages.error(str(error))

    @staticmethod
    def _key(item: Measurement, state: Hashable) -> Hashable:
        return item.kind, repr(item.points), state


def _touches(bounds: Bounds, points: list[list[float]]) -> bool:
    return any(
        bounds.west <= east <= bounds.east and bounds.south <= north <= bounds.north
        for east, north in points
    )


def _measure(
    terrain: Terrain, kind: str, points: list[list[float]], outdated: Callable[[], bool]
) -> MeasurementResult:
    return quantities.measure(terrain, kind, points, outdated)
