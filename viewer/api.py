"""The viewer from Python: everything the window does, without one. `viewer.render` and
`viewer.Viewer` come from here.

    import viewer

    picture = viewer.render("area.ntile", size=(1920, 1080), overlay="error")  # uint8 [h, w, 3]
    with viewer.Viewer("area.ntile", exaggeration=2, hillshade="multidirectional") as v:
        v.camera.look(30, -10)
        v.save("big.png", size=(12000, 8000))
        v.film("tour", "demo.mp4", duration_s=20)

All viewers of a process share one OpenGL context and belong to the thread that made the first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import moderngl
import numpy as np

from neural.errors import NtileError, UsageError
from neural.progress import Report
from neural.raster.reading import Raster, ReferenceRaster
from viewer.film import output, record
from viewer.film.generators import GENERATORS, generated
from viewer.graphics import gl
from viewer.model import limits
from viewer.model.camera import Camera
from viewer.model.camera_path import CameraPath, retimed
from viewer.model.readings import ErrorStats, FrameStats, Pick
from viewer.model.settings import Measurement, Settings
from viewer.pictures import offscreen
from viewer.pictures.png import png_bytes, write_strips
from viewer.scene import legend, overview
from viewer.scene.scene import Scene
from viewer.session import project_io
from viewer.session.opening import check_overlay, compare_file, open_file
from viewer.storage import bookmarks, named, path_file, project

if TYPE_CHECKING:
    from viewer.measuring.profiles import Profile
    from viewer.measuring.quantities import MeasurementResult

View = Camera | str | os.PathLike[str] | dict[str, float] | None
"""A view: a camera or its JSON values, a bookmark's name, a .json file; None is the whole area from
the south."""

Path_ = CameraPath | str | os.PathLike[str]
"""A camera path, a generator's name ("tour", "orbit"), or a path file."""

_contexts: dict[str, moderngl.Context] = {}


def render(
    path: str | os.PathLike[str],
    view: View = None,
    size: tuple[int, int] = (1280, 720),
    overlay: str = "none",
    method: str | Sequence[str] | None = None,
    bits: int | Sequence[int] | None = None,
    **options: Any,
) -> np.ndarray:
    """A picture of a file or URL, uint8 [height, width, 3], top row first; of any size.

    `options` are those of `Viewer`: `reference`, `compare`, `decorations` and settings, such as
    `split`.

        viewer.render("area.ntile", overlay="slope", decorations=["legend", "scale"])
        viewer.render("area.ntile", view="View 1", bits=4, exaggeration=3, fog=0.4)

    Raises NtileError (or its UsageError) in a sentence that says what to do.
    """
    with Viewer(path, size=size, overlay=overlay, method=method, bits=bits, **options) as viewer:
        viewer.look(view)
        return viewer.render()


