"""Which overlay a picture shows and where its colours end."""

from __future__ import annotations

from collections.abc import Sequence

from viewer import overlay_kinds, tile_errors
from viewer.overlay_kinds import KINDS
from viewer.pane import Pane
from viewer.passes.terrain import CONTOUR_PX, Look
from viewer.settings import Settings
from viewer.survey import TYPICAL, Survey


class Colouring:
    """Follows from the settings, what is measured and what is in sight."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def overlay(self, pane: Pane) -> str:
        """The overlay of a pane's picture: the one chosen, or "none" while the errors it needs are not there."""
        name = self._settings.overlay.name
        measures = KINDS[name].measures if name in KINDS else ""
        shown = pane.shown.measure
        there = not measures or (shown is not None and shown.quantity == measures)
        return name if there else "none"

    def reach(self, panes: Sequence[Pane], survey: Survey) -> float:
        """Where the overlay's colours end, before amplification; the same in all panes."""

        def typical() -> float:
            if not KINDS[self._settings.overlay.name].measures:
                return survey.typical
            return tile_errors.percentile([each for pane in panes for each in pane.errors], TYPICAL)

        return overlay_kinds.reach(self._settings.overlay, typical)

    def look(self, panes: Sequence[Pane], survey: Survey, elevation_m: tuple[float, float], scale: float) -> Look:
        """Colours that all panes share; `scale`: see `survey.scale`."""
        return Look(
            self._settings,
            "none",
            0,
            elevation_m,
            None,
            overlay_kinds.ends(self._settings.overlay, self.reach(panes, survey)),
            survey.interval_m(self._settings),
            CONTOUR_PX * scale,
        )
