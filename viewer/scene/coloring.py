"""Overlay of a picture and its color range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from viewer.graphics.passes.terrain import CONTOUR_PX, Look
from viewer.graphics.survey import TYPICAL, Survey
from viewer.model import overlays
from viewer.model.overlays import BLOCKS, EDGE_GAP, OVERLAYS
from viewer.model.readings import ErrorStats
from viewer.model.settings import Settings
from viewer.scene.pane import Pane
from viewer.tiles import tile_errors
from viewer.tiles.tile_errors import TileSample

LIGHT_SHARE = 0.7
"""Share of a color table that scales of blocks take."""


class Coloring:
    """Overlay and color range, derived from settings, measured errors and the survey."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lists: list[list[TileSample]] = []
        self._percentile = 0.0  # of `_lists`

    def overlay(self, pane: Pane) -> str:
        """Return the overlay of a pane's picture: the chosen one, or "none" while its errors are
        missing."""
        name = self._settings.overlay.name
        measures = OVERLAYS[name].measures if name in OVERLAYS else ""
        measured = pane.current.measure
        available = not measures or (measured is not None and measured.quantity == measures)
        return name if available else "none"

    def color_limit(self, panes: Sequence[Pane], survey: Survey) -> float:
        """Return the upper end of the overlay's colors, before amplification; the same in all
        panes."""
        return overlays.color_limit(self._settings.overlay, lambda: self._typical(panes, survey))

    def range(self, panes: Sequence[Pane], survey: Survey) -> tuple[float, float]:
        """Return the values at both ends of the overlay's colors; the same in all panes."""
        if self._settings.overlay.name == BLOCKS:
            scales = [scale for pane in panes for scale in pane.block_sides] or [0]
            low = min(scales) - 0.5
            # Most blocks are small: the darkest colors would hide the relief under them.
            return low, low + (max(scales) + 0.5 - low) / LIGHT_SHARE
        return overlays.color_range(self._settings.overlay, self.color_limit(panes, survey))

    def _typical(self, panes: Sequence[Pane], survey: Survey) -> float:
        """Return the magnitude of the overlay's values in view."""
        name = self._settings.overlay.name
        if name == EDGE_GAP:
            return tile_errors.percentile(
                [tile_errors.summary_of(pane.gaps) for pane in panes], TYPICAL
            )
        if not OVERLAYS[name].measures:
            return survey.typical
        lists = [pane.errors for pane in panes]
        if len(lists) != len(self._lists) or any(
            a is not b for a, b in zip(lists, self._lists, strict=True)
        ):
            self._lists = lists
            self._percentile = tile_errors.percentile(tile_errors.summaries(chain(*lists)), TYPICAL)
        return self._percentile

    def forget(self) -> None:
        """Drop the errors of a closed file."""
        self._lists = []

    def stats(self, pane: Pane) -> ErrorStats | None:
        """Return statistics over a pane's view; None without an error overlay or measured
        errors."""
        if self.overlay(pane) == EDGE_GAP:
            return tile_errors.combine([tile_errors.summary_of(pane.gaps)], 0)
        return self.of_errors(pane.errors)

    def of_errors(self, samples: Sequence[TileSample]) -> ErrorStats | None:
        """Return statistics over tile samples; None without any."""
        tolerance = self._settings.overlay.tolerance_m
        beyond = sum(sample.errors.beyond(tolerance, sample.blocks) for sample in samples)
        stats = tile_errors.combine(tile_errors.summaries(samples), beyond)
        return None if stats is None else replace(stats, levels=tile_errors.levels(samples))

    def look(
        self, panes: Sequence[Pane], survey: Survey, elevation_m: tuple[float, float], scale: float
    ) -> Look:
        """Return the colors shared by all panes; `scale`: see `survey.scale`."""
        return Look(
            self._settings,
            "none",
            0,
            elevation_m,
            None,
            self.range(panes, survey),
            survey.interval_m(self._settings),
            CONTOUR_PX * scale,
        )
