"""Cascaded shadow maps: parallel projections fitted to the view frustum. No GL.

The picture's depth is cut into slices with a map each, so that near ground gets finer ones
(cascaded shadow maps: Engel 2006). Sizes go in steps of √2 and places in whole texels of absolute
coordinates, so that shadows stand still while the camera moves and pieces of a large picture agree.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np

MARGIN_TEXELS = 3
"""Margin of a map for filtering, texels on each side."""

SHALLOW = 5.0
"""Largest ratio of far to near plane covered by one map."""

NEAREST = 1 / 300
"""Nearest start of a slice, as a share of the far plane's distance: the limit of detail."""


class Cascade(NamedTuple):
    """One shadow map."""

    # float64 [4, 4], eye-relative, row vectors; the sun is at clip z −∞
    clip_from_world: np.ndarray
    texel_m: float
    far_m: float  # view depth at which its slice ends

    def sees(self, boxes: np.ndarray) -> np.ndarray:
        """Return a mask of the eye-relative boxes [n, 6] that may be visible in the map or cast
        into it, bool [n]."""
        low, high = _along(self.clip_from_world[:3, :2].T, boxes)
        place = self.clip_from_world[3, :2]
        return ((low + place < 1) & (high + place > -1)).all(axis=1)


def cascades(
    sun: tuple[float, float, float],
    sight: np.ndarray,
    planes_m: tuple[float, float],
    receivers: np.ndarray,
    casters: np.ndarray,
    eye: np.ndarray,
    size_px: int,
    most: int,
) -> list[Cascade]:
    """Return up to `most` maps of size_px² texels for the slices of a picture, nearest first.

    `sight` is `Camera.pyramid`, `planes_m` the near and far distance. `receivers` (drawn tiles) and
    `casters` (all tiles between them and the sun) are boxes float64 [n, 6], lowest corner then
    highest, relative to the eye.
    """
    # imported when there are shadows: it takes a tenth of the time to the first frame
    from pyrr import matrix44

    axes = _axes(sun)
    low, high = _along(axes, receivers)
    caster_low, caster_high = _along(axes, casters)
    origin = axes @ eye
    out = []
    for near, far in _slices(*planes_m, most):
        corners = np.array([[x, y, 1.0] for x in (-1, 1) for y in (-1, 1)]) @ sight @ axes.T
        slab = np.concatenate([near * corners, far * corners])
        least = slab.min(axis=0)
        most_ = slab.max(axis=0)
        hit = ((low < most_) & (high > least)).all(axis=1)
        if hit.any():
            least = np.maximum(least, low[hit].min(axis=0))
            most_ = np.minimum(most_, high[hit].max(axis=0))
        across = float((most_ - least)[:2].max())
        texel = 2 ** (
            math.ceil(2 * math.log2(max(across, 1e-3) / (size_px - 2 * MARGIN_TEXELS - 1))) / 2
        )
        middle = (least + most_) / 2
        middle[:2] = np.round((origin + middle)[:2] / texel) * texel - origin[:2]
        half = texel * size_px / 2
        seen = (caster_low < middle + half)[:, :2].all(axis=1) & (caster_high > middle - half)[
            :, :2
        ].all(axis=1)
        top = max(float(caster_high[seen, 2].max(initial=most_[2])), float(most_[2]))
        bottom = min(float(least[2]), top - 1e-3)
        left = middle[0] - half
        right = middle[0] + half
        low_side = middle[1] - half
        high_side = middle[1] + half
        projection = matrix44.create_orthogonal_projection(
            left, right, low_side, high_side, -top, -bottom
        )
        turned = np.eye(4)
        turned[:3, :3] = axes.T
        out.append(Cascade(turned @ projection, texel, far))
    return out


def _axes(sun: tuple[float, float, float]) -> np.ndarray:
    """Return the unit vectors right, up and to the sun, [3, 3]."""
    towards = np.array(sun)
    right = np.cross((0.0, 0.0, 1.0), towards) if towards[2] < 0.9999 else np.array([1.0, 0.0, 0.0])
    right /= np.linalg.norm(right)
    up = np.cross(towards, right)
    return np.stack([right, up / np.linalg.norm(up), towards])


def _along(axes: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return begin and end of boxes along axes [m, 3], [n, m] each."""
    center = (boxes[:, :3] + boxes[:, 3:]) / 2 @ axes.T
    half = (boxes[:, 3:] - boxes[:, :3]) / 2 @ np.abs(axes.T)
    return center - half, center + half


def _slices(near: float, far: float, most: int) -> list[tuple[float, float]]:
    """Return the view depths between slices: in equal ratios."""
    if most < 2 or far < SHALLOW * near:
        return [(near, far)]
    start = max(near, far * NEAREST)
    cuts = start * (far / start) ** (np.arange(most + 1) / most)
    cuts[0] = near
    return list(pairwise(cuts.tolist()))
