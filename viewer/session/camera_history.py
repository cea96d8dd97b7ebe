"""Undo and redo of camera moves; a drag, a glide, a flight or a turn of the wheel is one step."""

from __future__ import annotations

from dataclasses import replace

from viewer.model.camera import Camera

REST_S = 0.4
"""Rest of the camera that ends a move, seconds: consecutive notches of the wheel are one step."""

KEPT = 200
"""Steps that can be undone."""


class History:
    """Cameras at rest, and the index of the present one."""

    def __init__(self) -> None:
        self._places: list[Camera] = []
        self._at = 0
        self._moving = False
        self._moved_s = 0.0

    def reset(self) -> None:
        """Delete all steps."""
        self._places = []
        self._at = 0
        self._moving = False

    def watch(self, before: Camera, after: Camera, now_s: float, *, busy: bool = False) -> None:
        """Record a frame by its cameras; `busy` while a button or key is held."""
        if after != before:
            # whatever else moved it, such as terrain that rose below it, is no step
            if not self._moving:
                self._places[self._at : self._at + 1] = [replace(before)]
            self._moving = True
            self._moved_s = now_s
        elif self._moving and not busy and now_s - self._moved_s >= REST_S:
            self.rest(after)

    def rest(self, camera: Camera) -> None:
        """End the move under way at a camera; delete the steps that were undone before it."""
        if self._moving:
            self._moving = False
            self._places = [*self._places[: self._at + 1], replace(camera)][-KEPT - 1 :]
            self._at = len(self._places) - 1

    @property
    def can_undo(self) -> bool:
        """True if a move can be undone."""
        return self._at > 0 or self._moving

    @property
    def can_redo(self) -> bool:
        """True if a move was undone."""
        return not self._moving and self._at + 1 < len(self._places)

    def undo(self, camera: Camera) -> Camera | None:
        """Return the camera before its latest move, which ends at `camera`; None without one."""
        self.rest(camera)
        return self._go(-1)

    def redo(self) -> Camera | None:
        """Return the camera before the latest undo; None without one."""
        return self._go(+1) if self.can_redo else None

    def _go(self, step: int) -> Camera | None:
        if not 0 <= self._at + step < len(self._places):
            return None
        self._at += step
        return replace(self._places[self._at])
