"""Projection of lines and polygons on the drawn surface, split into visible and occluded parts.
Pure."""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np

from viewer.measuring import geometry
from viewer.model.camera import Camera

PLACES = 144
"""Sampled positions of a line on the drawn surface, corners not counted."""

LOOKS = 64
"""Samples between a point of a line and the eye in the occlusion test."""

DASH = 2
"""Length of dashes and gaps of an occluded line, in pieces."""


class DrawnSurface(Protocol):
    """Drawn surface of a picture (`viewer.scene.ground.DrawnGround`)."""

    def coarse_z(self, easting: np.ndarray, northing: np.ndarray) -> np.ndarray:
        """Return drawn heights at positions [n]; NaN outside."""


class Projector(NamedTuple):
    """Camera, surface and size of a picture."""

    ground: DrawnSurface
    camera: Camera
    size_px: tuple[int, int]

    def project(self, points: np.ndarray) -> np.ndarray:
        """Return pixels [n, 2] from the picture's top left corner of drawn points [n, 3]; NaN
        behind the eye."""
        width, height = self.size_px
        right, up, forward = ((points - self.camera.eye) @ self.camera.axes.T).T
        with np.errstate(divide="ignore", invalid="ignore"):
            depth = np.where(forward > 0, forward, np.nan)
            scale = height / (2 * math.tan(math.radians(self.camera.fov_deg) / 2)) / depth
        return np.column_stack([width / 2 + right * scale, height / 2 - up * scale])

    def places(self, places: np.ndarray, *, look: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Return pixels [n, 2] of positions [n, 2] on the drawn surface and, with `look`, a mask of
        the visible ones, bool [n]."""
        points = np.column_stack([places, self.ground.coarse_z(places[:, 0], places[:, 1])])
        seen = np.ones(len(points), bool)
        if look:
            share = np.linspace(0.0, 1.0, LOOKS + 1)[1:-1] ** 2  # denser near the line
            way = self.camera.eye - points
            rays = points[:, None, :] + share[None, :, None] * way[:, None, :]
            between = self.ground.coarse_z(rays[..., 0].ravel(), rays[..., 1].ravel()).reshape(
                rays.shape[:2]
            )
            clear = 0.001 * np.linalg.norm(way, axis=1)[:, None]
            with np.errstate(invalid="ignore"):
                seen = ~(between > rays[..., 2] + clear).any(axis=1)
        return self.project(points), seen


class Lines(NamedTuple):
    """Projected shape; pixels from the picture's top left corner, float64 [n, 2] each."""

    solid: list[np.ndarray]  # visible polylines
    dashed: list[np.ndarray]  # hidden pieces
    corners: np.ndarray
    # [2], position of the label; None without a surface below
    anchor: np.ndarray | None


def lay(view: Projector, corners: np.ndarray, *, closed: bool = False, look: bool = True) -> Lines:
    """Project a polyline through corners [n, 2] or, if `closed`, a polygon; without `look` all of
    it counts as visible."""
    if closed:
        corners = geometry.as_ring(corners)
    outline = geometry.as_points(np.concatenate([corners, corners[:1]]) if closed else corners)
    solid: list[np.ndarray] = []
    dashed: list[np.ndarray] = []
    if len(outline) > 1:
        length = float(geometry.segment_lengths_m(outline).sum())
        pieces = geometry.along(outline, length / PLACES, 2 * PLACES)
        pixels, seen = view.places(np.column_stack([pieces.easting, pieces.northing]), look=look)
        on_ground = np.isfinite(pixels[:-1, 0]) & np.isfinite(pixels[1:, 0])
        open_view = on_ground & seen[:-1] & seen[1:]
        solid = _runs(pixels, open_view)
        drawn = np.arange(len(pixels) - 1) % (2 * DASH) < DASH
        dashed = _runs(pixels, on_ground & ~open_view & drawn)
    middle = corners.mean(axis=0) if closed else corners[-1]
    ends, _ = view.places(np.concatenate([corners, middle[None, :], corners[:1]]))
    spots = ends[: len(corners)]
    anchors = ends[len(corners) :]
    anchors = anchors[np.isfinite(anchors[:, 0])]
    return Lines(
        solid, dashed, spots[np.isfinite(spots[:, 0])], anchors[0] if len(anchors) else None
    )


def _runs(pixels: np.ndarray, pieces: np.ndarray) -> list[np.ndarray]:
    """Return runs of consecutive pieces [n − 1] between points [n, 2] as polylines."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], pieces.astype(int), [0]])))
    return [pixels[start : stop + 1] for start, stop in zip(edges[::2], edges[1::2], strict=True)]