class Viewer:
    """An open file and a camera, without a window. Use it as a context manager, or `close` it.

    with viewer.Viewer("area.ntile") as v:
        v.set(overlay="slope", sun_azimuth_deg=300)      # names of Settings' fields; see `set`
        v.look("View 1")
        v.pick(640, 360).z_m
        v.profile([(241100, 3908500), (241900, 3907200)]).to_csv()
        v                                                # a notebook shows the picture
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        size: tuple[int, int] = (1280, 720),
        reference: Raster | None = None,
        compare: str | os.PathLike[str] | None = None,
        method: str | Sequence[str] | None = None,
        bits: int | Sequence[int] | None = None,
        decorations: Sequence[str] = ("legend", "measurements"),
        gl_version: str = "auto",
        **settings: Any,
    ) -> None:
        """Open a file or URL. Raises NtileError.

        `method` and `bits` are of slot A, or pairs for A and B; `compare` is another file for slot
        B (`split=True` shows both); `reference` is a DEM to measure errors against, or a
        `ReferenceRaster` that says how it is read; `decorations` are what pictures carry (legend,
        scale, north, credits, measurements); `settings` as in `set`.
        """
        self.settings = Settings()
        """Everything that can be set, by name and group; may be written to."""
        self.size = size
        """Width and height of pictures, pixels."""
        self.camera = Camera()
        """The eye; may be replaced or moved."""
        self._scene: Scene | None = None
        self._seen: object = None
        self._ctx = context(gl_version)
        self.set(**settings)
        known = [f.name for f in fields(self.settings.decorations)]
        for kind in decorations:
            if kind not in known:
                raise UsageError(f"{kind!r} is no decoration; choose from {', '.join(known)}.")
        for kind in known:
            setattr(self.settings.decorations, kind, kind in decorations)
        with self._ctx:
            self._scene = Scene(self._ctx, self.settings, gl_version)
            try:
                self._open(path, reference, compare, method, bits)
            except BaseException:
                self.close()
                raise

    # Files and layers shown

    def open(
        self,
        path: str | os.PathLike[str],
        *,
        reference: Raster | None = None,
        compare: str | os.PathLike[str] | None = None,
        method: str | Sequence[str] | None = None,
        bits: int | Sequence[int] | None = None,
    ) -> None:
        """Show another file, the whole of it. Raises NtileError; the present one then stays."""
        with self._ctx:
            self._open(path, reference, compare, method, bits)

    def _open(self, path: Any, reference: Any, compare: Any, method: Any, bits: Any) -> None:
        methods = (method,) if isinstance(method, str) else tuple(method or ())
        kept = (bits,) if isinstance(bits, int) else tuple(bits or ())
        against = None if reference is None else ReferenceRaster.of(reference)
        count = None if compare is None else 1  # the rest is for the other file
        open_file(self.scene, os.fspath(path), against, methods[:count], kept[:count])
        if compare is not None:
            compare_file(self.scene, os.fspath(compare), methods, kept)
        check_overlay(self.scene)
        self.path = os.fspath(path)
        self._options: dict[str, Any] = {"methods": methods, "bits": kept, "reference": against}
        self.look(None)

    @property
    def scene(self) -> Scene:
        """The scene behind it. Raises UsageError after `close`."""
        if self._scene is None:
            raise UsageError("This viewer is closed; make another.")
        return self._scene

    def set(self, **settings: Any) -> None:
        """Change settings: `exaggeration=2`, `overlay="slope"`, `shading="hillshade"`,
        `contours=True`.

        A name is a field of one of `Settings`' groups, with the group before it where two groups
        share it (`shading_colormap`), or a group with a main field: overlay, shading, contours;
        `reach` and `overlay_colormap` are those of the overlay shown. Raises UsageError.
        """
        for name, value in settings.items():
            named.put(self.settings, name, value)

    def look(self, view: View = None) -> Camera:
        """Move the camera to a view and return it. Raises NtileError for a view there is not, or no
        size for it."""
        limits.check(self.size, limits.STRIPS)
        reader = self.scene.reader
        assert reader is not None
        if view is None:
            self.camera = overview.whole_area(self.scene, self.size)
        elif isinstance(view, Camera):
            self.camera = Camera(**view.to_json())
        elif isinstance(view, dict):
            self.camera = path_file.read_camera(view, "view")
        else:
            self.camera = bookmarks.find_view(os.fspath(view), reader.grid)
        return self.camera

    @property
    def bookmarks(self) -> bookmarks.Bookmarks:
        """The area's named views: `.views`, `.add(camera, name)`, `.rename`, `.delete`."""
        reader = self.scene.reader
        assert reader is not None
        return bookmarks.Bookmarks(reader.grid)

    def save_project(self, out: str | os.PathLike[str]) -> None:
        """Write a project file: files, slots, reference, camera and settings. Raises NtileError."""
        project.write(out, project_io.gathered(self.scene, self.camera, self._options["reference"]))

    def open_project(self, path: str | os.PathLike[str]) -> list[str]:
        """Show what a project file says; returns sentences about what could not be restored. Raises
        NtileError."""
        opened = project.read(path)
        with self._ctx:
            self._open(opened.files[0], opened.reference, None, None, None)
            said = opened.warnings + project_io.into(self.scene, opened)
        self.camera = opened.camera or self.camera
        return said

    # Pictures

    def render(self, size: tuple[int, int] | None = None, *, decorate: bool = True) -> np.ndarray:
        """The picture, every tile of it loaded, uint8 [height, width, 3]. Raises NtileError."""
        with self._ctx:
            return offscreen.draw(self.scene, self.camera, size or self.size, decorate=decorate)

    def save(
        self,
        out: str | os.PathLike[str],
        size: tuple[int, int] | None = None,
        *,
        decorate: bool = True,
    ) -> None:
        """Write the picture as PNG, a strip at a time: 30 000 × 20 000 pixels need no more memory
        than a screen."""
        size = size or self.size
        with self._ctx:
            write_strips(
                out, size, offscreen.strips(self.scene, self.camera, size, decorate=decorate)
            )

    def _repr_png_(self) -> bytes:
        """Return the picture that a notebook shows, as PNG."""
        return png_bytes(self.render())

    # Films

    def path_of(self, path: Path_, duration_s: float | None = None) -> CameraPath:
        """A generator's path for this area, or a path file's in its coordinate system. Raises
        NtileError."""
        reader = self.scene.reader
        assert reader is not None
        if isinstance(path, str) and path in GENERATORS:
            return generated(self.scene, path, self.size, duration_s)
        if not isinstance(path, CameraPath):
            read = path_file.read_path(path)
            path_file.check_crs(read, reader.grid.crs_wkt, os.fspath(path), self.path)
            path = read
        return retimed(path, duration_s) if duration_s else path

    def film(
        self,
        path: Path_,
        out: str | os.PathLike[str],
        *,
        fps: float | None = None,
        duration_s: float | None = None,
        resume: bool = False,
        progress: Report | None = None,
    ) -> int:
        """Render a camera path to an .mp4 file or a folder of PNG frames; returns the number of
        pictures.

        v.film("orbit", "orbit.mp4", duration_s=12); v.film("cam.json", "frames", fps=24)
        """
        film = record.Film(self.path_of(path, duration_s), self.size, fps)
        about = record.about(self.path, self._options, self.settings, film)
        with self._ctx:
            target = output.open_output(
                os.fspath(out), film.size_px, film.rate, about, resume=resume
            )
            return record.record(self.scene, film, target, progress)

    def frames(
        self, path: Path_, *, fps: float | None = None, duration_s: float | None = None
    ) -> Iterator[np.ndarray]:
        """The pictures of a film one after another, uint8 [height, width, 3]."""
        film = record.Film(self.path_of(path, duration_s), self.size, fps)
        pictures = record.pictures(self.scene, film)
        while True:
            with self._ctx:
                picture = next(pictures, None)
            if picture is None:
                return
            yield picture

    # Numbers

    def pick(self, x_px: float, y_px: float) -> Pick | None:
        """The surface under a pixel, x right and y down from the top left; None where there is
        none."""
        with self._ctx:
            self._load()
            return self.scene.pick(self.camera, x_px, y_px)

    @property
    def errors(self) -> ErrorStats | None:
        """Errors over what is in view, while an error overlay is on."""
        with self._ctx:
            self._load()
            return self.scene.error_stats

    @property
    def stats(self) -> FrameStats:
        """Counters of the picture: tiles, triangles, bytes."""
        with self._ctx:
            self._load()
            return self.scene.stats

    @property
    def legend(self) -> legend.Legend | None:
        """Legend of the picture's colors."""
        with self._ctx:
            self._load()
            return legend.for_scene(self.scene)

    def profile(self, points: Sequence[Sequence[float]], *, show: bool = False) -> Profile:
        """Heights of A, B and the reference along a line of (easting, northing) points, from the
        continuous decode.

        `show`: pictures have the line from now on.
        """
        from viewer import measuring

        found = measuring.profile(self.path, points, **self._options)
        if show:
            self.settings.measuring.profile = [list(point) for point in points]
        return found

    def measure(
        self, kind: str, points: Sequence[Sequence[float]], *, show: bool = False
    ) -> MeasurementResult:
        """Measure a "point", a "distance" or an "area" given by (easting, northing) points.

        `show`: pictures have it from now on, with its number.
        """
        from viewer import measuring

        found = measuring.measure(self.path, kind, points, **self._options)
        if show:
            self.settings.measuring.items.append(
                Measurement(kind, [list(point) for point in points])
            )
        return found

    def _load(self) -> None:
        with offscreen.offline_quality(self.scene):
            offscreen.load(self.scene, self.camera, self.size)

    # Life

    def close(self) -> None:
        """Free what it holds; the OpenGL context stays for the next viewer."""
        if self._scene is not None:
            with self._ctx:
                self._scene.release()
            self._scene = None

    def __enter__(self) -> Viewer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._scene is None else f"{self.size[0]}×{self.size[1]} pixels"
        return f"<Viewer {Path(getattr(self, 'path', '?')).name}, {state}>"


def context(gl_version: str = "auto") -> moderngl.Context:
    """The process's OpenGL context for pictures without a window. Raises NtileError for an unknown
    version."""
    if gl_version not in gl.VERSIONS:
        raise NtileError(
            f"There is no OpenGL version {gl_version!r} to choose; there are "
            f"{', '.join(gl.VERSIONS)}."
        )
    if gl_version not in _contexts:
        _contexts[gl_version] = gl.create_context(gl_version)
    return _contexts[gl_version]
