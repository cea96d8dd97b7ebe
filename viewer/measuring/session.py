"""Measuring in the window: what `App.measuring` is. It answers the panels, the status bar and the tools."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from neural.sampling import Sampler
from viewer.measuring.readout import Readout
from viewer.measuring.terrain import Terrain
from viewer.stats import Pick

if TYPE_CHECKING:
    from viewer.app import App
    from viewer.scene import Scene


class Measuring:
    """What is measured in one window, and the threads that do it."""

    def __init__(self) -> None:
        self.readout = Readout()
        self._samplers: dict[int, Sampler] = {}  # by decoder

    def terrain(self, scene: Scene) -> tuple[Terrain, Hashable] | None:
        """The surfaces to measure, and what tells them from others; None without a file."""
        if scene.reader is None:
            return None
        slots = {}
        for slot, choice in scene.settings.slots.items():
            decoder = scene.decoder(choice)
            if decoder is None:
                continue
            kept = self._samplers.get(id(decoder))
            if kept is None:
                kept = self._samplers[id(decoder)] = Sampler(decoder)
            slots[slot] = kept
        state = tuple((slot, id(sampler)) for slot, sampler in slots.items()), id(scene.reference)
        return Terrain(scene.reader.grid, slots, scene.reference), state

    def follow(self, app: App, pick: Pick | None) -> Pick | None:
        """The pick under the cursor with what workers have found out about it."""
        there = None if app.scene is None else self.terrain(app.scene)
        if pick is None or there is None:
            self.readout.forget()
            return pick
        return self.readout.follow(there[0], pick, there[1])

    def forget(self) -> None:
        """Another file is open, or none."""
        self.readout.forget()
        self._samplers.clear()

    def close(self) -> None:
        """End the threads."""
        self.readout.close()
