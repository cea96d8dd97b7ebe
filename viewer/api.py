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
from viewer.session.document import Document
from viewer.session.open_request import OpenRequest
from viewer.session.session import Session
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
        self._closed = False
        self._session = Session(self.settings)
        self._ctx = context(gl_version)
        self.set(**settings)
        kinds = [kind.name for kind in fields(self.settings.decorations)]
        for kind in decorations:
            if kind not in kinds:
                raise UsageError(f"{kind!r} is no decoration; choose from {', '.join(kinds)}.")
        for kind in kinds:
            setattr(self.settings.decorations, kind, kind in decorations)
        with self._ctx:
            self._session.attach(self._ctx, gl_version)
        try:
            self.open(path, reference=reference, compare=compare, method=method, bits=bits)
        except BaseException:
            self.close()
            raise

    # Files and layers

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
        request = OpenRequest(
            os.fspath(path),
            None if reference is None else ReferenceRaster.of(reference),
            (method,) if isinstance(method, str) else tuple(method or ()),
            (bits,) if isinstance(bits, int) else tuple(bits or ()),
            None if compare is None else os.fspath(compare),
            check_overlay=True,
        )
        self._show(request)
        self.look(None)

    def _show(self, request: OpenRequest) -> list[str]:
        with self._ctx:
            warnings = self._session.open(request)
        self.path = request.path
        self._options: dict[str, Any] = {
            "methods": request.methods,
            "bits": request.bits,
            "reference": request.reference,
        }
        return warnings

    @property
    def camera(self) -> Camera:
        """The eye; may be replaced or moved."""
        return self._session.camera

    @camera.setter
    def camera(self, camera: Camera) -> None:
        self._session.camera = camera

    @property
    def scene(self) -> Scene:
        """The scene behind it. Raises UsageError after `close`."""
        return self._document.scene

    @property
    def _document(self) -> Document:
        if self._closed:
            raise UsageError("This viewer is closed; make another.")
        return self._session.require_document()

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
        if view is None:
            self.camera = overview.whole_area(self.scene, self.size)
        elif isinstance(view, Camera):
            self.camera = Camera(**view.to_json())
        elif isinstance(view, dict):
            self.camera = path_file.read_camera(view, "view")
        else:
            self.camera = bookmarks.find_view(os.fspath(view), self._document.reader.grid)
        return self.camera

    @property
    def bookmarks(self) -> bookmarks.Bookmarks:
        """The area's named views: `.views`, `.add(camera, name)`, `.rename`, `.delete`."""
        return bookmarks.Bookmarks(self._document.reader.grid)

    def save_project(self, out: str | os.PathLike[str]) -> None:
        """Write a project file: files, slots, reference, camera and settings. Raises NtileError."""
        project.write(out, self._session.projects.gather())

    def open_project(self, path: str | os.PathLike[str]) -> list[str]:
        """Restore a project file; return warnings about what could not be restored. Raises
        NtileError; the present file then stays."""
        opened = project.read(path)
        self._session.navigation.size_px = self.size
        return self._show(
            OpenRequest(
                opened.files[0],
                opened.reference,
                project=opened,
                project_path=os.fspath(path),
            )
        )

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
        if isinstance(path, str) and path in GENERATORS:
            return generated(self.scene, path, self.size, duration_s)
        if not isinstance(path, CameraPath):
            read = path_file.read_path(path)
            crs = self._document.reader.grid.crs_wkt
            path_file.check_crs(read, crs, os.fspath(path), self.path)
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
        if not self._closed:
            self._closed = True
            with self._ctx:
                self._session.close()

    def __enter__(self) -> Viewer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{self.size[0]}×{self.size[1]} pixels"
        return f"<Viewer {Path(self.path).name}, {state}>"


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
