"""Tiled rendering: pictures larger than the GPU's limits as seamless pieces. No GL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from viewer.model.camera import Camera

GUARD_PX = 24
"""Discarded margin around a piece, pixels, for effects that read neighboring pixels."""


class Piece(NamedTuple):
    """A rectangle of a picture, pixels from its top left corner."""

    left: int
    top: int
    width: int
    height: int


@dataclass
class PieceCamera(Camera):
    """Camera of a piece of a picture, with the same pixels as the whole picture there.

    Levels of detail depend on distance and on pixels of the whole picture, so pieces agree on them.
    """

    whole_px: tuple[int, int] = (1, 1)
    piece: Piece = field(default_factory=lambda: Piece(0, 0, 1, 1))

    @classmethod
    def of(cls, camera: Camera, whole_px: tuple[int, int], piece: Piece) -> PieceCamera:
        """Return the camera of a piece of a picture of `whole_px` pixels."""
        view = {f.name: getattr(camera, f.name) for f in fields(Camera)}
        return cls(**view, whole_px=whole_px, piece=piece)

    @property
    def window(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top of the piece, as `Camera.window`."""
        (width, height) = self.whole_px
        piece = self.piece
        left, right = (2 * x / width - 1 for x in (piece.left, piece.left + piece.width))
        top, bottom = (1 - 2 * y / height for y in (piece.top, piece.top + piece.height))
        return left, right, bottom, top

    def whole(self, size_px: tuple[int, int]) -> tuple[int, int]:
        """Return the size of the whole picture, as `Camera.whole`."""
        return self.whole_px

    def clip_from_view(self, aspect: float, near: float, far: float) -> np.ndarray:
        """Return the piece's projection, as `Camera.clip_from_view`; `aspect` is the piece's."""
        left, right, bottom, top = self.window
        cut = np.eye(4)
        cut[0, 0] = 2 / (right - left)
        cut[1, 1] = 2 / (top - bottom)
        cut[3, 0] = -(right + left) / (right - left)
        cut[3, 1] = -(top + bottom) / (top - bottom)
        return super().clip_from_view(self.whole_px[0] / self.whole_px[1], near, far) @ cut

    def ray(self, x_px: float, y_px: float, size_px: tuple[int, int]) -> np.ndarray:
        """Return the direction through a pixel of the piece, as `Camera.ray`."""
        return super().ray(x_px + self.piece.left, y_px + self.piece.top, self.whole_px)


def strips(size_px: tuple[int, int], piece_px: tuple[int, int]) -> Iterator[list[Piece]]:
    """Divide a picture into rows of pieces no larger than `piece_px`, from the top; pieces of a row
    from the left."""
    (width, height) = size_px
    (most_x, most_y) = piece_px
    columns = -(-width // most_x)
    rows = -(-height // most_y)
    x = [width * k // columns for k in range(columns + 1)]
    y = [height * k // rows for k in range(rows + 1)]
    for top, below in pairwise(y):
        yield [Piece(left, top, right - left, below - top) for left, right in pairwise(x)]


def guarded(piece: Piece) -> Piece:
    """Return a piece with its guard of GUARD_PX on all sides."""
    return Piece(
        piece.left - GUARD_PX,
        piece.top - GUARD_PX,
        piece.width + 2 * GUARD_PX,
        piece.height + 2 * GUARD_PX,
    )
