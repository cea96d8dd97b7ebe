"""Measuring in the window: what `App.measuring` is. It answers the panels, the status bar and the
tools."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neural.errors import NtileError
from neural.grid import Bounds
from neural.surface.sampling import SurfaceSampler
from viewer.gui import window
from viewer.measuring import profiles, quantities
from viewer.measuring.lines import Projector
from viewer.measuring.look import MEASURE_PANEL, PROFILE_PANEL
from viewer.measuring.profiles import Profile
from viewer.measuring.quantities import MeasurementResult
from viewer.measuring.readout import Readout
from viewer.measuring.terrain import Terrain, of_scene
from viewer.model.measurements import MEASUREMENT_KINDS, is_valid
from viewer.model.readings import Pick
from viewer.model.settings import Measurement
from viewer.session.draw_tool import DrawTool
from viewer.tiles.background import Latest

if TYPE_CHECKING:
    from viewer.app import App
    from viewer.scene.scene import Scene

NEAR_PX = 14.0
"""The mouse shows its place in the profile when it is this near to the line, in window
coordinates."""


class Measuring:
    """Measurements in one window, and the threads that make them. The shapes themselves are in
    `settings.measuring`."""

    def __init__(self) -> None:
        self.readout = Readout()
        self.tool: DrawTool = DrawTool()
        self.profile: Profile | None = None
        """The newest profile, perhaps still growing; of the line before while a new one has not
        begun."""
        self.cursor_m: float | None = None
        """The place along the profile's line that the mouse is at, in the plot or on the
        terrain."""
        self.plot_cursor_m: float | None = None
        """The same, as the plot says it; None while the mouse is elsewhere."""
        self._samplers: dict[int, SurfaceSampler] = {}  # by decoder
        self._results: dict[Hashable, MeasurementResult | Exception] = {}
        self._measurer = Latest("measurer")
        self._profiler = Latest("profiler")
        self._growing: tuple[Hashable, Profile] | None = None
        self._said: set[str] = set()

    def terrain(self, scene: Scene, file: int = 0) -> tuple[Terrain, Hashable] | None:
        """The surfaces to measure, and what tells them from others; None without a file.

        Levels and the reference are those of an open file, the main one or another.
        """
        if scene.reader is None:
            return None
        terrain = of_scene(scene, file, self._samplers)
        state = (
            tuple((slot, id(sampler)) for slot, sampler in terrain.slots.items()),
            id(terrain.reference),
        )
        return terrain, state

    def update(self, app: App) -> None:
        """One frame: ask for what is not measured yet, take in what is."""
        there = None if app.scene is None else self.terrain(app.scene)
        if there is None:
            return
        measuring = app.settings.measuring  # from a project file, perhaps: what is none is dropped
        measuring.items[:] = [item for item in measuring.items if is_valid(item)]
        measuring.profile[:] = [point for point in measuring.profile if len(point) == 2]
        self._measure(app, *there)
        self._profile(app, *there)
        self._link(app)

    def _measure(self, app: App, terrain: Terrain, state: Hashable) -> None:
        """Items one after the other; the newest points of one that is being dragged."""
        answer = self._measurer.answer
        if answer is not None and answer.key not in self._results:
            self._results[answer.key] = answer.value if answer.error is None else answer.error
            if answer.error is not None:
                self._say(app, answer.error)
        keys = [self._key(item, state) for item in app.settings.measuring.items]
        self._results = {key: self._results[key] for key in keys if key in self._results}
        for key, item in zip(keys, app.settings.measuring.items, strict=True):
            if key not in self._results:
                points = [list(point) for point in item.points]
                self._measurer.ask(key, partial(_measure, terrain, item.kind, points))
                return

    def result(self, app: App, item: Measurement) -> MeasurementResult | None:
        """Return the result of an item of `settings.measuring.items`; None while it is being
        measured."""
        there = None if app.scene is None else self.terrain(app.scene)
        found = None if there is None else self._results.get(self._key(item, there[1]))
        return found if isinstance(found, MeasurementResult) else None

    def _profile(self, app: App, terrain: Terrain, state: Hashable) -> None:
        points = [list(point) for point in app.settings.measuring.profile]
        if len({tuple(point) for point in points}) < 2:
            self.profile = self._growing = None
            self._profiler.forget()
            return
        key = repr(points), state
        if self.profile is None and not self._profiler.busy:
            window.show_panel(PROFILE_PANEL, True)
        self._profiler.ask(key, partial(self._grow, key, terrain, points))
        if self._growing is not None and self._growing[0] == key:
            self.profile = self._growing[1]
        answer = self._profiler.answer
        if answer is not None and answer.key == key and answer.error is not None:
            self._say(app, answer.error)

    def _grow(
        self,
        key: Hashable,
        terrain: Terrain,
        points: list[list[float]],
        outdated: Callable[[], bool],
    ) -> None:
        """On the worker: publish the profile piece by piece until it is whole or nobody wants
        it."""
        for grown in profiles.growing(terrain, points):
            if outdated():
                return
            self._growing = key, grown

    def _link(self, app: App) -> None:
        """The place along the line that the mouse is at: as the plot says, or near the line on the
        terrain."""
        self.cursor_m = self.plot_cursor_m
        made = self.profile
        pick = app.pick
        if self.plot_cursor_m is not None or made is None or pick is None or app.viewport is None:
            return
        meters = np.hypot(made.easting - pick.easting, made.northing - pick.northing)
        index = int(np.argmin(meters))
        nearest = np.array(
            [[made.easting[index], made.northing[index]], [pick.easting, pick.northing]]
        )
        away = np.hypot(*np.diff(self.pixels(app, nearest), axis=0)[0])
        if away <= NEAR_PX * app.viewport.ratio:
            self.cursor_m = float(made.distance_m[index])

    def pixels(self, app: App, places: np.ndarray) -> np.ndarray:
        """Pixels [n, 2] of places [n, 2] on the drawn surface; NaN behind the eye and where there
        is no surface."""
        ground = None if app.scene is None else app.scene.ground
        if ground is None or app.viewport is None:
            return np.full((len(places), 2), np.nan)
        return Projector(ground, app.camera, app.viewport.size).places(places)[0]

    def follow(self, app: App, pick: Pick | None) -> Pick | None:
        """The pick under the cursor with what workers have found out about it."""
        there = (
            None if app.scene is None else self.terrain(app.scene, 0 if pick is None else pick.file)
        )
        if pick is None or there is None:
            self.readout.forget()
            return pick
        return self.readout.follow(there[0], self._drawn(app.scene, pick), pick, there[1])

    def _drawn(self, scene: Scene | None, pick: Pick) -> SurfaceSampler | None:
        """Return the surface that a pick is of; None where it cannot be decoded."""
        decoder = None if scene is None or pick.choice is None else scene.decoder(pick.choice)
        if decoder is None:
            return None
        return self._samplers.setdefault(id(decoder), SurfaceSampler(decoder))

    def begin(self, app: App) -> None:
        """The panels of what the command line asked for are there from the start."""
        if app.launch.profile:
            window.show_panel(PROFILE_PANEL, True)
        if app.launch.measure is not None:
            window.show_panel(MEASURE_PANEL, True)

    def take_up(self, app: App, tool: str) -> None:
        """Draw with a tool, or with "none"; its panel comes to the front."""
        self.tool.choose(app, tool)
        if tool in MEASUREMENT_KINDS:
            app.settings.measuring.kind = tool
        if tool != "none":
            window.show_panel(PROFILE_PANEL if tool == "profile" else MEASURE_PANEL, True)

    def toggle(self, app: App) -> None:
        """The key M: measure, with the tool used last, or stop."""
        measuring = app.settings.measuring
        self.take_up(app, "none" if measuring.tool in MEASUREMENT_KINDS else measuring.kind)

    def toggle_profile(self, app: App) -> None:
        """The key P: draw a profile's line, or stop."""
        self.take_up(app, "none" if app.settings.measuring.tool == "profile" else "profile")

    def save(self, app: App, out: Path, write: Callable[[Path], object]) -> None:
        """Write a file and say so, or why not."""
        try:
            write(out)
        except NtileError as error:
            app.messages.error(str(error))
        else:
            app.messages.info(f"Saved {out.name}.")

    def opened(self, app: App) -> None:
        """Another file is open: what lies elsewhere goes, the rest is measured anew."""
        self.forget()
        if app.scene is None or app.scene.reader is None:
            return
        bounds = app.scene.reader.grid.bounds
        measuring = app.settings.measuring
        measuring.items = [item for item in measuring.items if _touches(bounds, item.points)]
        measuring.profile = measuring.profile if _touches(bounds, measuring.profile) else []

    @property
    def busy(self) -> bool:
        """True if something is being measured."""
        return self._measurer.busy or self._profiler.busy

    def forget(self) -> None:
        """Another file is open, or none."""
        for worker in (self.readout, self._measurer, self._profiler):
            worker.forget()
        self._samplers.clear()
        self._results.clear()
        self.profile = self._growing = self.cursor_m = self.plot_cursor_m = None

    def close(self) -> None:
        """End the threads."""
        for worker in (self.readout, self._measurer, self._profiler):
            worker.close()

    def _say(self, app: App, error: Exception) -> None:
        """Report an error of measuring, once."""
        if str(error) not in self._said:
            self._said.add(str(error))
            app.messages.error(str(error))

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
